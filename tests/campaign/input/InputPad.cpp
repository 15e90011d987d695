/* SPDX-License-Identifier: Apache-2.0 */
#include "InputPad.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <string.h>

#include "InputFaults.h"

struct InputPad_IVars {
    IOBufferMemoryDescriptor* input;
    uint64_t number;
    uint32_t total;
    uint32_t sequence; /* of the last output */
};

/* Pads that are hurt answer soon or not at all; the others are never late in anybody's eyes. */
enum { kVictims = 2 };

namespace {

/* 16 bytes of input, 16 of output, a feature report of 8. */
const uint8_t kDescriptor[] = {0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff,
                               0x00, 0x75, 0x08, 0x95, 0x10, 0x09, 0x02, 0x81, 0x02, 0x09, 0x03,
                               0x91, 0x02, 0x95, 0x08, 0x09, 0x04, 0xb1, 0x02, 0xc0};

uint8_t* bytes_of(IOMemoryDescriptor* memory) {
    IOAddressSegment range = {};
    IOBufferMemoryDescriptor* buffer = OSDynamicCast(IOBufferMemoryDescriptor, memory);
    if (buffer == nullptr || buffer->GetAddressRange(&range) != kIOReturnSuccess) return nullptr;
    return reinterpret_cast<uint8_t*>(range.address);
}

void set_number(OSDictionary* dictionary, const char* key, uint32_t value) {
    OSNumber* number = OSNumber::withNumber(value, 32);
    dictionary->setObject(key, number);
    OSSafeReleaseNULL(number);
}

}  // namespace

bool InputPad::init() {
    if (!super::init()) return false;
    ivars = IONewZero(InputPad_IVars, 1);
    return ivars != nullptr;
}

void InputPad::free() {
    if (ivars != nullptr) OSSafeReleaseNULL(ivars->input);
    IOSafeDeleteNULL(ivars, InputPad_IVars, 1);
    super::free();
}

kern_return_t IMPL(InputPad, Start) {
    OSDictionary* properties = nullptr;
    kern_return_t ret = CopyProperties(&properties);
    if (ret != kIOReturnSuccess) return ret;
    ivars->number = OSDictionaryGetUInt64Value(properties, "PadNumber");
    OSSafeReleaseNULL(properties);
    InputArmFromFile(ivars->number);
    ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kInputReportSize, 0,
                                           &ivars->input);
    if (ret != kIOReturnSuccess) return ret;
    ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        InputReach(kInputInStart);
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) Stop(provider, SUPERDISPATCH);
    return ret;
}

bool InputPad::handleStart(IOService* provider) {
    InputReach(kInputInHandleStart);
    return super::handleStart(provider);
}

OSDictionary* InputPad::newDeviceDescription() {
    InputReach(kInputInNewDeviceDescription);
    OSDictionary* description = OSDictionary::withCapacity(4);
    set_number(description, kIOHIDVendorIDKey, 0x1209);
    set_number(description, kIOHIDProductIDKey, 0xcb);
    set_number(description, kIOHIDRequestTimeoutKey, ivars->number < kVictims ? 500000 : 60000000);
    char name[] = "pad0";
    name[3] = static_cast<char>('0' + ivars->number);
    OSDictionarySetStringValue(description, kIOHIDProductKey, name);
    return description;
}

OSData* InputPad::newReportDescriptor() {
    InputReach(kInputInNewReportDescriptor);
    return OSData::withBytes(kDescriptor, sizeof kDescriptor);
}

void InputPad::Send(uint8_t kind, uint32_t sequence, uint32_t token) {
    uint8_t* report = bytes_of(ivars->input);
    memset(report, 0, kInputReportSize);
    report[0] = kind;
    InputPutNumber(report, kPadSequenceAt, sequence);
    InputPutNumber(report, kPadTokenAt, token);
    InputPutNumber(report, kPadTotalAt, ++ivars->total);
    handleReport(mach_absolute_time(), ivars->input, kInputReportSize, kIOHIDReportTypeInput, 0);
}

kern_return_t InputPad::Complete(OSAction* action, uint8_t fault, uint32_t length) {
    if (fault == kInputKeep) return kIOReturnSuccess;
    CompleteReport(action, kIOReturnSuccess, fault == kInputLong ? 0x7fffffff : length);
    if (fault == kInputTwice) CompleteReport(action, kIOReturnError, length);
    return kIOReturnSuccess;
}

kern_return_t InputPad::getReport(IOMemoryDescriptor* report, IOHIDReportType reportType,
                                  IOOptionBits, uint32_t, OSAction* action) {
    const uint8_t fault = InputReach(kInputInGetReport);
    uint64_t room = 0;
    report->GetLength(&room);
    uint8_t* bytes = bytes_of(report);
    if (reportType != kIOHIDReportTypeFeature || bytes == nullptr || room < kInputFeatureSize)
        return kIOReturnUnsupported;
    memset(bytes, 0, kInputFeatureSize);
    bytes[0] = kPadMagic;
    InputPutNumber(bytes, 4, ivars->sequence);
    return Complete(action, fault, kInputFeatureSize);
}

kern_return_t InputPad::setReport(IOMemoryDescriptor* report, IOHIDReportType reportType,
                                  IOOptionBits, uint32_t, OSAction* action) {
    const uint8_t fault = InputReach(kInputInSetReport);
    uint64_t length = 0;
    report->GetLength(&length);
    const uint8_t* bytes = bytes_of(report);
    if (reportType != kIOHIDReportTypeOutput || bytes == nullptr || length < kInputReportSize)
        return kIOReturnUnsupported;
    const uint32_t sequence = InputNumberAt(bytes, kPadSequenceAt);
    const uint32_t token = InputNumberAt(bytes, kPadTokenAt);
    switch (bytes[0]) {
        case kPadEcho:
            ivars->sequence = sequence;
            Send(kPadEcho, sequence, token);
            break;
        case kPadArm:
            if (InputNumberAt(bytes, kPadTotalAt) != kInputArms) return kIOReturnBadArgument;
            InputArm(bytes[kPadPointAt], bytes[kPadFaultAt]);
            break;
        case kPadBurst:
            for (uint32_t i = 0; i < bytes[kPadCountAt]; ++i) Send(kPadBurst, i, token);
            break;
        default:
            return kIOReturnBadArgument;
    }
    return Complete(action, fault, static_cast<uint32_t>(length));
}
