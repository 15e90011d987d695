// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOService.h>

#include <algorithm>
#include <vector>

#include "runtime/dma/address_space.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

constexpr uint32_t kMaxSegments = 32;

}  // namespace

struct IODMACommand_IVars {
    std::mutex mutex;
    IOService* device = nullptr;  // retained
    uint64_t address_bits = 64;
    // While prepared:
    IOMemoryDescriptor* memory = nullptr;  // retained
    uint64_t offset = 0;
    MemoryPieces pieces;
    std::vector<uint64_t> addresses;  // of each piece

    void give_addresses_back() {
        for (const uint64_t address : addresses) IoAddressSpace::shared().remove(address);
        addresses.clear();
    }
};

kern_return_t IODMACommand::Create_Impl(IOService* device, uint64_t options,
                                        const IODMACommandSpecification* specification,
                                        IODMACommand** command) {
    if (command == nullptr) return kIOReturnBadArgument;
    *command = nullptr;
    if (device == nullptr || specification == nullptr || options != kIODMACommandCreateNoOptions ||
        specification->options != kIODMACommandSpecificationNoOptions ||
        specification->maxAddressBits > 64) {
        return kIOReturnBadArgument;
    }
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gIODMACommandMetaClass, &object);
        result != kIOReturnSuccess) {
        return result;
    }
    auto* made = static_cast<IODMACommand*>(object);
    device->retain();
    made->ivars->device = device;
    if (specification->maxAddressBits != 0)
        made->ivars->address_bits = specification->maxAddressBits;
    *command = made;
    return kIOReturnSuccess;
}

bool IODMACommand::init() {
    if (!super::init()) return false;
    ivars = new IODMACommand_IVars;
    return true;
}

void IODMACommand::free() {
    if (ivars != nullptr) {
        if (ivars->memory != nullptr)
            log_driver_bug("an IODMACommand is freed before CompleteDMA: its memory is taken back");
        ivars->give_addresses_back();
        OSSafeReleaseNULL(ivars->memory);
        OSSafeReleaseNULL(ivars->device);
        delete ivars;
    }
    super::free();
}

kern_return_t IODMACommand::PrepareForDMA_Impl(uint64_t options, IOMemoryDescriptor* memory,
                                               uint64_t offset, uint64_t length, uint64_t* flags,
                                               uint32_t* segmentsCount,
                                               IOAddressSegment segments[32]) {
    if (memory == nullptr || options != kIODMACommandPrepareForDMANoOptions ||
        segmentsCount == nullptr || segments == nullptr || *segmentsCount == 0 ||
        *segmentsCount > kMaxSegments) {
        return kIOReturnBadArgument;
    }
    const MemoryPieces all = pieces_of(memory);
    const uint64_t size = total_length(all);
    if (offset > size) return kIOReturnBadArgument;
    if (length == 0) length = size - offset;
    if (length == 0 || length > size - offset) return kIOReturnBadArgument;
    MemoryPieces pieces = cut(all, offset, length);
    const uint64_t direction = memory_options(memory);

    const std::lock_guard lock(ivars->mutex);
    if (ivars->memory != nullptr) return kIOReturnBusy;
    if (pieces.size() > *segmentsCount) {
        log(LogType::error, "PrepareForDMA: the memory has %zu segments, the caller room for %u",
            pieces.size(), *segmentsCount);
        return kIOReturnNoSpace;
    }
    const uint64_t device = entry_of(ivars->device);
    for (const MemoryPiece& piece : pieces) {
        const auto address =
            IoAddressSpace::shared().add(device, piece, ivars->address_bits, direction);
        if (!address) {
            log(LogType::error, "PrepareForDMA: %s", address.error().text().c_str());
            ivars->give_addresses_back();
            return kIOReturnNoResources;
        }
        ivars->addresses.push_back(*address);
    }
    for (size_t i = 0; i < pieces.size(); ++i)
        segments[i] = {ivars->addresses[i], pieces[i].length};
    *segmentsCount = static_cast<uint32_t>(pieces.size());
    if (flags != nullptr) *flags = direction;
    memory->retain();
    ivars->memory = memory;
    ivars->offset = offset;
    ivars->pieces = std::move(pieces);
    return kIOReturnSuccess;
}

kern_return_t IODMACommand::CompleteDMA_Impl(uint64_t options) {
    if (options != kIODMACommandCompleteDMANoOptions) return kIOReturnBadArgument;
    IOMemoryDescriptor* memory = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        if (ivars->memory == nullptr) return kIOReturnNotReady;
        ivars->give_addresses_back();
        ivars->pieces.clear();
        std::swap(memory, ivars->memory);
    }
    memory->release();
    return kIOReturnSuccess;
}

kern_return_t IODMACommand::GetPreparation_Impl(uint64_t* offset, uint64_t* length,
                                                IOMemoryDescriptor** memory) {
    const std::lock_guard lock(ivars->mutex);
    if (ivars->memory == nullptr) return kIOReturnNotReady;
    if (offset != nullptr) *offset = ivars->offset;
    if (length != nullptr) *length = total_length(ivars->pieces);
    if (memory != nullptr) {
        ivars->memory->retain();
        *memory = ivars->memory;
    }
    return kIOReturnSuccess;
}

kern_return_t IODMACommand::PerformOperation_Impl(uint64_t options, uint64_t dmaOffset,
                                                  uint64_t length, uint64_t dataOffset,
                                                  IOMemoryDescriptor* data) {
    const bool zero = options == kIODMACommandPerformOperationOptionZero;
    const bool read = options == kIODMACommandPerformOperationOptionRead;
    if (!zero && !read && options != kIODMACommandPerformOperationOptionWrite)
        return kIOReturnBadArgument;
    if (!zero && data == nullptr) return kIOReturnBadArgument;
    MemoryPieces prepared;
    {
        const std::lock_guard lock(ivars->mutex);
        if (ivars->memory == nullptr) return kIOReturnNotReady;
        prepared = ivars->pieces;
    }
    const uint64_t prepared_length = total_length(prepared);
    if (length > prepared_length) return kIOReturnBadArgument;
    const MemoryPieces other = zero ? MemoryPieces{} : pieces_of(data);
    // No sum of an offset and a length overflows below.
    if (dmaOffset > prepared_length || (!zero && dataOffset > total_length(other)))
        return length == 0 ? kIOReturnBadArgument : kIOReturnUnderrun;
    const auto may_write = [](const MemoryPieces& pieces) {
        return std::all_of(pieces.begin(), pieces.end(),
                           [](const MemoryPiece& piece) { return piece.writable; });
    };
    if (!may_write(read ? other : prepared)) return kIOReturnNotWritable;

    std::vector<std::byte> bytes(static_cast<size_t>(std::min<uint64_t>(length, 64 * 1024)));
    uint64_t done = 0;
    while (done < length) {
        size_t step = static_cast<size_t>(std::min<uint64_t>(length - done, bytes.size()));
        const size_t asked = step;
        if (read) step = read_bytes(prepared, dmaOffset + done, bytes.data(), step);
        if (!read && !zero) step = read_bytes(other, dataOffset + done, bytes.data(), step);
        step = read ? write_bytes(other, dataOffset + done, bytes.data(), step)
                    : write_bytes(prepared, dmaOffset + done, bytes.data(), step);
        done += step;
        if (step < asked) return kIOReturnUnderrun;
    }
    return kIOReturnSuccess;
}
