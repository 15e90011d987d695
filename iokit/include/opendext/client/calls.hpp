// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_CALLS_HPP_
#define OPENDEXT_CLIENT_CALLS_HPP_

#include <opendext/client/connection.hpp>

#include <vector>

namespace opendext::iokit {

/// Calls in flight: several from one thread, without waiting for each. One thread at a time; a
/// connection can have one of these for each thread.
///
///     auto calls = Calls::create(connection, 32);
///     for (uint64_t i = 0; i < 32; ++i) calls->add(i, kSquare, {{i}, {}}, {{&squares[i], 1}, {}});
///     calls->submit();                               // wakes the driver once
///     while (calls->pending() > 0)
///         for (const CallResult& done : *calls->wait()) use(done.user, done.result);
class Calls {
  public:
    using CallResult = opendext_call_result;

    /// At most `depth` calls (1 to 1024) added and not taken.
    static Result<Calls> create(const Connection& connection, uint32_t depth) {
        opendext_calls_t calls = nullptr;
        const kern_return_t code = opendext_calls_create(connection.get(), depth, &calls);
        if (code != KERN_SUCCESS) return last_error(code);
        return Calls(calls, depth);
    }
    Calls(Calls&& other) noexcept
        : calls_(std::exchange(other.calls_, nullptr)),
          waiting_(std::move(other.waiting_)),
          results_(std::move(other.results_)) {}
    Calls& operator=(Calls&& other) noexcept {
        std::swap(calls_, other.calls_);
        std::swap(waiting_, other.waiting_);
        std::swap(results_, other.results_);
        return *this;
    }
    ~Calls() { opendext_calls_destroy(calls_); }

    /// Puts a call in the row; submit() sends the row. `user` comes back with the result. What
    /// `input` refers to must live until submit(), `room` until the result was taken.
    void add(uint64_t user, uint32_t selector, const Input& input, const Room& room = {}) {
        waiting_.push_back(detail::make_call(user, selector, input, room));
    }
    /// Sends what was added and wakes the driver once. With an error, what was not sent stays in
    /// the row: kIOReturnNoSpace if more than `depth` would be in flight.
    Result<void> submit() {
        uint32_t sent = 0;
        const kern_return_t code = opendext_calls_submit(
            calls_, waiting_.data(), static_cast<uint32_t>(waiting_.size()), &sent);
        waiting_.erase(waiting_.begin(), waiting_.begin() + sent);
        return outcome(code);
    }
    /// Calls that were added and not sent.
    [[nodiscard]] uint32_t unsent() const { return static_cast<uint32_t>(waiting_.size()); }
    /// Forgets them.
    void drop_unsent() { waiting_.clear(); }

    /// Takes the results that are there; waits until there are `at_least`, unless fewer are in
    /// flight. They are valid until the next wait().
    Result<std::span<const CallResult>> wait(uint32_t at_least = 1,
                                             uint32_t timeout_ms = OPENDEXT_FOREVER) {
        uint32_t count = 0;
        const kern_return_t code =
            opendext_calls_wait(calls_, results_.data(), static_cast<uint32_t>(results_.size()),
                                at_least, timeout_ms, &count);
        if (code != KERN_SUCCESS && count == 0) return last_error(code);
        return std::span<const CallResult>(results_.data(), count);
    }
    /// Calls sent whose results were not taken.
    [[nodiscard]] uint32_t pending() const { return opendext_calls_pending(calls_); }

    /// The failure that a result tells of.
    static Error error(const CallResult& result) {
        return {result.result, result.origin, result.reason};
    }

  private:
    Calls(opendext_calls_t calls, uint32_t depth) : calls_(calls), results_(depth) {
        waiting_.reserve(depth);
    }
    opendext_calls_t calls_ = nullptr;
    std::vector<opendext_call> waiting_;
    std::vector<CallResult> results_;
};

using CallResult = Calls::CallResult;

}  // namespace opendext::iokit

#endif
