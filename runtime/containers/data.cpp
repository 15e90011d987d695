// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/containers/container_class.h"
#include "runtime/containers/data_cache.h"

using namespace opendext::runtime;

OSMetaClass* gOSDataMetaClass;

/// Lies behind its object, in one piece of memory with it: each call of a client program with
/// structures makes two.
struct OSData_IVars {
    uint8_t* bytes = nullptr;
    size_t size = 0;
    size_t capacity = 0;
    size_t promised = 0;    // what withCapacity was asked for
    bool borrowed = false;  // the caller's bytes: they do not grow and are not freed

    ~OSData_IVars() {
        if (!borrowed && !lies_behind()) ::free(bytes);
    }
    /// The bytes follow these ivars.
    [[nodiscard]] bool lies_behind() const {
        return bytes == reinterpret_cast<const uint8_t*>(this + 1);
    }
    /// Makes room; false if there is none.
    bool reserve(size_t wanted) {
        if (wanted <= capacity) return true;
        const bool behind = lies_behind();
        auto* moved = static_cast<uint8_t*>(realloc(behind ? nullptr : bytes, wanted));
        if (moved == nullptr) return false;
        if (behind) memcpy(moved, bytes, size);
        bytes = moved;
        capacity = wanted;
        return true;
    }
};

namespace {

ContainerRegistration<OSData> g_data("OSData", "OSContainer", &gOSDataMetaClass);

/// Bytes up to this size lie behind the object; larger ones are not worth zeroing first.
constexpr size_t kMostBehind = 512;

/// With room for so many bytes behind it.
OSData* make(size_t behind = 0) {
    auto* data = new_container<OSData>(gOSDataMetaClass, sizeof(OSData_IVars) + behind);
    if (data == nullptr) return nullptr;
    static_assert(sizeof(OSData) % alignof(OSData_IVars) == 0);
    data->ivars = new (static_cast<void*>(data + 1)) OSData_IVars;
    if (behind == 0) return data;
    data->ivars->bytes = reinterpret_cast<uint8_t*>(data->ivars + 1);
    data->ivars->capacity = behind;
    return data;
}

}  // namespace

// -- What is kept for the next call

namespace {
thread_local DataCache* t_cache = nullptr;
/// Of what is worth keeping: no more than a call carries in its frame.
[[maybe_unused]] constexpr size_t kMostKept = 4096;
}  // namespace

DataCache::DataCache() {
    t_cache = this;
}
DataCache::~DataCache() {
    t_cache = nullptr;
    while (count_ > 0) spare_[--count_]->release();
}
void DataCache::give_back(OSData* data) {
    if (data == nullptr) return;
#if !__has_feature(address_sanitizer)  // which is to see a driver that uses it later
    const OSData_IVars& own = *data->ivars;
    if (count_ < kMost && data->getRetainCount() == 1 && !own.borrowed &&
        own.capacity <= kMostKept && own.promised <= kMostKept) {
        spare_[count_++] = data;
        return;
    }
#endif
    data->release();
}
OSData* DataCache::make(const void* bytes, size_t size) {
    if (count_ == 0) return nullptr;
    OSData* data = spare_[--count_];
    OSData_IVars& own = *data->ivars;
    if (size > own.capacity) {
        data->release();  // the larger one takes its place
        return nullptr;
    }
    if (size > 0) memcpy(own.bytes, bytes, size);
    own.size = size;
    own.promised = 0;
    return data;
}

// -- OSData

