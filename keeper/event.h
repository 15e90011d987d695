// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <functional>
#include <memory>

namespace opendext::keeper {

/// A subscription to something that sd-event watches; ends with the object, also from within its
/// own callback.
class Watch {
  public:
    Watch() = default;
    /// From here on the descriptor may be closed: nothing refers to it any more, even within the
    /// callback.
    ~Watch() { end(); }
    Watch(Watch&&) noexcept = default;
    Watch& operator=(Watch&& other) noexcept;
    explicit operator bool() const { return state_ != nullptr; }
    /// What is ready at the same time is seen to before the others. Whatever came of it elsewhere
    /// comes after it.
    void go_first() const;
    /// Pauses and resumes it.
    void enable(bool on) const;

  private:
    friend class EventLoop;
    struct State;
    void end();
    std::shared_ptr<State> state_;
};

/// The one event loop of the keeper, which has one thread. Callbacks may add and end watches.
class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Called whenever `fd` can be read or has hung up. The descriptor must outlive the watch.
    [[nodiscard]] Watch readable(int fd, std::function<void()> call);
    /// Called once, `delay` from now.
    [[nodiscard]] Watch after(std::chrono::milliseconds delay, std::function<void()> call);
    /// Called when the child behind `pidfd` has ended and has been reaped; with its status as
    /// waitpid gives it.
    [[nodiscard]] Watch ended(int pidfd, std::function<void(int wait_status)> call);
    /// `number` must be blocked.
    [[nodiscard]] Watch on_signal(int number, std::function<void()> call);

    /// Runs until quit(); returns its argument.
    int run();
    void quit(int status);

  private:
    sd_event* event_ = nullptr;
};

}  // namespace opendext::keeper
