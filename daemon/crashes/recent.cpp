// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/recent.h"

#include <ctime>
#include <utility>

#include "rpc/codec.h"
#include "rpc/protocol/driver.h"

namespace opendext::daemon {
namespace {

uint64_t now_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

void Recent::line(const LogLine& line) {
    if (lines_.size() >= kLines) lines_.pop_front();
    lines_.push_back({line.time_ns != 0 ? line.time_ns : now_ns(CLOCK_REALTIME), line.level,
                      line.message.substr(0, kLongest)});
}

void Recent::add(Traffic traffic) {
    if (messages_.size() >= kMessages) messages_.pop_front();
    traffic.time_ns = now_ns(CLOCK_MONOTONIC);
    messages_.push_back(std::move(traffic));
}

void Recent::received(const Message& message) {
    Traffic traffic;
    traffic.from_driver = true;
    traffic.kind = message.kind;
    if (message.kind == static_cast<uint32_t>(protocol::driver::Kind::log)) return;
    if (message.kind == static_cast<uint32_t>(protocol::driver::Kind::call)) {
        Reader reader(message.body);  // an Invocation begins with these
        traffic.object = reader.get<uint64_t>();
        traffic.method = reader.get<uint64_t>();
    }
    add(std::move(traffic));
}

void Recent::sent(uint32_t kind, const std::string& what) {
    Traffic traffic;
    traffic.kind = kind;
    traffic.what = what.substr(0, kLongest);
    add(std::move(traffic));
}

}  // namespace opendext::daemon
