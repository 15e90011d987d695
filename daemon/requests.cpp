// SPDX-License-Identifier: Apache-2.0
#include "daemon/requests.h"

#include <utility>

namespace opendext::daemon {

uint64_t Requests::add(std::chrono::milliseconds deadline, std::string what, Done done,
                       uint64_t named) {
    const uint64_t serial = named != 0 ? named : take_serial();
    auto countdown =
        std::make_unique<Countdown>(clock_, deadline, debugged_, [this, serial, deadline, what] {
            const auto place = waiting_.find(serial);
            const std::string text =
                what + ": no answer within " + std::to_string(deadline.count()) + " ms";
            const Waiting late = std::move(place->second);
            waiting_.erase(place);
            late.done(Error{Errc::timed_out, 0, text});
        });
    waiting_.emplace(serial, Waiting{std::move(what), std::move(done), std::move(countdown)});
    return serial;
}

bool Requests::complete(Message& message) {
    const auto place = waiting_.find(message.serial);
    if (message.serial == 0 || place == waiting_.end()) return false;
    const Waiting answered = std::move(place->second);
    waiting_.erase(place);
    answered.done(std::move(message));
    return true;
}

void Requests::fail_all(const Error& error) {
    while (!waiting_.empty()) {
        const Waiting first = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        first.done(Error{error});
    }
}

}  // namespace opendext::daemon
