// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/driver_memory.h"

#include <utility>

namespace opendext::client {

DataQueueRing DriverMemory::queue() const {
    if (!bell || length <= DataQueueRing::kHeaderSize) return {};
    return {range.data(), static_cast<size_t>(length)};
}

void DriverMemory::end(opendext_origin how) {
    ended.store(how);
    const DataQueueRing ring = queue();
    if (ring.valid() && writable) ring.wake_consumer();
}

DriverMemories& DriverMemories::instance() {
    static auto& memories = *new DriverMemories;  // programs may still use queues at exit
    return memories;
}

void DriverMemories::add(std::shared_ptr<DriverMemory> memory) {
    const std::lock_guard lock(mutex_);
    const uint64_t address = memory->address();
    by_address_.insert_or_assign(address, std::move(memory));
    generation_.fetch_add(1, std::memory_order_release);
}

void DriverMemories::remove(uint64_t address) {
    std::shared_ptr<DriverMemory> last;  // unmapped without the lock
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    if (found == by_address_.end()) return;
    last = std::move(found->second);
    by_address_.erase(found);
    generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<DriverMemory> DriverMemories::find(const void* address) {
    const auto at = reinterpret_cast<uint64_t>(address);
    const std::lock_guard lock(mutex_);
    auto behind = by_address_.upper_bound(at);
    if (behind == by_address_.begin()) return nullptr;
    const auto& memory = std::prev(behind)->second;
    return at - memory->address() < memory->length ? memory : nullptr;
}

}  // namespace opendext::client
