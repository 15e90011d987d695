/* SPDX-License-Identifier: Apache-2.0 */
#include "InputKeys.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <string.h>

#include "InputFaults.h"

struct InputKeys_IVars {
    IOHIDInterface* interface;
    IOBufferMemoryDescriptor* echo;
};

bool InputKeys::init() {
    if (!super::init()) return false;
    ivars = IONewZero(InputKeys_IVars, 1);
    return ivars != nullptr;
}

void InputKeys::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->interface);
        OSSafeReleaseNULL(ivars->echo);
    }
    IOSafeDeleteNULL(ivars, InputKeys_IVars, 1);
    super::free();
}

static uint64_t device_number(IOService* device) {
    OSDictionary* properties = nullptr;
    if (device->CopyProperties(&properties) != kIOReturnSuccess) return 98;
    const uint64_t number = OSDictionaryGetUInt64Value(properties, "CampaignNumber");
    OSSafeReleaseNULL(properties);
    return number;
}

/* Called by super's Start, before anything else. */
bool InputKeys::handleStart(IOService* provider) {
    InputArmFromFile(device_number(provider));
    InputReach(kInputInHandleStart);
    ivars->interface = OSDynamicCast(IOHIDInterface, provider);
    if (ivars->interface == nullptr) return false;
    ivars->interface->retain();
    return IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kInputFeatureSize, 0,
                                            &ivars->echo) == kIOReturnSuccess &&
           super::handleStart(provider);
}

kern_return_t IMPL(InputKeys, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        InputReach(kInputInStart);
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) Stop(provider, SUPERDISPATCH);
    return ret;
}

kern_return_t IMPL(InputKeys, Stop) {
    InputReach(kInputInStop);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(InputKeys, SetProperties) {
    InputReach(kInputInSetProperties);
    return SetProperties(properties, SUPERDISPATCH);
}

void IMPL(InputKeys, SetLED) {
    InputReach(kInputInSetLED);
    SetLED(usage, on, SUPERDISPATCH);
}

bool InputKeys::parseElements(OSArray* elements) {
    InputReach(kInputInParseElements);
    return super::parseElements(elements);
}

bool InputKeys::postProcessElements(OSDictionary* properties) {
    InputReach(kInputInPostProcessElements);
    return super::postProcessElements(properties);
}

void InputKeys::handleKeyboardReport(uint64_t timestamp, uint32_t reportID) {
    InputReach(kInputInHandleKeyboardReport);
    super::handleKeyboardReport(timestamp, reportID);
}

void InputKeys::handleReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                             IOHIDReportType type, uint32_t reportID) {
    if (type != kIOHIDReportTypeInput || reportLength < kInputReportSize) return;
    if (report[kKeysArmsAt] == (kInputArms & 0xff) &&
        report[kKeysArmsTooAt] == (kInputArms >> 8 & 0xff))
        InputArm(report[kKeysPointAt], report[kKeysFaultAt]);
    InputReach(kInputInHandleReport);
    super::handleReport(timestamp, report, reportLength, type, reportID);
    if (report[kKeysKindAt] != kKeysOrdinary) return;
    const uint32_t sequence = InputNumberAt(report, kKeysSequenceAt);
    if (sequence % 16 == 0) SetLEDState(kHIDPage_LEDs, kHIDUsage_LED_CapsLock, sequence % 32 == 0);
    Echo(sequence);
}

void InputKeys::Echo(uint32_t sequence) {
    IOAddressSegment range = {};
    if (ivars->echo->GetAddressRange(&range) != kIOReturnSuccess) return;
    uint8_t* report = reinterpret_cast<uint8_t*>(range.address);
    memset(report, 0, kInputFeatureSize);
    report[0] = kKeysEcho;
    InputPutNumber(report, kKeysFeatureSequenceAt, sequence);
    ivars->interface->SetReport(ivars->echo, kIOHIDReportTypeFeature, 0, 0);
}
