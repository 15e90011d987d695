// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/shared_state.h"

#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSString.h>

namespace opendext::runtime {

Result<std::shared_ptr<SharedState>> SharedState::make(const char* name) {
    const UniqueFd memory = OD_TRY(make_sealed_memory(name, kSize));
    return from_descriptor(memory.get());
}

Result<std::shared_ptr<SharedState>> SharedState::from_descriptor(int fd) {
    const size_t size = OD_TRY(sealed_memory_size(fd));
    if (size < kSize) return Error{Errc::malformed, 0, "the shared memory is too small"};
    auto state = std::make_shared<SharedState>();
    state->mapping_ = OD_TRY(Mapping::map(fd, 0, kSize, Mapping::Access::read_write));
    return state;
}

Result<std::shared_ptr<SharedState>> NamedStates::get(const IOUserClient* client,
                                                      const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
    auto& place = states_[{client, name}];
    if (auto state = place.lock()) return state;
    auto made = OD_TRY(SharedState::make(name.c_str()));
    place = made;
    return made;
}

void NamedStates::forget(const IOUserClient* client, const std::string& name,
                         const SharedState* state) {
    const std::lock_guard lock(mutex_);
    const auto place = states_.find({client, name});
    if (place != states_.end() && place->second.lock().get() == state) states_.erase(place);
}

bool name_fits(OSString* name, const IOUserClient* client, size_t max) {
    return name != nullptr && client != nullptr && name->getLength() > 0 &&
           name->getLength() <= max;
}

}  // namespace opendext::runtime
