// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/deadlines.h"
#include "daemon/supervision/clock.h"
#include "rpc/socket.h"

namespace opendext::daemon {

/// The requests that opendextd made over one connection and that wait for their reply. Every
/// request ends exactly once: with its reply, with Errc::timed_out at its deadline, or with the
/// error given to fail_all.
class Requests {
  public:
    using Done = std::function<void(Result<Message>)>;
    /// `serial_bits` are set in every serial. `debugged`: whether a deadline must wait (may be
    /// empty).
    Requests(Clock& clock, uint64_t serial_bits, std::function<bool()> debugged = {})
        : clock_(clock), serial_bits_(serial_bits), debugged_(std::move(debugged)) {}

    /// The serial for the request's message: the next one, or `named`, which no request has that
    /// waits.
    uint64_t add(std::chrono::milliseconds deadline, std::string what, Done done,
                 uint64_t named = 0);
    /// The first serial, before any request.
    void start_at(uint64_t first) { next_ = first; }
    /// A serial of its own for a message that has no reply.
    [[nodiscard]] uint64_t take_serial() { return next_++ | serial_bits_; }
    /// Whether the message was the reply to a request of ours.
    bool complete(Message& message);
    /// Ends every request; those that callbacks add meanwhile too.
    void fail_all(const Error& error);
    [[nodiscard]] size_t size() const { return waiting_.size(); }
    /// Calls visit(what, countdown) for each, oldest first.
    template <typename Visit>
    void visit(Visit visit) const {
        for (const auto& [serial, waiting] : waiting_) visit(waiting.what, *waiting.countdown);
    }

  private:
    struct Waiting {
        std::string what;
        Done done;
        std::unique_ptr<Countdown> countdown;
    };

    Clock& clock_;
    uint64_t serial_bits_;
    std::function<bool()> debugged_;
    uint64_t next_ = 1;
    std::map<uint64_t, Waiting> waiting_;
};

}  // namespace opendext::daemon
