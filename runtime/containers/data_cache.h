// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSData.h>

#include <array>
#include <cstddef>

namespace opendext::runtime {

/// The OSData that a thread which serves calls has done with, for its next ones: each call with
/// structures makes two, and making and freeing them is a fifth of one that does not wait. While
/// there is a cache, OSData::withBytes of its thread takes from it. One a thread, on that thread.
class DataCache {
  public:
    DataCache();
    ~DataCache();
    DataCache(const DataCache&) = delete;
    DataCache& operator=(const DataCache&) = delete;

    /// Takes the caller's reference. Kept if there is no other one, and it is small.
    void give_back(OSData* data);
    /// One that holds these bytes as if newly made, or nullptr.
    OSData* make(const void* bytes, size_t size);

  private:
    static constexpr size_t kMost = 2;
    std::array<OSData*, kMost> spare_{};
    size_t count_ = 0;
};

}  // namespace opendext::runtime
