// SPDX-License-Identifier: Apache-2.0
#include "daemon/family.h"

#include <algorithm>
#include <utility>

#include "daemon/io_return.h"

namespace opendext::daemon {

struct Responder::State {
    std::function<void(CallAnswer)> send;
    ~State() {
        if (send) send(CallAnswer::error(kIOReturnAborted));
    }
};

Responder::Responder(std::function<void(CallAnswer)> send)
    : state_(std::make_shared<State>(std::move(send))) {}

void Responder::operator()(CallAnswer answer) const {
    if (!state_ || !state_->send) return;
    const auto send = std::exchange(state_->send, nullptr);
    send(std::move(answer));
}

std::string_view to_string(End end) {
    switch (end) {
        case End::start_failed:
            return "start failed";
        case End::terminated:
            return "terminated";
        case End::process_died:
            return "process died";
    }
    return "unknown";
}

std::string_view to_string(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::notice:
            return "default";
        case LogLevel::error:
            return "error";
        case LogLevel::fault:
            return "fault";
    }
    return "unknown";
}

int32_t FamilyHost::open_provider(EntryId, EntryId) {
    return kIOReturnUnsupported;
}

int32_t FamilyHost::close_provider(EntryId, EntryId) {
    return kIOReturnNotOpen;
}

EntryId FamilyHost::opener(EntryId) const {
    return kNoEntry;
}

namespace {
std::vector<RegisteredFamily>& families() {
    static std::vector<RegisteredFamily> all;
    return all;
}
}  // namespace

FamilyRegistration::FamilyRegistration(std::string_view name, Make make) {
    auto& all = families();
    const auto place = std::find_if(
        all.begin(), all.end(), [&](const RegisteredFamily& other) { return name < other.name; });
    all.insert(place, RegisteredFamily{std::string(name), make});
}

const std::vector<RegisteredFamily>& registered_families() {
    return families();
}

}  // namespace opendext::daemon
