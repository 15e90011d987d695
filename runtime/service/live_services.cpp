// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/live_services.h"

#include <DriverKit/IOUserServer.h>

#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"

namespace opendext::runtime {

LiveServices& LiveServices::shared() {
    static auto& services = *new LiveServices;
    return services;
}

void LiveServices::initialised(const OSMetaClass* meta) {
    // The server ends with the process.
    if (meta == gIOUserServerMetaClass) return;
    const std::lock_guard lock(mutex_);
    ++count_[meta];
}

void LiveServices::freed(const OSMetaClass* meta) {
    if (meta == gIOUserServerMetaClass) return;
    const std::lock_guard lock(mutex_);
    const auto found = count_.find(meta);
    if (found == count_.end()) return;
    if (--found->second == 0) count_.erase(found);
    changed_.notify_all();
}

void LiveServices::report() {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kGrace, [this] { return count_.empty(); })) return;
    for (const auto& [meta, count] : count_) {
        log_driver_bug("%zu object(s) of %s ended and was not freed: a reference was kept", count,
                       class_name(meta));
    }
}

}  // namespace opendext::runtime
