/* SPDX-License-Identifier: Apache-2.0 */
#include <os/log.h>
#include <string.h>
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <HIDDriverKit/HIDDriverKit.h>

#include "@NAME@.h"

/* One report in: modifiers, a reserved byte, six keys. One report out: five lights. */
static const uint8_t kReportDescriptor[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,                               /* a keyboard */
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01,       /* eight modifiers, a bit each */
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
    0x75, 0x08, 0x95, 0x01, 0x81, 0x01,                               /* reserved */
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x75, 0x01, 0x95, 0x05,       /* five lights */
    0x91, 0x02, 0x75, 0x03, 0x95, 0x01, 0x91, 0x01,
    0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x15, 0x00, 0x25, 0x65,       /* six keys */
    0x75, 0x08, 0x95, 0x06, 0x81, 0x00, 0xc0,
};
static const uint32_t kInputReportLength = 8;
static const uint32_t kFirstKey = 2;

struct @NAME@_IVars
{
    IOBufferMemoryDescriptor * input; /* the report that goes out next */
    uint8_t * bytes;                  /* of it */
    uint8_t lights;
};

bool @NAME@::init()
{
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(@NAME@_IVars, 1);
    return ivars != nullptr;
}

void @NAME@::free()
{
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->input);
    }
    IOSafeDeleteNULL(ivars, @NAME@_IVars, 1);
    super::free();
}

kern_return_t IMPL(@NAME@, Start)
{
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kInputReportLength, 0, &ivars->input);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ret = ivars->input->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->bytes = reinterpret_cast<uint8_t *>(range.address);

    /* Calls newDeviceDescription and newReportDescriptor. */
    ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        Stop(provider, SUPERDISPATCH);
        return ret;
    }
    os_log(OS_LOG_DEFAULT, "@NAME@: started");
    return RegisterService();
}

static void SetNumber(OSDictionary * description, const char * key, uint32_t value)
{
    OSNumber * number = OSNumber::withNumber(value, 32);
    description->setObject(key, number);
    OSSafeReleaseNULL(number);
}

static void SetString(OSDictionary * description, const char * key, const char * value)
{
    OSString * string = OSString::withCString(value);
    description->setObject(key, string);
    OSSafeReleaseNULL(string);
}

OSDictionary * @NAME@::newDeviceDescription()
{
    OSDictionary * description = OSDictionary::withCapacity(8);
    if (description == nullptr) {
        return nullptr;
    }
    SetNumber(description, kIOHIDVendorIDKey, 0x1209);
    SetNumber(description, kIOHIDProductIDKey, 0x0001);
    SetString(description, kIOHIDProductKey, "@NAME@");
    SetString(description, kIOHIDTransportKey, "Virtual");
    return description;
}

OSData * @NAME@::newReportDescriptor()
{
    return OSData::withBytes(kReportDescriptor, sizeof(kReportDescriptor));
}

kern_return_t @NAME@::SendKey(uint8_t usage)
{
    memset(ivars->bytes, 0, kInputReportLength);
    ivars->bytes[kFirstKey] = usage;
    return handleReport(mach_absolute_time(), ivars->input, kInputReportLength, kIOHIDReportTypeInput, 0);
}

kern_return_t @NAME@::Press(uint8_t usage)
{
    kern_return_t ret = SendKey(usage);
    return ret == kIOReturnSuccess ? SendKey(0) : ret;
}

uint8_t @NAME@::Lights()
{
    return ivars->lights;
}

kern_return_t @NAME@::setReport(IOMemoryDescriptor * report, IOHIDReportType reportType, IOOptionBits options,
                                uint32_t completionTimeout, OSAction * action)
{
    if (reportType != kIOHIDReportTypeOutput) {
        return kIOReturnUnsupported;
    }
    IOMemoryMap * map = nullptr;
    kern_return_t ret = report->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->lights = *reinterpret_cast<const uint8_t *>(map->GetAddress());
    OSSafeReleaseNULL(map);
    os_log(OS_LOG_DEFAULT, "@NAME@: lights 0x%02x", ivars->lights);

    /* Now or later; the sender waits until then. */
    CompleteReport(action, kIOReturnSuccess, 1);
    return kIOReturnSuccess;
}

kern_return_t IMPL(@NAME@, NewUserClient)
{
    IOService * client = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &client);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, client);
    return *userClient == nullptr ? kIOReturnError : kIOReturnSuccess;
}
