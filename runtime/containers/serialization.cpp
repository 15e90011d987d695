// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <DriverKit/OSSerialization.h>

#include <cstdlib>
#include <vector>

#include "rpc/codec.h"
#include "runtime/containers/container_class.h"
#include "runtime/containers/value_conversion.h"
#include "runtime/log/log.h"

using namespace opendext;
using namespace opendext::runtime;

OSMetaClass* gOSSerializationMetaClass;

struct OSSerialization_IVars {
    std::vector<uint8_t> own;
    const void* borrowed = nullptr;
    size_t borrowed_size = 0;
    OSSerializationFreeBufferHandler free_buffer = nullptr;
};

namespace {

// "ODS1" before the value: bytes of another origin are refused.
constexpr uint32_t kMagic = 0x3153444f;

ContainerRegistration<OSSerialization> g_serialization("OSSerialization", "OSContainer",
                                                       &gOSSerializationMetaClass);

}  // namespace

OSSerializationPtr OSSerialization::createFromObject(OSObjectPtr const object) {
    auto value = to_value(object);
    if (object == nullptr || !value) {
        if (!value) log(LogType::error, "OSSerialization: %s", value.error().text().c_str());
        return nullptr;
    }
    auto* serialization = new_container<OSSerialization>(gOSSerializationMetaClass);
    if (serialization == nullptr) return nullptr;
    Writer writer;
    writer.put(kMagic).put(*value);
    serialization->ivars = new OSSerialization_IVars{writer.take(), nullptr, 0, nullptr};
    return serialization;
}

OSSerializationPtr OSSerialization::createFromBytes(const void* bytes, size_t length,
                                                    OSSerializationFreeBufferHandler handler) {
    if (bytes == nullptr) return nullptr;
    auto* serialization = new_container<OSSerialization>(gOSSerializationMetaClass);
    if (serialization == nullptr) return nullptr;
    serialization->ivars = new OSSerialization_IVars{
        {}, bytes, length, handler == nullptr ? handler : Block_copy(handler)};
    return serialization;
}

void OSSerialization::freeBuffer(const void* buffer, size_t) {
    ::free(const_cast<void*>(buffer));
}

OSObjectPtr OSSerialization::copyObject() {
    size_t length = 0;
    const auto* bytes = static_cast<const uint8_t*>(finalizeBuffer(&length));
    Reader reader({bytes, length});
    if (reader.get<uint32_t>() != kMagic) reader.fail();
    const Value value = reader.get_value();
    if (auto end = reader.finish("serialization"); !end) {
        log(LogType::error, "OSSerialization: %s", end.error().text().c_str());
        return nullptr;
    }
    return from_value(value);
}

const void* OSSerialization::finalizeBuffer(size_t* length) {
    if (length != nullptr) *length = ivars->borrowed ? ivars->borrowed_size : ivars->own.size();
    return ivars->borrowed ? ivars->borrowed : ivars->own.data();
}

void OSSerialization::free() {
    if (ivars->free_buffer != nullptr) {
        ivars->free_buffer(ivars->borrowed, ivars->borrowed_size);
        Block_release(ivars->free_buffer);
    }
    delete ivars;
    super::free();
}
