// SPDX-License-Identifier: Apache-2.0
// The forms of IOConnectCallMethod that programs of 32-bit times use: scalars are int.
#include <IOKit/IOKitLib.h>

#include <array>
#include <cstdarg>

#include "iokit/client/reason.h"

namespace {

using opendext::client::fail;

constexpr uint32_t kMaxScalars = 16;

kern_return_t too_many() {
    return fail(kIOReturnBadArgument, "more than 16 scalars");
}

std::array<uint64_t, kMaxScalars> take_scalars(va_list* list, uint32_t count) {
    std::array<uint64_t, kMaxScalars> scalars{};
    for (uint32_t i = 0; i < count; ++i)
        scalars[i] = static_cast<uint32_t>(va_arg(*list, int));  // as 32-bit programs sent them
    return scalars;
}

}  // namespace

kern_return_t IOConnectMethodScalarIScalarO(io_connect_t connect, uint32_t index,
                                            IOItemCount scalarInputCount,
                                            IOItemCount scalarOutputCount, ...) {
    if (scalarInputCount > kMaxScalars || scalarOutputCount > kMaxScalars) return too_many();
    va_list list;
    va_start(list, scalarOutputCount);
    const auto input = take_scalars(&list, scalarInputCount);
    std::array<uint64_t, kMaxScalars> output{};
    uint32_t count = scalarOutputCount;
    const kern_return_t code = IOConnectCallScalarMethod(connect, index, input.data(),
                                                         scalarInputCount, output.data(), &count);
    for (uint32_t i = 0; code == kIOReturnSuccess && i < scalarOutputCount; ++i)
        *va_arg(list, uint32_t*) = static_cast<uint32_t>(output[i]);
    va_end(list);
    return code;
}

kern_return_t IOConnectMethodScalarIStructureO(io_connect_t connect, uint32_t index,
                                               IOItemCount scalarInputCount,
                                               IOByteCount* structureSize, ...) {
    if (scalarInputCount > kMaxScalars) return too_many();
    va_list list;
    va_start(list, structureSize);
    const auto input = take_scalars(&list, scalarInputCount);
    void* structure = va_arg(list, void*);
    va_end(list);
    size_t size = structureSize != nullptr ? static_cast<size_t>(*structureSize) : 0;
    const kern_return_t code = IOConnectCallMethod(connect, index, input.data(), scalarInputCount,
                                                   nullptr, 0, nullptr, nullptr, structure, &size);
    if (code == kIOReturnSuccess && structureSize != nullptr) *structureSize = size;
    return code;
}

kern_return_t IOConnectMethodScalarIStructureI(io_connect_t connect, uint32_t index,
                                               IOItemCount scalarInputCount,
                                               IOByteCount structureSize, ...) {
    if (scalarInputCount > kMaxScalars) return too_many();
    va_list list;
    va_start(list, structureSize);
    const auto input = take_scalars(&list, scalarInputCount);
    const void* structure = va_arg(list, void*);
    va_end(list);
    return IOConnectCallMethod(connect, index, input.data(), scalarInputCount, structure,
                               static_cast<size_t>(structureSize), nullptr, nullptr, nullptr,
                               nullptr);
}

kern_return_t IOConnectMethodStructureIStructureO(io_connect_t connect, uint32_t index,
                                                  IOItemCount structureInputSize,
                                                  IOByteCount* structureOutputSize,
                                                  void* inputStructure, void* ouputStructure) {
    size_t size = structureOutputSize != nullptr ? static_cast<size_t>(*structureOutputSize) : 0;
    const kern_return_t code = IOConnectCallStructMethod(connect, index, inputStructure,
                                                         structureInputSize, ouputStructure, &size);
    if (code == kIOReturnSuccess && structureOutputSize != nullptr) *structureOutputSize = size;
    return code;
}
