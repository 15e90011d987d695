// SPDX-License-Identifier: Apache-2.0
#include "daemon/deadlines.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

namespace opendext::daemon {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string_view to_string(Deadline deadline) {
    switch (deadline) {
        case Deadline::spawn:
            return "spawn";
        case Deadline::check_in:
            return "check-in";
        case Deadline::load:
            return "load";
        case Deadline::instantiate:
            return "init";
        case Deadline::start:
            return "Start";
        case Deadline::family_start:
            return "family start";
        case Deadline::stop:
            return "Stop";
        case Deadline::stop_unplugged:
            return "Stop after unplug";
        case Deadline::earlier_closes:
            return "Stop of earlier user clients";
        case Deadline::new_user_client:
            return "NewUserClient";
        case Deadline::attach_client:
            return "attach client";
        case Deadline::set_properties:
            return "SetProperties";
        case Deadline::relayed_call:
            return "relayed call";
        case Deadline::client_crashed:
            return "ClientCrashed";
        case Deadline::power_acknowledge:
            return "SetPowerState";
        case Deadline::report:
            return "report";
        case Deadline::exit:
            return "exit";
        case Deadline::hang_up:
            return "hang-up";
        case Deadline::reap:
            return "reap";
        case Deadline::keeper_request:
            return "keeper request";
        case Deadline::shut_down:
            return "shut down";
        case Deadline::replace_extension:
            return "replacement of an extension";
    }
    return "unknown";
}

Deadlines::Deadlines() {
    values_.fill(seconds(30));
    set(Deadline::check_in, seconds(120));
    set(Deadline::start, seconds(120));
    set(Deadline::relayed_call, seconds(120));
    set(Deadline::stop_unplugged, seconds(5));
    // A driver for one program at a time may need that long; others have waited for nothing.
    set(Deadline::earlier_closes, seconds(10));
    set(Deadline::power_acknowledge, seconds(20));
    set(Deadline::exit, seconds(5));
    set(Deadline::hang_up, seconds(2));
    set(Deadline::reap, seconds(5));
    set(Deadline::replace_extension, seconds(60));  // longer than stop, exit and reap together
    set(Deadline::shut_down, seconds(8));           // the keeper waits 10 s
}

Countdown::Countdown(Clock& clock, milliseconds duration, std::function<bool()> frozen,
                     std::function<void()> fire)
    : clock_(clock),
      begun_(clock.now()),
      left_(duration),
      longest_slice_(frozen ? std::clamp(duration / 16, milliseconds(20), milliseconds(1000))
                            : duration),
      frozen_(std::move(frozen)),
      fire_(std::move(fire)) {
    arm();
}

milliseconds Countdown::age() const {
    return std::chrono::duration_cast<milliseconds>(clock_.now() - begun_);
}

void Countdown::arm() {
    slice_ = std::min(left_, longest_slice_);
    timer_ = clock_.after(slice_, [this] { look(); });
}

void Countdown::look() {
    if (frozen_ && frozen_()) return arm();
    left_ -= slice_;
    if (left_.count() > 0) return arm();
    const auto fire = std::move(fire_);
    fire();  // this may be gone afterwards
}

bool is_being_debugged(int32_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    std::string line;
    while (std::getline(status, line)) {
        // Also where the tracer's number is none of our process id namespace's.
        if (line.starts_with("State:") && line.find("t (") != std::string::npos) return true;
        if (line.starts_with("TracerPid:"))
            return line.find_first_of("123456789") != std::string::npos;
    }
    return false;
}

}  // namespace opendext::daemon
