// SPDX-License-Identifier: Apache-2.0
// IOInterruptDispatchSource: no provider of this version has interrupts, and every call says so.
#include <DriverKit/IOInterruptDispatchSource.h>

kern_return_t IOInterruptDispatchSource::Create_Impl(IOService*, uint32_t, IODispatchQueue*,
                                                     IOInterruptDispatchSource** source) {
    if (source != nullptr) *source = nullptr;
    return kIOReturnNoInterrupt;
}
kern_return_t IOInterruptDispatchSource::GetInterruptType_Impl(IOService*, uint32_t, uint64_t*) {
    return kIOReturnNoInterrupt;
}
bool IOInterruptDispatchSource::init() {
    return super::init();
}
void IOInterruptDispatchSource::free() {
    super::free();
}
kern_return_t IOInterruptDispatchSource::SetHandler_Impl(OSAction*) {
    return kIOReturnNoInterrupt;
}
kern_return_t IOInterruptDispatchSource::GetLastInterrupt_Impl(uint64_t*, uint64_t*) {
    return kIOReturnNoInterrupt;
}
kern_return_t IOInterruptDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    if (handler != nullptr) handler();
    return kIOReturnSuccess;
}
kern_return_t IOInterruptDispatchSource::SetEnableWithCompletion_Impl(
    bool, IODispatchSourceCancelHandler handler) {
    if (handler != nullptr) handler();
    return kIOReturnSuccess;
}
kern_return_t IOInterruptDispatchSource::CheckForWork_Impl(bool) {
    return kIOReturnSuccess;
}
