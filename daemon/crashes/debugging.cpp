// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/debugging.h"

#include <algorithm>
#include <utility>

#include "daemon/deadlines.h"

namespace opendext::daemon {
namespace {

/// How often a process that waits is looked at: nothing tells that one is traced.
constexpr std::chrono::milliseconds kPause{50};

bool is_meant(const LaunchSpec& spec, const std::string& name) {
    return spec.bundle_id == name || spec.server_name == name ||
           spec.bundle_id.substr(spec.bundle_id.rfind('.') + 1) == name;
}

}  // namespace

void Debugging::wait_for(uint64_t client, std::string name, Waiting waiting) {
    requests_.push_back({client, std::move(name), std::move(waiting)});
}

void Debugging::forget(uint64_t client) {
    std::erase_if(requests_, [&](const Request& each) { return each.client == client; });
    std::list<Held> going;
    for (auto place = held_.begin(); place != held_.end();) {
        const auto next = std::next(place);
        if (place->client == client) going.splice(going.end(), held_, place);
        place = next;
    }
    for (const Held& each : going) {
        if (!each.process.expired()) each.go();
    }
}

bool Debugging::waits_for(const LaunchSpec& spec) const {
    return std::ranges::any_of(requests_,
                               [&](const Request& each) { return is_meant(spec, each.name); });
}

bool Debugging::hold(DriverProcess& process, std::function<void()> go) {
    const auto request = std::ranges::find_if(
        requests_, [&](const Request& each) { return is_meant(process.spec(), each.name); });
    if (request == requests_.end()) return false;
    held_.push_back(
        {request->client, process.weak_from_this(), std::move(request->waiting), std::move(go)});
    requests_.erase(request);
    // Later: its check-in may come before the keeper has told its id.
    if (!timer_) timer_ = loop_.after(kPause, [this] { look(); });
    return true;
}

void Debugging::look() {
    timer_.reset();
    std::list<Held> going;
    for (auto place = held_.begin(); place != held_.end();) {
        const auto next = std::next(place);
        const ProcessPtr process = place->process.lock();
        if (!process) {
            held_.erase(place);
        } else if (process->pid() == 0) {
            // The keeper has yet to tell.
        } else if (place->waiting) {
            std::exchange(place->waiting, nullptr)(process->pid());
        } else if (is_being_debugged(process->pid())) {
            going.splice(going.end(), held_, place);
        }
        place = next;
    }
    for (const Held& each : going) {
        if (!each.process.expired()) each.go();
    }
    if (!held_.empty()) timer_ = loop_.after(kPause, [this] { look(); });
}

}  // namespace opendext::daemon
