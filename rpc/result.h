// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace opendext {

/// What kind of failure an Error is. The numbers go over sockets and into logs: append, never
/// reorder. A number that this version does not know is read as `unknown`.
enum class Errc : uint32_t {
    unknown = 0,
    system = 1,     ///< a system call failed; `Error::number` is errno
    invalid = 2,    ///< the input breaks a rule; the message names file, key, value and the fix
    malformed = 3,  ///< bytes from another process or a file do not parse
    not_found = 4,
    exists = 5,
    not_permitted = 6,
    not_ready = 7,
    timed_out = 8,
    peer_gone = 9,  ///< the other process ended or closed the connection
    no_space = 10,
    unsupported = 11,
    kern = 12,  ///< an IOReturn / kern_return_t; `Error::number` holds it
};

[[nodiscard]] std::string_view to_string(Errc code);

/// A failure with its reason in words. Made where the context is richest, passed up by OD_TRY,
/// logged once by the owner of the operation.
struct [[nodiscard]] Error {
    Errc code = Errc::unknown;
    int64_t number = 0;   ///< errno for `system`, IOReturn for `kern`, else 0
    std::string message;  ///< one line, no trailing full stop or newline

    static Error system(std::string what);  ///< uses errno
    static Error system(std::string what, int error_number);
    static Error kern(int64_t io_return, std::string what);

    /// "message: strerror" or "message (0xe00002bc)": what a log or a tool prints.
    [[nodiscard]] std::string text() const;
    /// Puts `context: ` before the message.
    [[nodiscard]] Error in(std::string_view context) &&;
};

/// The one result type of the tree: a value or an Error.
template <typename T = std::monostate>
class [[nodiscard]] Result {
  public:
    // NOLINTBEGIN(google-explicit-constructor): a return statement is meant to convert
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    // NOLINTEND(google-explicit-constructor)
    /// Makes the value where it stays: for hot paths.
    template <typename... Arguments>
    explicit(false) Result(std::in_place_t, Arguments&&... arguments)
        : state_(std::in_place_index<0>, std::forward<Arguments>(arguments)...) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    [[nodiscard]] explicit operator bool() const { return ok(); }
    [[nodiscard]] T& value() & { return std::get<0>(state_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
    [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] Error& error() & { return std::get<1>(state_); }
    [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
    [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }
    T* operator->() { return &value(); }
    T& operator*() & { return value(); }
    const T* operator->() const { return &value(); }
    const T& operator*() const& { return value(); }

  private:
    std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
/// The success value of a Status.
inline Status success() {
    return std::monostate{};
}

}  // namespace opendext

/// Evaluates to the value of a Result, or returns its Error from the enclosing function.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): a statement expression cannot be a function
#define OD_TRY(expression)                                          \
    __extension__({                                                 \
        auto od_result_ = (expression);                             \
        if (!od_result_.ok()) return std::move(od_result_).error(); \
        std::move(od_result_).value();                              \
    })
