// SPDX-License-Identifier: Apache-2.0
#include <HIDDriverKit/HIDDriverKit.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "EveryClass.h"

bool EveryEventService::init() {
    return super::init();
}
void EveryEventService::free() {
    super::free();
}
kern_return_t IMPL(EveryEventService, Start) {
    return Start(provider, SUPERDISPATCH);
}
kern_return_t IMPL(EveryEventService, Stop) {
    return Stop(provider, SUPERDISPATCH);
}
kern_return_t IMPL(EveryEventService, SetProperties) {
    return SetProperties(properties, SUPERDISPATCH);
}
kern_return_t IMPL(EveryEventService, SetLEDState) {
    return SetLEDState(usagePage, usage, on, SUPERDISPATCH);
}
void IMPL(EveryEventService, SetLED) {
    SetLED(usage, on, SUPERDISPATCH);
}
kern_return_t IMPL(EveryEventService, handleCopyMatchingEvent) {
    return handleCopyMatchingEvent(matching, event, SUPERDISPATCH);
}
bool EveryEventService::handleStart(IOService* provider) {
    return super::handleStart(provider);
}
OSArray* EveryEventService::getElements() {
    return super::getElements();
}
void EveryEventService::handleReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                                     IOHIDReportType type, uint32_t reportID) {
    super::handleReport(timestamp, report, reportLength, type, reportID);
    dispatchKeyboardEvent(timestamp, kHIDPage_KeyboardOrKeypad, kHIDUsage_KeyboardA, 1, 0);
}

bool EveryEventDriver::parseElements(OSArray* elements) {
    return super::parseElements(elements);
}
bool EveryEventDriver::parseElement(IOHIDElement* element) {
    return super::parseElement(element);
}
bool EveryEventDriver::parseKeyboardElement(IOHIDElement* element) {
    return super::parseKeyboardElement(element);
}
bool EveryEventDriver::parsePointerElement(IOHIDElement* element) {
    return super::parsePointerElement(element);
}
bool EveryEventDriver::parseScrollElement(IOHIDElement* element) {
    return super::parseScrollElement(element);
}
bool EveryEventDriver::parseLEDElement(IOHIDElement* element) {
    return super::parseLEDElement(element);
}
bool EveryEventDriver::parseDigitizerElement(IOHIDElement* element) {
    return super::parseDigitizerElement(element);
}
bool EveryEventDriver::parseGameControllerElement(IOHIDElement* element) {
    return super::parseGameControllerElement(element);
}
bool EveryEventDriver::parseRemainingElement(IOHIDElement* element) {
    return super::parseRemainingElement(element);
}
bool EveryEventDriver::postProcessElements(OSDictionary* properties) {
    return super::postProcessElements(properties);
}
void EveryEventDriver::handleKeyboardReport(uint64_t timestamp, uint32_t reportID) {
    super::handleKeyboardReport(timestamp, reportID);
}
void EveryEventDriver::handleRelativePointerReport(uint64_t timestamp, uint32_t reportID) {
    super::handleRelativePointerReport(timestamp, reportID);
}
void EveryEventDriver::handleAbsolutePointerReport(uint64_t timestamp, uint32_t reportID) {
    super::handleAbsolutePointerReport(timestamp, reportID);
}
void EveryEventDriver::handleScrollReport(uint64_t timestamp, uint32_t reportID) {
    super::handleScrollReport(timestamp, reportID);
}
void EveryEventDriver::handleDigitizerReport(uint64_t timestamp, uint32_t reportID) {
    super::handleDigitizerReport(timestamp, reportID);
}
void EveryEventDriver::handleGameControllerReport(uint64_t timestamp, uint32_t reportID) {
    super::handleGameControllerReport(timestamp, reportID);
}
void EveryEventDriver::handleReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                                    IOHIDReportType type, uint32_t reportID) {
    super::handleReport(timestamp, report, reportLength, type, reportID);
}

kern_return_t IMPL(EveryDevice, Start) {
    return Start(provider, SUPERDISPATCH);
}
kern_return_t EveryDevice::getReport(IOMemoryDescriptor* report, IOHIDReportType reportType,
                                     IOOptionBits options, uint32_t completionTimeout,
                                     OSAction* action) {
    return super::getReport(report, reportType, options, completionTimeout, action);
}
kern_return_t EveryDevice::setReport(IOMemoryDescriptor* report, IOHIDReportType, IOOptionBits,
                                     uint32_t, OSAction* action) {
    uint64_t length = 0;
    report->GetLength(&length);
    CompleteReport(action, kIOReturnSuccess, static_cast<uint32_t>(length));
    return kIOReturnSuccess;
}
bool EveryDevice::handleStart(IOService* provider) {
    return super::handleStart(provider);
}
OSDictionary* EveryDevice::newDeviceDescription() {
    return super::newDeviceDescription();
}
OSData* EveryDevice::newReportDescriptor() {
    return super::newReportDescriptor();
}
void EveryDevice::setProperty(OSObject* key, OSObject* value) {
    super::setProperty(key, value);
}

kern_return_t IMPL(EveryUSBDevice, Start) {
    return Start(provider, SUPERDISPATCH);
}
kern_return_t IMPL(EveryUSBDevice, Stop) {
    return Stop(provider, SUPERDISPATCH);
}
OSDictionary* EveryUSBDevice::newDeviceDescription() {
    return super::newDeviceDescription();
}
OSData* EveryUSBDevice::newReportDescriptor() {
    return super::newReportDescriptor();
}

kern_return_t IMPL(EveryClient, Start) {
    kern_return_t result = Start(provider, SUPERDISPATCH);
    auto* interface = OSDynamicCast(IOHIDInterface, provider);
    if (result != kIOReturnSuccess || interface == nullptr) return kIOReturnNoDevice;
    OSAction* action = nullptr;
    result = CreateActionReportArrived(0, &action);
    if (result == kIOReturnSuccess) result = interface->Open(this, 0, action);
    OSSafeReleaseNULL(action);
    return result;
}
void IMPL(EveryClient, ReportArrived) {
    IOLog("report %u of type %u at %llu: %u bytes in %p for %p", reportID, type, timestamp,
          reportLength, static_cast<void*>(report), static_cast<void*>(action));
}
