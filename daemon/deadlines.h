// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "daemon/supervision/clock.h"

namespace opendext::daemon {

/// Every wait of opendextd for somebody else. Injected, so that tests need not wait; a realm sets
/// them in its realm.conf (supervision/settings.h). Those for a driver process stand still while it
/// is traced (Countdown). A driver process that lets one pass is reported and ended, if not said
/// otherwise.
enum class Deadline : uint8_t {
    spawn,     ///< keeper: from Spawn to Spawned
    check_in,  ///< process: from Spawned to CheckIn with its token (docs/facts/semantics.md section
               ///< 4)
    load,      ///< process: Load to Loaded
    instantiate,      ///< process: Instantiate to Reply; init() runs in it
    start,            ///< process: Start of an object
    family_start,     ///< family: object_started to done
    stop,             ///< process: Stop to super::Stop, provider active
    stop_unplugged,   ///< process: the same, provider gone; then the object is detached without it
    earlier_closes,   ///< open: Stop of the user clients that were closed before; then it goes on
    new_user_client,  ///< process: NewUserClient
    attach_client,    ///< process: AttachClient to Reply
    set_properties,   ///< process: SetProperties of a client program
    relayed_call,     ///< process: a call that another driver made on its object
    client_crashed,   ///< process: ClientCrashed
    power_acknowledge,  ///< process: SetPowerState to super's SetPowerState
    report,             ///< process: ConfigureReport and UpdateReport
    exit,               ///< process: Exit to its end; then it is killed
    hang_up,            ///< process: end of file on its control socket to its end
    reap,               ///< keeper: from SIGKILL to Exited
    keeper_request,     ///< keeper: open, hold, fetch, release, nodes
    shut_down,          ///< realm: everything terminated
    replace_extension,  ///< realm: the instances of a bundle gone; then its request is told to wait
};
inline constexpr size_t kDeadlineCount = 22;
[[nodiscard]] std::string_view to_string(Deadline deadline);

class Deadlines {
  public:
    Deadlines();  ///< the values of a real realm
    [[nodiscard]] std::chrono::milliseconds of(Deadline deadline) const {
        return values_[static_cast<size_t>(deadline)];
    }
    void set(Deadline deadline, std::chrono::milliseconds value) {
        values_[static_cast<size_t>(deadline)] = value;
    }

  private:
    std::array<std::chrono::milliseconds, kDeadlineCount> values_;
};

/// Time that runs down to `fire` and stands still while `frozen` says so; then it goes on with what
/// was left. It looks every 16th of its duration (20 ms to 1 s) and takes off only what it has
/// looked at, so neither a debugger's visit nor a pause of opendextd itself uses it up.
class Countdown {
  public:
    /// `frozen` may be empty. `fire` is called once, unless the countdown goes before that; it may
    /// destroy the countdown.
    Countdown(Clock& clock, std::chrono::milliseconds duration, std::function<bool()> frozen,
              std::function<void()> fire);
    Countdown(const Countdown&) = delete;
    Countdown& operator=(const Countdown&) = delete;
    [[nodiscard]] std::chrono::milliseconds left() const { return left_; }
    /// Since it began, time that stood still included.
    [[nodiscard]] std::chrono::milliseconds age() const;
    [[nodiscard]] bool stands_still() const { return frozen_ && frozen_(); }

  private:
    void arm();
    void look();

    Clock& clock_;
    Clock::Time begun_;
    std::chrono::milliseconds left_;
    std::chrono::milliseconds longest_slice_;
    std::chrono::milliseconds slice_{0};
    std::function<bool()> frozen_;
    std::function<void()> fire_;
    std::unique_ptr<Handle> timer_;
};

/// Whether a debugger holds the process: it is traced. One that was merely stopped (SIGSTOP) is
/// not: a driver must not get out of its deadlines that way.
[[nodiscard]] bool is_being_debugged(int32_t pid);

}  // namespace opendext::daemon
