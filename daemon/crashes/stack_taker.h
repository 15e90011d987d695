// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "crash/stacks.h"
#include "daemon/event_loop.h"
#include "rpc/fd.h"

namespace opendext::daemon {

/// Takes the stacks of driver processes: of one that crashes, and of one that does not answer. Each
/// time in a short-lived program of its own (opendext-stacks), which stops the process, copies what
/// is needed, lets it go on, and only then, without any rights, looks for names and lines.
/// Everything about the process is hostile; opendextd only reads the bounded answer. For the thread
/// of the event loop.
///
///     context.stacks.take({.pid = process.pid(), .deadline = 10s}, [](Result<crash::Stacks> got) {
///         if (got.ok()) log(got->to_text());
///     });
class StackTaker {
  public:
    struct Request {
        int32_t pid = 0;                         ///< a driver process of this realm
        std::chrono::milliseconds deadline{};    ///< then: Errc::timed_out. Injected; 10 s is ample
        std::optional<crash::Fault> fault = {};  ///< of a process that crashes
        /// Closed as soon as the process is not needed any more, which is long before `done`.
        UniqueFd release = {};
    };
    using Done = std::function<void(Result<crash::Stacks>)>;

    explicit StackTaker(EventLoop& loop);
    ~StackTaker();
    StackTaker(const StackTaker&) = delete;
    StackTaker& operator=(const StackTaker&) = delete;

    /// Calls `done` once, later: with the stacks, or with why there are none (the process is gone
    /// or is being debugged, the deadline, no rights). It is stopped for some milliseconds.
    void take(Request request, Done done);

    /// How many are under way. Beyond kMostAtOnce requests wait in a queue.
    [[nodiscard]] size_t pending() const { return jobs_.size(); }
    static constexpr size_t kMostAtOnce = 4;

  private:
    struct Job;
    void start_waiting();
    Status start(uint64_t number);
    void readable(uint64_t number);
    void finish(uint64_t number, Result<crash::Stacks> result);

    EventLoop& loop_;
    std::map<uint64_t, std::unique_ptr<Job>> jobs_;
    uint64_t next_ = 1;
};

}  // namespace opendext::daemon
