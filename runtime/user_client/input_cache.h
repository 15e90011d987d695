// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSData.h>

#include <utility>

#include "runtime/containers/data_refill.h"

namespace opendext::runtime {

/// The OSData in which a thread gives ExternalMethod its input: the same for one call after the
/// other, as long as the driver does not keep it. Making and freeing one is a tenth of a call that
/// does not wait. One thread.
class InputCache {
  public:
    InputCache() = default;
    ~InputCache() { OSSafeReleaseNULL(spare_); }
    InputCache(const InputCache&) = delete;
    InputCache& operator=(const InputCache&) = delete;

    /// A reference of the caller's to a copy of the bytes; nullptr: no memory.
    OSData* make(const void* bytes, size_t size) {
        if (spare_ != nullptr && refill(*spare_, bytes, size))
            return std::exchange(spare_, nullptr);
        return OSData::withBytes(bytes, size);
    }
    /// Takes the reference of one that is not needed any more.
    void give_back(OSData* data) {
#if !__has_feature(address_sanitizer)  // which is to see a driver that uses it later
        if (spare_ == nullptr && data != nullptr && data->getRetainCount() == 1) {
            spare_ = data;
            return;
        }
#endif
        OSSafeReleaseNULL(data);
    }

  private:
    OSData* spare_ = nullptr;
};

}  // namespace opendext::runtime
