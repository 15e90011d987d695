// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>

#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

constexpr uint64_t kCacheModes = 0xff00;
constexpr uint64_t kMapOptions =
    kIOMemoryMapFixedAddress | kIOMemoryMapReadOnly | kIOMemoryMapGuardedMask | kCacheModes;

/// Bytes without access on each side of a mapping; false for a kind that does not exist.
bool guard_of(uint64_t options, size_t& guard) {
    const auto page = static_cast<size_t>(IOVMPageSize);
    switch (options & kIOMemoryMapGuardedMask) {
        case kIOMemoryMapGuardedNone:
            guard = 0;
            return true;
        case kIOMemoryMapGuardedDefault:
        case kIOMemoryMapGuardedSmall:
            guard = page;
            return true;
        case kIOMemoryMapGuardedLarge:
            guard = 16 * page;
            return true;
        default:
            return false;
    }
}

/// Memory of a Linux process is cached in one way; a driver may ask for each that exists.
bool known_cache_mode(uint64_t mode) {
    return mode == kIOMemoryMapCacheModeDefault || mode == kIOMemoryMapCacheModeInhibit ||
           mode == kIOMemoryMapCacheModeCopyback || mode == kIOMemoryMapCacheModeWriteThrough ||
           mode == kIOMemoryMapCacheModeRealTime;
}

/// Where the runtime keeps the memory mapped anyway (large structures of calls), a mapping costs
/// nothing; such memory has no guard pages. nullptr otherwise.
std::byte* shown_by_others(const MemoryPieces& pieces, const MappedRange::Options& how) {
    if (pieces.size() != 1 || how.fixed_address != 0) return nullptr;
    const MemoryPiece& piece = pieces.front();
    if (!piece.backing->lent) return nullptr;
    std::byte* address = piece.backing->at(piece.offset, piece.length);
    const uint64_t alignment = how.alignment;
    if (alignment != 0 && (reinterpret_cast<uint64_t>(address) & (alignment - 1)) != 0)
        return nullptr;
    return address;
}

kern_return_t code_of(const Error& error) {
    log(LogType::error, "CreateMapping: %s", error.text().c_str());
    switch (error.code) {
        case Errc::invalid:
            return kIOReturnBadArgument;
        case Errc::unsupported:
            return kIOReturnNotAligned;
        case Errc::exists:
            return kIOReturnNoSpace;
        default:
            return kIOReturnVMError;
    }
}

}  // namespace

kern_return_t IOMemoryDescriptor::CreateMapping_Impl(uint64_t options, uint64_t address,
                                                     uint64_t offset, uint64_t length,
                                                     uint64_t alignment, IOMemoryMap** map) {
    if (map == nullptr) return kIOReturnBadArgument;
    *map = nullptr;
    MappedRange::Options how;
    how.alignment = alignment;
    if ((options & ~kMapOptions) != 0 || !known_cache_mode(options & kCacheModes) ||
        !guard_of(options, how.guard)) {
        return kIOReturnBadArgument;
    }
    if ((options & kIOMemoryMapFixedAddress) != 0) {
        if (address == 0) return kIOReturnBadArgument;
        how.fixed_address = address;
    }
    const MemoryPieces all = pieces_of(this);
    const uint64_t size = total_length(all);
    if (offset > size) return kIOReturnBadArgument;
    if (length == 0) length = size - offset;
    if (length == 0 || length > size - offset) return kIOReturnBadArgument;
    const MemoryPieces pieces = cut(all, offset, length);
    std::byte* place = shown_by_others(pieces, how);
    MappedRange mapping;
    if (place == nullptr) {
        auto mapped = map_pieces(pieces, (options & kIOMemoryMapReadOnly) != 0, how);
        if (!mapped) return code_of(mapped.error());
        mapping = std::move(mapped).value();
        place = mapping.data();
    }
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gIOMemoryMapMetaClass, &object);
        result != kIOReturnSuccess) {
        return result;
    }
    auto* made = static_cast<IOMemoryMap*>(object);
    retain();
    made->ivars->descriptor = this;
    made->ivars->address = place;
    made->ivars->mapping = std::move(mapping);
    made->ivars->offset = offset;
    made->ivars->length = length;
    made->ivars->options = options;
    *map = made;
    return kIOReturnSuccess;
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
        // Nobody else can take it away: it lives as long as the descriptor.
        if (map->ivars->mapping.data() != nullptr)
            ivars->mappings.push_back(std::move(map->ivars->mapping));
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
    return reinterpret_cast<uint64_t>(ivars->address);
}
uint64_t IOMemoryMap::GetLength() {
    return ivars->length;
}
uint64_t IOMemoryMap::GetOffset() {
    return ivars->offset;
}

kern_return_t IOMemoryMap::_CopyState_Impl(_IOMemoryMapPrivateState* state) {
    if (state == nullptr) return kIOReturnBadArgument;
    *state = {ivars->length, ivars->offset, ivars->options, GetAddress()};
    return kIOReturnSuccess;
}
