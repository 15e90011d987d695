// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>

#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

/// Maps the whole capacity into the process and makes `length` bytes of it valid.
Result<IOBufferMemoryDescriptor*> make(MemoryPiece whole, uint64_t length, uint64_t options,
                                       uint64_t alignment) {
    auto mapping = OD_TRY(map_pieces({whole}, false, {.alignment = alignment}));
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gIOBufferMemoryDescriptorMetaClass, &object);
        result != kIOReturnSuccess) {
        return Error::kern(result, "IOBufferMemoryDescriptor");
    }
    auto* memory = static_cast<IOBufferMemoryDescriptor*>(object);
    memory->ivars->capacity = whole.length;
    memory->ivars->mapping = std::move(mapping);
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
    auto backing = std::make_shared<MemoryBacking>(MemoryBacking{std::move(fd), size});
    // Only meant to be read by a device: other processes than its maker may not write it.
    const bool writable = (options & kIOMemoryDirectionInOut) != kIOMemoryDirectionOut;
    return make({std::move(backing), offset, length, writable}, length, options, 0);
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
    auto fd = make_sealed_memory("opendext-buffer", size);
    if (!fd) {
        log(LogType::error, "IOBufferMemoryDescriptor::Create: %s", fd.error().text().c_str());
        return kIOReturnNoMemory;
    }
    auto backing = std::make_shared<MemoryBacking>(MemoryBacking{std::move(fd).value(), size});
    auto made = make({std::move(backing), 0, capacity}, capacity, options, alignment);
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
    range->address = reinterpret_cast<uint64_t>(ivars->mapping.data());
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