OSDataPtr OSData::withCapacity(uint32_t capacity) {
    OSData* data = make();
    if (data != nullptr) data->ivars->promised = capacity;
    return data;
}
OSDataPtr OSData::withBytes(const void* bytes, size_t numBytes) {
    if (bytes == nullptr && numBytes > 0) return nullptr;
    if (t_cache != nullptr) {
        if (OSData* kept = t_cache->make(bytes, numBytes)) return kept;
    }
    const bool behind = numBytes <= kMostBehind;
    OSData* data = make(behind ? numBytes : 0);
    if (data == nullptr) return nullptr;
    if (behind) {
        if (numBytes > 0) memcpy(data->ivars->bytes, bytes, numBytes);
        data->ivars->size = numBytes;
    } else if (!data->appendBytes(bytes, numBytes)) {
        OSSafeReleaseNULL(data);
    }
    return data;
}
OSDataPtr OSData::withBytesNoCopy(void* bytes, size_t numBytes) {
    if (bytes == nullptr && numBytes > 0) return nullptr;
    OSData* data = make();
    if (data != nullptr) {
        data->ivars->bytes = static_cast<uint8_t*>(bytes);
        data->ivars->size = data->ivars->capacity = numBytes;
        data->ivars->borrowed = true;
    }
    return data;
}
OSDataPtr OSData::withData(const OSData* inData) {
    return inData == nullptr ? nullptr : withBytes(inData->getBytesNoCopy(), inData->getLength());
}
OSDataPtr OSData::withData(const OSData* inData, size_t start, size_t numBytes) {
    if (inData == nullptr) return nullptr;
    const size_t length = inData->getLength();
    if (start > length || numBytes > length - start) return nullptr;
    if (numBytes == 0) return withCapacity(0);
    return withBytes(static_cast<const uint8_t*>(inData->getBytesNoCopy()) + start, numBytes);
}

size_t OSData::getLength() const {
    return ivars->size;
}
size_t OSData::getCapacity() const {
    return std::max(ivars->capacity, ivars->promised);
}
bool OSData::appendBytes(const void* bytes, size_t numBytes) {
    OSData_IVars& own = *ivars;
    size_t size = 0;
    if (own.borrowed || __builtin_add_overflow(own.size, numBytes, &size)) return false;
    if (numBytes == 0) return true;
    const auto* from = static_cast<const uint8_t*>(bytes);
    const auto place = reinterpret_cast<uintptr_t>(from) - reinterpret_cast<uintptr_t>(own.bytes);
    const bool inside = from != nullptr && own.bytes != nullptr && place < own.size;
    if (size > own.capacity && !own.reserve(std::max(size, own.size + own.size / 2)) &&
        !own.reserve(size)) {
        return false;
    }
    if (inside) from = own.bytes + place;  // its own bytes may have moved
    if (from == nullptr) {
        memset(own.bytes + own.size, 0, numBytes);
    } else {
        memmove(own.bytes + own.size, from, numBytes);
    }
    own.size = size;
    return true;
}
bool OSData::appendBytes(const OSData* aDataObj) {
    return aDataObj != nullptr && appendBytes(aDataObj->getBytesNoCopy(), aDataObj->getLength());
}
const void* OSData::getBytesNoCopy() const {
    return ivars->size == 0 && !ivars->borrowed ? nullptr : ivars->bytes;
}
const void* OSData::getBytesNoCopy(size_t start, size_t numBytes) const {
    const size_t length = getLength();
    if (numBytes == 0 || start > length || numBytes > length - start) return nullptr;
    return static_cast<const uint8_t*>(getBytesNoCopy()) + start;
}
bool OSData::isEqualTo(const void* bytes, size_t numBytes) const {
    return numBytes == getLength() &&
           (numBytes == 0 || (bytes != nullptr && memcmp(bytes, getBytesNoCopy(), numBytes) == 0));
}
bool OSData::isEqualTo(const OSData* aDataObj) const {
    return aDataObj != nullptr && isEqualTo(aDataObj->getBytesNoCopy(), aDataObj->getLength());
}
bool OSData::isEqualTo(const OSString* aString) const {
    return aString != nullptr && aString->isEqualTo(this);
}
bool OSData::isEqualTo(const OSMetaClassBase* anObject) const {
    if (auto* data = OSDynamicCast(OSData, anObject)) return isEqualTo(data);
    if (auto* string = OSDynamicCast(OSString, anObject)) return isEqualTo(string);
    return false;
}
void OSData::free() {
    ivars->~OSData_IVars();
    super::free();
}
