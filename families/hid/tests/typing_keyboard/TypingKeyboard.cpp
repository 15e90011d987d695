// SPDX-License-Identifier: Apache-2.0
#include "TypingKeyboard.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <os/log.h>

#include "TypingKeyboardClient.h"

struct TypingKeyboard_IVars {
    IOBufferMemoryDescriptor* input;
    uint8_t lights;
    uint64_t outputs;
    uint64_t behaviour;
};

namespace {

/* A boot keyboard, and a feature report of two bytes. */
const uint8_t kDescriptor[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25,
    0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x75, 0x08, 0x95, 0x01, 0x81, 0x01, 0x05, 0x08,
    0x19, 0x01, 0x29, 0x05, 0x75, 0x01, 0x95, 0x05, 0x91, 0x02, 0x75, 0x03, 0x95, 0x01, 0x91,
    0x01, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x15, 0x00, 0x25, 0x65, 0x75, 0x08, 0x95, 0x06,
    0x81, 0x00, 0x06, 0x00, 0xff, 0x09, 0x01, 0x26, 0xff, 0x00, 0x95, 0x02, 0xb1, 0x02, 0xc0};

uint8_t* BytesOf(IOMemoryDescriptor* memory) {
    IOAddressSegment range = {};
    IOBufferMemoryDescriptor* buffer = OSDynamicCast(IOBufferMemoryDescriptor, memory);
    if (buffer == nullptr || buffer->GetAddressRange(&range) != kIOReturnSuccess) return nullptr;
    return reinterpret_cast<uint8_t*>(range.address);
}

void SetNumber(OSDictionary* dictionary, const char* key, uint32_t value) {
    OSNumber* number = OSNumber::withNumber(value, 32);
    dictionary->setObject(key, number);
    OSSafeReleaseNULL(number);
}

void SetString(OSDictionary* dictionary, const char* key, const char* value) {
    OSString* string = OSString::withCString(value);
    dictionary->setObject(key, string);
    OSSafeReleaseNULL(string);
}

}  // namespace

bool TypingKeyboard::init() {
    if (!super::init()) return false;
    ivars = IONewZero(TypingKeyboard_IVars, 1);
    return ivars != nullptr;
}

void TypingKeyboard::free() {
    if (ivars != nullptr) OSSafeReleaseNULL(ivars->input);
    IOSafeDeleteNULL(ivars, TypingKeyboard_IVars, 1);
    super::free();
}

// Facts: IOUserHIDDevice.Start
kern_return_t IMPL(TypingKeyboard, Start) {
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 64, 0, &ivars->input);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "before Start: 0x%x", Type(BytesOf(ivars->input), 8));
    ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        Stop(provider, SUPERDISPATCH);
        return ret;
    }
    return RegisterService();
}

// Facts: IOUserHIDDevice.handleStart
bool TypingKeyboard::handleStart(IOService* provider) {
    os_log(OS_LOG_DEFAULT, "handleStart: %d", provider != nullptr);
    return super::handleStart(provider);
}

// Facts: IOUserHIDDevice.newDeviceDescription
OSDictionary* TypingKeyboard::newDeviceDescription() {
    OSDictionary* description = OSDictionary::withCapacity(8);
    SetNumber(description, kIOHIDVendorIDKey, 0x1209);
    SetNumber(description, kIOHIDProductIDKey, 4);
    SetNumber(description, kIOHIDRequestTimeoutKey, 300000);  // microseconds
    SetString(description, kIOHIDProductKey, "Typing keyboard");
    SetString(description, kIOHIDManufacturerKey, "OpenDext tests");
    SetString(description, kIOHIDSerialNumberKey, "T-1");
    SetString(description, kIOHIDTransportKey, "Virtual");
    return description;
}

// Facts: IOUserHIDDevice.newReportDescriptor
OSData* TypingKeyboard::newReportDescriptor() {
    return OSData::withBytes(kDescriptor, sizeof kDescriptor);
}

// Facts: IOHIDDevice.handleReport
kern_return_t TypingKeyboard::Type(const uint8_t* report, uint32_t length) {
    uint8_t* bytes = BytesOf(ivars->input);
    if (length > 64) return kIOReturnBadArgument;
    memcpy(bytes, report, length);
    return handleReport(mach_absolute_time(), ivars->input, length, kIOHIDReportTypeInput, 0);
}

void TypingKeyboard::Lights(uint64_t* last, uint64_t* count) {
    *last = ivars->lights;
    *count = ivars->outputs;
}

void TypingKeyboard::Behave(uint64_t how) {
    ivars->behaviour = how;
}

// Facts: IOHIDDevice.getReport, IOHIDDevice.CompleteReport
kern_return_t TypingKeyboard::getReport(IOMemoryDescriptor* report, IOHIDReportType reportType,
                                        IOOptionBits, uint32_t completionTimeout,
                                        OSAction* action) {
    if (ivars->behaviour == 2) return kIOReturnNotPermitted;
    uint64_t room = 0;
    report->GetLength(&room);
    if (reportType != kIOHIDReportTypeFeature || room < 2) return kIOReturnUnsupported;
    if (ivars->behaviour == 1) {
        os_log(OS_LOG_DEFAULT, "a get is taken and kept, time-out %d", completionTimeout);
        return kIOReturnSuccess;
    }
    uint8_t* bytes = BytesOf(report);
    bytes[0] = 0xa5;
    bytes[1] = ivars->lights;
    CompleteReport(action, kIOReturnSuccess, 2);
    CompleteReport(action, kIOReturnError, 1);  // changes nothing
    return kIOReturnSuccess;
}

// Facts: IOHIDDevice.setReport, IOHIDDevice.CompleteReport
kern_return_t TypingKeyboard::setReport(IOMemoryDescriptor* report, IOHIDReportType reportType,
                                        IOOptionBits, uint32_t, OSAction* action) {
    if (ivars->behaviour == 2) return kIOReturnNotPermitted;
    if (ivars->behaviour == 1) return kIOReturnSuccess;
    uint64_t length = 0;
    report->GetLength(&length);
    if (reportType == kIOHIDReportTypeOutput && length > 0) {
        ivars->lights = BytesOf(report)[0];
        ivars->outputs++;
    }
    CompleteReport(action, kIOReturnSuccess, (uint32_t)length);
    return kIOReturnSuccess;
}

kern_return_t IMPL(TypingKeyboard, NewUserClient) {
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    return *userClient == nullptr ? kIOReturnError : kIOReturnSuccess;
}
