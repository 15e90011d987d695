// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

constexpr uint64_t kDirections = kIOMemoryDirectionInOut;
constexpr size_t kMaxParts = 32;

}  // namespace

namespace opendext::runtime {

MemoryPieces pieces_of(IOMemoryDescriptor* memory) {
    IOMemoryDescriptor_IVars& own = *memory->IOMemoryDescriptor::ivars;
    const std::lock_guard lock(own.mutex);
    MemoryPieces pieces;
    for (const MemoryPiece& piece : own.pieces) {
        if (piece.length > 0) pieces.push_back(piece);
    }
    return pieces;
}

Result<MemoryPiece> single_piece(IOMemoryDescriptor* memory) {
    const MemoryPieces pieces = pieces_of(memory);
    if (pieces.size() != 1) {
        return Error{Errc::invalid, 0,
                     pieces.empty() ? "the memory descriptor is empty"
                                    : "the memory descriptor joins several pieces of memory"};
    }
    return pieces.front();
}

uint64_t memory_options(IOMemoryDescriptor* memory) {
    return memory->IOMemoryDescriptor::ivars->options;
}

IOMemoryDescriptor* make_descriptor(MemoryPieces pieces, uint64_t options) {
    OSObject* object = nullptr;
    if (OSObjectAllocate(gIOMemoryDescriptorMetaClass, &object) != kIOReturnSuccess) return nullptr;
    auto* memory = static_cast<IOMemoryDescriptor*>(object);
    IOMemoryDescriptor_IVars& own = *memory->IOMemoryDescriptor::ivars;
    own.length = total_length(pieces);
    own.pieces = std::move(pieces);
    own.options = options & kDirections;
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

kern_return_t IOMemoryDescriptor::_CopyState_Impl(_IOMDPrivateState* state) {
    if (state == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    *state = {ivars->length, ivars->options};
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::CreateSubMemoryDescriptor_Impl(uint64_t options, uint64_t offset,
                                                                 uint64_t length,
                                                                 IOMemoryDescriptor* of,
                                                                 IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if (of == nullptr || (options & ~kDirections) != 0) return kIOReturnBadArgument;
    const MemoryPieces whole = pieces_of(of);
    const uint64_t size = total_length(whole);
    if (length == 0 || offset > size || length > size - offset) return kIOReturnBadArgument;
    *memory =
        make_descriptor(cut(whole, offset, length), options == 0 ? memory_options(of) : options);
    return *memory == nullptr ? kIOReturnNoMemory : kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor::CreateWithMemoryDescriptors_Impl(
    uint64_t options, uint32_t count, IOMemoryDescriptor* const parts[32],
    IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if (parts == nullptr || count == 0 || count > kMaxParts || (options & ~kDirections) != 0)
        return kIOReturnBadArgument;
    MemoryPieces all;
    uint64_t direction = options;
    for (uint32_t i = 0; i < count; ++i) {
        if (parts[i] == nullptr) return kIOReturnBadArgument;
        if (options == 0) direction |= memory_options(parts[i]);
        for (const MemoryPiece& piece : pieces_of(parts[i])) {
            const bool continues = !all.empty() && all.back().backing == piece.backing &&
                                   all.back().writable == piece.writable &&
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
