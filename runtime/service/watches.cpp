// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/watches.h"

#include <DriverKit/OSObject.h>

#include "runtime/objects/object_table.h"

namespace opendext::runtime {

uint64_t Watches::add(OSObject* source, Ready ready) {
    const std::lock_guard lock(mutex_);
    watches_[next_] = {source, ready};
    return next_++;
}

void Watches::remove(uint64_t number) {
    const std::lock_guard lock(mutex_);
    watches_.erase(number);
}

void Watches::ready(uint64_t number) {
    Watch watch;
    {
        const std::lock_guard lock(mutex_);
        const auto found = watches_.find(number);
        if (found == watches_.end() || !try_retain(found->second.source)) return;
        watch = found->second;
    }
    watch.ready(watch.source);
    watch.source->release();
}

}  // namespace opendext::runtime
