// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/handles.h"

#include <utility>

namespace opendext::client {

HandleTable& HandleTable::instance() {
    static auto& table =
        *new HandleTable;  // never destroyed: exit handlers of programs may still use handles
    return table;
}

io_object_t HandleTable::insert(std::shared_ptr<HandleObject> object) {
    do {
        next_ += 4;  // odd and spread out, so that a handle is not mistaken for a count or an index
    } while (next_ < 0x1000 || slots_.contains(next_));
    slots_.emplace(next_, Slot{std::move(object), 1});
    return next_;
}

io_object_t HandleTable::add(std::shared_ptr<HandleObject> object) {
    const std::lock_guard lock(mutex_);
    return insert(std::move(object));
}

io_object_t HandleTable::entry(uint64_t id) {
    if (id == 0) return IO_OBJECT_NULL;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end()) {
        ++slots_[found->second].references;
        return found->second;
    }
    const io_object_t handle = insert(std::make_shared<EntryHandle>(id));
    entries_.emplace(id, handle);
    return handle;
}

std::shared_ptr<HandleObject> HandleTable::find(io_object_t handle) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(handle);
    return found == slots_.end() ? nullptr : found->second.object;
}

bool HandleTable::retain(io_object_t handle) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(handle);
    if (found == slots_.end()) return false;
    ++found->second.references;
    return true;
}

bool HandleTable::release(io_object_t handle) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = slots_.find(handle);
        if (found == slots_.end()) return false;
        if (--found->second.references > 0) return true;
    }
    remove(handle);
    return true;
}

void HandleTable::remove(io_object_t handle) {
    std::shared_ptr<HandleObject> object;
    {
        const std::lock_guard lock(mutex_);
        const auto found = slots_.find(handle);
        if (found == slots_.end()) return;
        object = std::move(found->second.object);
        slots_.erase(found);
        if (object->kind == HandleObject::Kind::connection)
            closed_connections_.fetch_add(1, std::memory_order_release);
        if (object->kind == HandleObject::Kind::entry) {
            entries_.erase(static_cast<const EntryHandle&>(*object).id);
        }
    }
    object->released();
}

uint32_t HandleTable::references(io_object_t handle) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(handle);
    return found == slots_.end() ? 0 : found->second.references;
}

}  // namespace opendext::client
