// SPDX-License-Identifier: Apache-2.0
// IOUserUSBHostHIDDevice: declared so that drivers compile. Its provider is a USB interface, which
// nobody publishes before the USB family does, so none of this runs by itself; what a driver calls
// says so and gives kIOReturnUnsupported (docs/api-declared-only.csv).
#include <HIDDriverKit/IOUserUSBHostHIDDevice.h>

#include <atomic>

#include "runtime/family.h"

namespace {

/// Once in the log, for the first of them.
kern_return_t unsupported(const char* method) {
    static std::atomic<bool> said = false;
    if (!said.exchange(true)) {
        opendext::family::log(
            opendext::family::LogType::error, "hid",
            "IOUserUSBHostHIDDevice::%s does nothing: there are no USB interfaces "
            "yet; derive from IOUserHIDDevice to make a device of another kind",
            method);
    }
    return kIOReturnUnsupported;
}

}  // namespace

bool IOUserUSBHostHIDDevice::init() {
    return super::init();
}
void IOUserUSBHostHIDDevice::free() {
    super::free();
}
kern_return_t IMPL(IOUserUSBHostHIDDevice, Start) {
    (void)provider;
    return unsupported("Start");
}
kern_return_t IMPL(IOUserUSBHostHIDDevice, Stop) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IOUserUSBHostHIDDevice::getReport(IOMemoryDescriptor*, IOHIDReportType, IOOptionBits,
                                                uint32_t, OSAction*) {
    return unsupported("getReport");
}
kern_return_t IOUserUSBHostHIDDevice::getReport(IOMemoryDescriptor*, IOHIDReportType, IOOptionBits,
                                                uint32_t, uint32_t* bytesTransferred) {
    if (bytesTransferred != nullptr) *bytesTransferred = 0;
    return unsupported("getReport");
}
kern_return_t IOUserUSBHostHIDDevice::setReport(IOMemoryDescriptor*, IOHIDReportType, IOOptionBits,
                                                uint32_t, OSAction*) {
    return unsupported("setReport");
}
kern_return_t IOUserUSBHostHIDDevice::setProtocol(uint16_t) {
    return unsupported("setProtocol");
}
bool IOUserUSBHostHIDDevice::isBulkPipeSupported(const IOUSBDeviceDescriptor*) {
    (void)unsupported("isBulkPipeSupported");
    return false;
}

bool IOUserUSBHostHIDDevice::handleStart(IOService*) {
    (void)unsupported("handleStart");
    return false;
}
OSDictionary* IOUserUSBHostHIDDevice::newDeviceDescription() {
    (void)unsupported("newDeviceDescription");
    return nullptr;
}
OSData* IOUserUSBHostHIDDevice::newReportDescriptor() {
    (void)unsupported("newReportDescriptor");
    return nullptr;
}
void IOUserUSBHostHIDDevice::setProperty(OSObject* key, OSObject* value) {
    super::setProperty(key, value);
}

kern_return_t IOUserUSBHostHIDDevice::initInputReport() {
    return unsupported("initInputReport");
}
void IOUserUSBHostHIDDevice::scheduleInputReportRetry(kern_return_t) {
    (void)unsupported("scheduleInputReportRetry");
}
void IOUserUSBHostHIDDevice::cancelInputReportRetry() {
    (void)unsupported("cancelInputReportRetry");
}
void IOUserUSBHostHIDDevice::reset() {
    (void)unsupported("reset");
}
kern_return_t IOUserUSBHostHIDDevice::setIdle(uint16_t) {
    return unsupported("setIdle");
}
kern_return_t IOUserUSBHostHIDDevice::setIdlePolicy(USBIdlePolicyType, uint16_t) {
    return unsupported("setIdlePolicy");
}

void IMPL(IOUserUSBHostHIDDevice, CompleteInputReport) {
    (void)action, (void)status, (void)actualByteCount, (void)completionTimestamp;
    (void)unsupported("CompleteInputReport");
}
void IMPL(IOUserUSBHostHIDDevice, CompleteOutputReport) {
    (void)action, (void)status, (void)actualByteCount, (void)completionTimestamp;
    (void)unsupported("CompleteOutputReport");
}
void IMPL(IOUserUSBHostHIDDevice, CompleteOutputRequest) {
    (void)action, (void)status, (void)bytesTransferred;
    (void)unsupported("CompleteOutputRequest");
}
void IMPL(IOUserUSBHostHIDDevice, CompleteZLP) {
    (void)action, (void)status, (void)actualByteCount, (void)completionTimestamp;
    (void)unsupported("CompleteZLP");
}
void IMPL(IOUserUSBHostHIDDevice, TimerOccurred) {
    (void)action, (void)time;
    (void)unsupported("TimerOccurred");
}

OSString* IOUserUSBHostHIDDevice::copyStringAtIndex(uint8_t, uint16_t) {
    (void)unsupported("copyStringAtIndex");
    return nullptr;
}
OSAction* IOUserUSBHostHIDDevice::getAction(HIDActionType) {
    (void)unsupported("getAction");
    return nullptr;
}
void IOUserUSBHostHIDDevice::returnAction(OSAction*) {
    (void)unsupported("returnAction");
}
kern_return_t IOUserUSBHostHIDDevice::getHIDDescriptorInfo(uint8_t,
                                                           const IOUSBHostHIDDescriptorInfo**,
                                                           uint8_t*) {
    return unsupported("getHIDDescriptorInfo");
}
kern_return_t IOUserUSBHostHIDDevice::initPipes() {
    return unsupported("initPipes");
}
