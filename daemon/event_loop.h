// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/family.h"
#include "daemon/supervision/clock.h"
#include "rpc/result.h"

struct sd_event;

namespace opendext::daemon {

/// A watched descriptor whose events can be changed.
class IoHandle : public Handle {
  public:
    virtual void set_events(uint32_t events) = 0;
};

/// opendextd's one thread: timers, descriptors and signals over sd-event. Every handle may be
/// destroyed inside its own callback. All functions are for the thread that runs the loop.
class EventLoop final : public Clock {
  public:
    static Result<std::unique_ptr<EventLoop>> create();
    ~EventLoop() override;
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    [[nodiscard]] Time now() const override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                std::function<void()> fire) override;
    /// One watch for a descriptor at a time. `fd` must outlive the handle.
    [[nodiscard]] std::unique_ptr<IoHandle> watch(int fd, uint32_t events,
                                                  std::function<void(uint32_t)> ready);
    /// The signal is blocked for the process and delivered here.
    [[nodiscard]] std::unique_ptr<Handle> on_signal(int number, std::function<void()> fire);
    /// Runs `work` before the loop waits again, after what was posted before it.
    void post(std::function<void()> work);
    /// Forgets what was posted and has not run: its owner goes away.
    void forget_posted();

    /// The loop is settled when it is about to wait and no posted work is left: then `commit` runs,
    /// and after it what when_settled() was given. So nothing leaves opendextd before the state
    /// that it follows from is recorded (docs/design/adoption.md).
    void on_settle(std::function<void()> commit);
    /// Whether somebody commits; else there is nothing to wait for.
    [[nodiscard]] bool settles() const;
    /// Work after a commit: what somebody waits for who makes others wait, what leaves opendextd
    /// otherwise, and what nobody waits for.
    enum class Settled : uint8_t { first, next, last };
    /// Runs `work` once, after the next commit; of the same kind in the order of the calls.
    void when_settled(std::function<void()> work, Settled kind = Settled::next);
    /// Runs `work` after each commit, before what is last.
    void before_last(std::function<void()> work);
    /// Commits now, whatever is still posted.
    void settle();

    /// Runs until exit().
    int run();
    void exit(int status);
    /// Runs until `done` or until `timeout` is over; whether it was done. For tests.
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds timeout);
    /// Delivers one event if one is there, without waiting; whether there was one. For tests.
    bool turn();

  private:
    explicit EventLoop(sd_event* event);
    struct Posted;
    sd_event* event_;
    std::unique_ptr<Posted> posted_;
};

}  // namespace opendext::daemon
