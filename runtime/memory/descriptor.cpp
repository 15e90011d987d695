// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>
#include <unistd.h>

#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

constexpr uint64_t kDirections = kIOMemoryDirectionInOut;
constexpr uint64_t kCacheModes = 0xff00;
constexpr size_t kMaxParts = 32;

/// The part of `pieces` that starts `offset` bytes in and has `length` bytes; the range is within
/// them.
std::vector<MemoryPiece> cut(const std::vector<MemoryPiece>& pieces, uint64_t offset,
                             uint64_t length) {
    std::vector<MemoryPiece> part;
    for (const MemoryPiece& piece : pieces) {
        if (offset >= piece.length) {
            offset -= piece.length;
            continue;
        }
        const uint64_t here = piece.length - offset < length ? piece.length - offset : length;
        if (here > 0) part.push_back({piece.backing, piece.offset + offset, here});
        length -= here;
        offset = 0;
        if (length == 0) break;
    }
    return part;
}

bool within(uint64_t offset, uint64_t length, uint64_t size) {
    return offset <= size && length <= size - offset;
}

size_t guard_of(uint64_t options) {
    const auto page = static_cast<size_t>(IOVMPageSize);
    switch (options & kIOMemoryMapGuardedMask) {
        case kIOMemoryMapGuardedNone:
            return 0;
        case kIOMemoryMapGuardedLarge:
            return 16 * page;
        default:
            return page;
    }
}

bool known_cache_mode(uint64_t mode) {
    return mode == kIOMemoryMapCacheModeDefault || mode == kIOMemoryMapCacheModeInhibit ||
           mode == kIOMemoryMapCacheModeCopyback || mode == kIOMemoryMapCacheModeWriteThrough ||
           mode == kIOMemoryMapCacheModeRealTime;
}

}  // namespace

namespace opendext::runtime {

Result<MemoryPiece> single_piece(IOMemoryDescriptor* memory) {
    IOMemoryDescriptor_IVars& own = *memory->IOMemoryDescriptor::ivars;
    const std::lock_guard lock(own.mutex);
    if (own.pieces.size() != 1) {
        return Error{Errc::invalid, 0,
                     own.pieces.empty() ? "the memory descriptor is empty"
                                        : "the memory descriptor joins several pieces of memory"};
    }
    return own.pieces.front();
}

uint64_t memory_options(IOMemoryDescriptor* memory) {
    return memory->IOMemoryDescriptor::ivars->options;
}

IOMemoryDescriptor* make_descriptor(std::vector<MemoryPiece> pieces, uint64_t options) {
    OSObject* object = nullptr;
    if (OSObjectAllocate(gIOMemoryDescriptorMetaClass, &object) != kIOReturnSuccess) return nullptr;
    auto* memory = static_cast<IOMemoryDescriptor*>(object);
    for (const MemoryPiece& piece : pieces)
        memory->IOMemoryDescriptor::ivars->length += piece.length;
    memory->IOMemoryDescriptor::ivars->pieces = std::move(pieces);
    memory->IOMemoryDescriptor::ivars->options = options & kDirections;
    return memory;
}

}  // namespace opendext::runtime

bool IOMemoryDescriptor::init() {
    if (!super::init()) return false;
    ivars = new IOMemoryDescriptor_IVars;
    return true;
}

void IOMemoryDescriptor::free() {
    delete ivars;
    super::free();
}

