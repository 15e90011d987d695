// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

/// A memory file that can take further seals until it leaves the process.
Result<UniqueFd> make_file(size_t size) {
    UniqueFd fd(::memfd_create("opendext-buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return Error::system("cannot create shared memory");
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
        return Error::system("cannot size shared memory");
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return Error::system("cannot seal shared memory");
    return fd;
}

/// Only meant to be read by a device: other processes than its maker may not write it.
bool may_write(uint64_t options) {
    return (options & kIOMemoryDirectionInOut) != kIOMemoryDirectionOut;
}

/// Maps a range of the backing for as long as the backing lives.
Status show(MemoryBacking& backing, const MemoryPiece& piece, uint64_t alignment) {
    backing.mapping = OD_TRY(map_pieces({piece}, false, {.alignment = alignment}));
    backing.bytes = backing.mapping.data();
    backing.shown_offset = piece.offset;
    backing.shown_length = piece.length;
    backing.shown_writable = piece.writable;
    return success();
}

/// Makes `length` bytes of a piece that its backing shows valid; the piece is the capacity.
Result<IOBufferMemoryDescriptor*> make(MemoryPiece whole, uint64_t length, uint64_t options) {
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gIOBufferMemoryDescriptorMetaClass, &object);
        result != kIOReturnSuccess) {
        return Error::kern(result, "IOBufferMemoryDescriptor");
    }
    auto* memory = static_cast<IOBufferMemoryDescriptor*>(object);
    memory->ivars->capacity = whole.length;
    memory->ivars->address = whole.backing->at(whole.offset, whole.length);
    IOMemoryDescriptor_IVars& base = *memory->IOMemoryDescriptor::ivars;
    whole.length = length;
    base.pieces = {std::move(whole)};
    base.length = length;
    base.options = options & kIOMemoryDirectionInOut;
    return memory;
}

}  // namespace

namespace opendext::runtime {

Result<IOBufferMemoryDescriptor*> make_foreign_memory(UniqueFd fd, uint64_t offset, uint64_t length,
                                                      uint64_t options) {
    const size_t size = OD_TRY(sealed_memory_size(fd.get()));
    if (length == 0 || offset > size || length > size - offset) {
        return Error{Errc::malformed, 0, "the range is not within the memory"};
    }
    auto backing = std::make_shared<MemoryBacking>();
    backing->fd = std::move(fd);
    backing->size = size;
    MemoryPiece piece{backing, offset, length, may_write(options)};
    OD_TRY(show(*backing, piece, 0));
    return make(std::move(piece), length, options);
}

Result<IOBufferMemoryDescriptor*> make_shown_memory(std::shared_ptr<MemoryBacking> backing,
                                                    uint64_t offset, uint64_t length,
                                                    uint64_t options) {
    if (length == 0 || backing->at(offset, length) == nullptr)
        return Error{Errc::malformed, 0, "the range is not within the memory"};
    return make({std::move(backing), offset, length, may_write(options)}, length, options);
}

}  // namespace opendext::runtime

kern_return_t IOBufferMemoryDescriptor::Create_Impl(uint64_t options, uint64_t capacity,
                                                    uint64_t alignment,
                                                    IOBufferMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if ((options & ~uint64_t{kIOMemoryDirectionInOut}) != 0) return kIOReturnBadArgument;
    if (capacity == 0 || capacity > (uint64_t{1} << 40) || (alignment & (alignment - 1)) != 0) {
        return kIOReturnBadArgument;
    }
    const uint64_t page = IOVMPageSize;
    const uint64_t size = (capacity + page - 1) & ~(page - 1);
    const auto create = [&]() -> Result<IOBufferMemoryDescriptor*> {
        auto backing = std::make_shared<MemoryBacking>();
        backing->fd = OD_TRY(make_file(size));
        backing->size = size;
        MemoryPiece piece{backing, 0, capacity};
        OD_TRY(show(*backing, {backing, 0, size}, alignment));
        return make(std::move(piece), capacity, options);
    };
    auto made = create();
    if (!made) {
        log(LogType::error, "IOBufferMemoryDescriptor::Create: %s", made.error().text().c_str());
        return kIOReturnNoMemory;
    }
    *memory = *made;
    return kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor::init() {
    if (!super::init()) return false;
    ivars = new IOBufferMemoryDescriptor_IVars;
    return true;
}

void IOBufferMemoryDescriptor::free() {
    delete ivars;
    super::free();
}

kern_return_t IOBufferMemoryDescriptor::GetAddressRange(IOAddressSegment* range) {
    if (range == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(IOMemoryDescriptor::ivars->mutex);
    range->address = reinterpret_cast<uint64_t>(ivars->address);
    range->length = IOMemoryDescriptor::ivars->length;
    return kIOReturnSuccess;
}

kern_return_t IOBufferMemoryDescriptor::SetLength_Impl(uint64_t length) {
    IOMemoryDescriptor_IVars& base = *IOMemoryDescriptor::ivars;
    const std::lock_guard lock(base.mutex);
    if (length > ivars->capacity) return kIOReturnBadArgument;
    base.pieces.front().length = length;
    base.length = length;
    return kIOReturnSuccess;
}
