// SPDX-License-Identifier: Apache-2.0
#include "daemon/requests.h"

#include <utility>

namespace opendext::daemon {

uint64_t Requests::add(std::chrono::milliseconds deadline, std::string what, Done done) {
    const uint64_t serial = next_++ | serial_bits_;
    waiting_.emplace(serial, Waiting{std::move(what), deadline, std::move(done), nullptr});
    arm(serial);
    return serial;
}

void Requests::arm(uint64_t serial) {
    Waiting& waiting = waiting_.at(serial);
    waiting.timer = loop_.after(waiting.deadline, [this, serial] {
        const auto place = waiting_.find(serial);
        if (place == waiting_.end()) return;
        if (debugged_ && debugged_()) {
            arm(serial);
            return;
        }
        const Waiting late = std::move(place->second);
        waiting_.erase(place);
        late.done(Error{
            Errc::timed_out, 0,
            late.what + ": no answer within " + std::to_string(late.deadline.count()) + " ms"});
    });
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
