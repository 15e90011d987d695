// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_RESULT_HPP_
#define OPENDEXT_CLIENT_RESULT_HPP_

#include <opendext/client.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace opendext::iokit {

/// Why a call did not do what it was asked for.
struct Error {
    kern_return_t code = kIOReturnError;               ///< what the C function returned
    opendext_origin origin = OPENDEXT_ORIGIN_LIBRARY;  ///< who refused
    std::string reason;                                ///< in words

    /// "kIOReturnBadArgument", or the number in hexadecimal if it has no name.
    [[nodiscard]] std::string name() const {
        if (const char* known = opendext_error_name(code)) return known;
        char number[16];
        std::snprintf(number, sizeof number, "0x%08x", static_cast<unsigned>(code));
        return number;
    }
    /// The driver died before it answered: open the service again once it is back.
    [[nodiscard]] bool is_driver_death() const { return origin == OPENDEXT_ORIGIN_DRIVER_DIED; }
    /// The driver's object ended in order before it answered: it may never be back.
    [[nodiscard]] bool is_termination() const { return origin == OPENDEXT_ORIGIN_TERMINATED; }
    /// The driver lives and answered with `code`.
    [[nodiscard]] bool is_driver_answer() const { return origin == OPENDEXT_ORIGIN_DRIVER; }
    /// One line for people.
    [[nodiscard]] std::string text() const {
        return reason.empty() ? name() : name() + ": " + reason;
    }
};

/// The failure that this thread's last call told of.
inline Error last_error(kern_return_t code) {
    return {code, opendext_last_error_origin(), opendext_last_error_reason()};
}

/// A value or an Error, with the members of C++23's std::expected that are of use here. Asking a
/// failure for its value ends the program with the error's text: check first.
template <typename T>
class [[nodiscard]] Result {
  public:
    using value_type = T;

    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

    [[nodiscard]] bool has_value() const noexcept { return content_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& value() & { return checked(*this); }
    [[nodiscard]] const T& value() const& { return checked(*this); }
    [[nodiscard]] T&& value() && { return std::move(checked(*this)); }
    [[nodiscard]] T& operator*() & { return checked(*this); }
    [[nodiscard]] const T& operator*() const& { return checked(*this); }
    [[nodiscard]] T&& operator*() && { return std::move(checked(*this)); }
    [[nodiscard]] T* operator->() { return &checked(*this); }
    [[nodiscard]] const T* operator->() const { return &checked(*this); }
    template <typename U>
    [[nodiscard]] T value_or(U&& other) && {
        return has_value() ? std::move(*std::get_if<0>(&content_))
                           : static_cast<T>(std::forward<U>(other));
    }
    template <typename U>
    [[nodiscard]] T value_or(U&& other) const& {
        return has_value() ? *std::get_if<0>(&content_) : static_cast<T>(std::forward<U>(other));
    }

    [[nodiscard]] const Error& error() const {
        if (const Error* error = std::get_if<1>(&content_)) return *error;
        std::fputs("opendext: Result::error() of a value\n", stderr);
        std::abort();
    }

    /// What `next` makes of the value, a Result itself; else the same error.
    template <typename F>
    auto and_then(F&& next) && -> std::invoke_result_t<F, T&&> {
        if (!has_value()) return error();
        return std::invoke(std::forward<F>(next), std::move(*this).value());
    }
    /// The same for a function that cannot fail.
    template <typename F>
    auto transform(F&& change) && -> Result<std::remove_cvref_t<std::invoke_result_t<F, T&&>>> {
        if (!has_value()) return error();
        return std::invoke(std::forward<F>(change), std::move(*this).value());
    }

  private:
    template <typename Self>
    static auto& checked(Self& self) {
        if (auto* value = std::get_if<0>(&self.content_)) return *value;
        std::fprintf(stderr, "opendext: a call failed and its result was used: %s\n",
                     self.error().text().c_str());
        std::abort();
    }
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT

    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] const Error& error() const {
        if (error_) return *error_;
        std::fputs("opendext: Result::error() of a success\n", stderr);
        std::abort();
    }
    template <typename F>
    auto and_then(F&& next) && -> std::invoke_result_t<F> {
        if (!has_value()) return error();
        return std::invoke(std::forward<F>(next));
    }

  private:
    std::optional<Error> error_;
};

/// The outcome of a C function of this library that has just been called.
inline Result<void> outcome(kern_return_t code) {
    if (code == kIOReturnSuccess) return {};
    return last_error(code);
}

}  // namespace opendext::iokit

#endif