kern_return_t IOMemoryDescriptor::GetLength(uint64_t* returnLength) {
    if (returnLength == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    *returnLength = ivars->length;
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::CreateMapping_Impl(uint64_t options, uint64_t address,
                                                     uint64_t offset, uint64_t length,
                                                     uint64_t alignment, IOMemoryMap** map) {
    if (map == nullptr) return kIOReturnBadArgument;
    *map = nullptr;
    if (!known_cache_mode(options & kCacheModes)) return kIOReturnBadArgument;
    if ((options & kIOMemoryMapFixedAddress) != 0 || address != 0) return kIOReturnUnsupported;
    std::vector<MemoryPiece> part;
    bool writable = (options & kIOMemoryMapReadOnly) == 0;
    {
        const std::lock_guard lock(ivars->mutex);
        if (offset > ivars->length) return kIOReturnBadArgument;
        if (length == 0) length = ivars->length - offset;
        if (length == 0 || !within(offset, length, ivars->length)) return kIOReturnBadArgument;
        part = cut(ivars->pieces, offset, length);
        // Only meant to be read by a device: other processes than its maker may not write it.
        if (ivars->foreign && ivars->options == kIOMemoryDirectionOut) writable = false;
    }
    auto mapping = MappedRange::map(part, writable, alignment, guard_of(options));
    if (!mapping) {
        log(LogType::error, "CreateMapping: %s", mapping.error().text().c_str());
        return mapping.error().code == Errc::invalid ? kIOReturnBadArgument : kIOReturnVMError;
    }
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gIOMemoryMapMetaClass, &object);
        result != kIOReturnSuccess) {
        return result;
    }
    auto* made = static_cast<IOMemoryMap*>(object);
    retain();
    made->ivars->descriptor = this;
    made->ivars->mapping = std::move(mapping).value();
    made->ivars->offset = offset;
    made->ivars->length = length;
    *map = made;
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::CreateSubMemoryDescriptor_Impl(uint64_t options, uint64_t offset,
                                                                 uint64_t length,
                                                                 IOMemoryDescriptor* of,
                                                                 IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if (of == nullptr || (options & ~kDirections) != 0) return kIOReturnBadArgument;
    std::vector<MemoryPiece> part;
    {
        IOMemoryDescriptor_IVars& whole = *of->IOMemoryDescriptor::ivars;
        const std::lock_guard lock(whole.mutex);
        if (length == 0 || !within(offset, length, whole.length)) return kIOReturnBadArgument;
        part = cut(whole.pieces, offset, length);
        if (options == 0) options = whole.options;
    }
    IOMemoryDescriptor* made = make_descriptor(std::move(part), options);
    if (made == nullptr) return kIOReturnNoMemory;
    made->ivars->foreign = of->IOMemoryDescriptor::ivars->foreign;
    *memory = made;
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::CreateWithMemoryDescriptors_Impl(
    uint64_t options, uint32_t count, IOMemoryDescriptor* const parts[32],
    IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if (count == 0 || count > kMaxParts || (options & ~kDirections) != 0)
        return kIOReturnBadArgument;
    std::vector<MemoryPiece> all;
    uint64_t direction = options;
    for (uint32_t i = 0; i < count; ++i) {
        if (parts[i] == nullptr) return kIOReturnBadArgument;
        IOMemoryDescriptor_IVars& part = *parts[i]->IOMemoryDescriptor::ivars;
        const std::lock_guard lock(part.mutex);
        if (options == 0) direction |= part.options;
        for (const MemoryPiece& piece : part.pieces) {
            const bool continues = !all.empty() && all.back().backing == piece.backing &&
                                   all.back().offset + all.back().length == piece.offset;
            if (continues) {
                all.back().length += piece.length;
            } else {
                all.push_back(piece);
            }
        }
    }
    *memory = make_descriptor(std::move(all), direction);
    return *memory == nullptr ? kIOReturnNoMemory : kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::Map(uint64_t options, uint64_t address, uint64_t length,
                                      uint64_t alignment, uint64_t* returnAddress,
                                      uint64_t* returnLength) {
    IOMemoryMap* map = nullptr;
    const kern_return_t result = CreateMapping(options, address, 0, length, alignment, &map);
    if (result != kIOReturnSuccess) return result;
    if (returnAddress != nullptr) *returnAddress = map->GetAddress();
    if (returnLength != nullptr) *returnLength = map->GetLength();
    {
        const std::lock_guard lock(ivars->mutex);
        ivars->mappings.push_back(
            std::move(map->ivars->mapping));  // lives as long as the descriptor
    }
    map->release();
    return kIOReturnSuccess;
}

bool IOMemoryMap::init() {
    if (!super::init()) return false;
    ivars = new IOMemoryMap_IVars;
    return true;
}

void IOMemoryMap::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->descriptor);
        delete ivars;
    }
    super::free();
}

uint64_t IOMemoryMap::GetAddress() {
    return reinterpret_cast<uint64_t>(ivars->mapping.data());
}
uint64_t IOMemoryMap::GetLength() {
    return ivars->length;
}
uint64_t IOMemoryMap::GetOffset() {
    return ivars->offset;
}
