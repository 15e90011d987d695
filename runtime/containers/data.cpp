// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <cstring>
#include <vector>

#include "runtime/containers/container_class.h"

using namespace opendext::runtime;

OSMetaClass* gOSDataMetaClass;

struct OSData_IVars {
    std::vector<uint8_t> own;
    void* borrowed = nullptr;
    size_t borrowed_size = 0;
};

namespace {

ContainerRegistration<OSData> g_data("OSData", "OSContainer", &gOSDataMetaClass);

OSData* make(const void* bytes, size_t size, size_t capacity) {
    auto* data = new_container<OSData>(gOSDataMetaClass);
    if (data == nullptr) return nullptr;
    data->ivars = new OSData_IVars;
    data->ivars->own.reserve(capacity);
    const auto* from = static_cast<const uint8_t*>(bytes);
    if (size > 0) data->ivars->own.assign(from, from + size);
    return data;
}

}  // namespace

OSDataPtr OSData::withCapacity(uint32_t capacity) {
    return make(nullptr, 0, capacity);
}
OSDataPtr OSData::withBytes(const void* bytes, size_t numBytes) {
    return bytes == nullptr && numBytes > 0 ? nullptr : make(bytes, numBytes, numBytes);
}
OSDataPtr OSData::withBytesNoCopy(void* bytes, size_t numBytes) {
    if (bytes == nullptr && numBytes > 0) return nullptr;
    auto* data = make(nullptr, 0, 0);
    if (data != nullptr) {
        data->ivars->borrowed = bytes;
        data->ivars->borrowed_size = numBytes;
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
    return ivars->borrowed ? ivars->borrowed_size : ivars->own.size();
}
size_t OSData::getCapacity() const {
    return ivars->borrowed ? ivars->borrowed_size : ivars->own.capacity();
}
bool OSData::appendBytes(const void* bytes, size_t numBytes) {
    if (ivars->borrowed != nullptr) return false;
    if (numBytes == 0) return true;
    if (bytes == nullptr) {
        ivars->own.resize(ivars->own.size() + numBytes);
        return true;
    }
    const auto* from = static_cast<const uint8_t*>(bytes);
    if (from >= ivars->own.data() && from < ivars->own.data() + ivars->own.size()) {
        const std::vector<uint8_t> copy(
            from, from + numBytes);  // the insertion may move what `bytes` points into
        ivars->own.insert(ivars->own.end(), copy.begin(), copy.end());
    } else {
        ivars->own.insert(ivars->own.end(), from, from + numBytes);
    }
    return true;
}
bool OSData::appendBytes(const OSData* aDataObj) {
    return aDataObj != nullptr && appendBytes(aDataObj->getBytesNoCopy(), aDataObj->getLength());
}
const void* OSData::getBytesNoCopy() const {
    if (ivars->borrowed != nullptr) return ivars->borrowed;
    return ivars->own.empty() ? nullptr : ivars->own.data();
}
const void* OSData::getBytesNoCopy(size_t start, size_t numBytes) const {
    const size_t length = getLength();
    if (numBytes == 0 || start > length || numBytes > length - start) return nullptr;
    return static_cast<const uint8_t*>(getBytesNoCopy()) + start;
}
bool OSData::isEqualTo(const void* bytes, size_t numBytes) const {
    return numBytes == getLength() &&
           (numBytes == 0 || memcmp(bytes, getBytesNoCopy(), numBytes) == 0);
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
    delete ivars;
    super::free();
}
