// SPDX-License-Identifier: Apache-2.0
#include "OwnReports.h"

#include <DriverKit/DriverKit.h>
#include <HIDDriverKit/HIDDriverKit.h>
#include <os/log.h>

struct OwnReports_IVars {
    IOHIDInterface* interface;
    OSAction* action;
    IOBufferMemoryDescriptor* pool;
};

bool OwnReports::init() {
    if (!super::init()) return false;
    ivars = IONewZero(OwnReports_IVars, 1);
    return ivars != nullptr;
}

// Facts: IOHIDInterface.free
void OwnReports::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->interface);
        OSSafeReleaseNULL(ivars->action);
        OSSafeReleaseNULL(ivars->pool);
    }
    IOSafeDeleteNULL(ivars, OwnReports_IVars, 1);
    super::free();
}

// Facts: IOHIDInterface.Open, IOHIDInterface.AddReportToPool, IOHIDInterface.SetReport
kern_return_t IMPL(OwnReports, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    // Facts: IOHIDInterface.init, IOHIDInterface.free
    IOHIDInterface* unused = OSTypeAlloc(IOHIDInterface);
    os_log(OS_LOG_DEFAULT, "an interface of no device: %d, elements %d", unused != nullptr,
           unused->getElements() != nullptr);
    OSSafeReleaseNULL(unused);
    ivars->interface = OSDynamicCast(IOHIDInterface, provider);
    if (ivars->interface == nullptr) return kIOReturnUnsupported;
    ivars->interface->retain();

    IOBufferMemoryDescriptor* tiny = nullptr;
    IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 1, 0, &tiny);
    os_log(OS_LOG_DEFAULT, "before: set 0x%x, a buffer of 1 byte 0x%x",
           ivars->interface->SetReport(tiny, kIOHIDReportTypeOutput, 0, 0),
           ivars->interface->AddReportToPool(tiny));
    OSSafeReleaseNULL(tiny);

    ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 64, 0, &ivars->pool);
    if (ret != kIOReturnSuccess) return ret;
    ret = ivars->interface->AddReportToPool(ivars->pool);
    if (ret != kIOReturnSuccess) return ret;
    OSSafeReleaseNULL(ivars->pool);
    ret = CreateActionReportArrived(0, &ivars->action);
    if (ret != kIOReturnSuccess) return ret;
    ret = ivars->interface->Open(this, 0, ivars->action);
    os_log(OS_LOG_DEFAULT, "open 0x%x, again 0x%x", ret,
           ivars->interface->Open(this, 0, ivars->action));
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

// Facts: IOHIDInterface.Close
kern_return_t IMPL(OwnReports, Stop) {
    kern_return_t ret = ivars->interface->Close(this, 0);
    os_log(OS_LOG_DEFAULT, "close 0x%x, again 0x%x", ret, ivars->interface->Close(this, 0));
    return Stop(provider, SUPERDISPATCH);
}

void OwnReports::TryElements(OSArray* features, uint64_t timestamp) {
    IOHIDElement* first = OSDynamicCast(IOHIDElement, features->getObject(0));
    uint8_t made[2] = {0x34, 0x12};
    ivars->interface->processReport(timestamp, made, sizeof made, kIOHIDReportTypeFeature, 0);
    const uint32_t value = first->getValue(0);
    kern_return_t ret = ivars->interface->setElementValues(features);
    os_log(OS_LOG_DEFAULT, "made elements: %d, value 0x%x, set 0x%x, get 0x%x",
           ivars->interface->createElements(), value, ret,
           ivars->interface->getElementValues(features));
}

// Facts: IOHIDInterface.ReportAvailable, IOHIDInterface.GetReport, IOHIDInterface.SetReport,
// Facts: IOHIDInterface.getElements, IOHIDInterface.commitElements
void IMPL(OwnReports, ReportArrived) {
    IOMemoryMap* map = nullptr;
    if (report->CreateMapping(0, 0, 0, 0, 0, &map) != kIOReturnSuccess) return;
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(map->GetAddress());
    os_log(OS_LOG_DEFAULT, "arrived: %d bytes, type %d, id %d, first %02x, time %d", reportLength,
           type, reportID, bytes[0], timestamp != 0 && timestamp <= mach_absolute_time());
    IOBufferMemoryDescriptor* memory = nullptr;
    IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 8, 0, &memory);
    IOAddressSegment range = {};
    memory->GetAddressRange(&range);
    uint8_t* own = reinterpret_cast<uint8_t*>(range.address);
    uint64_t length = 0;
    switch (bytes[0]) {
        case 1: {
            kern_return_t ret = ivars->interface->GetReport(memory, kIOHIDReportTypeFeature, 0, 0);
            memory->GetLength(&length);
            os_log(OS_LOG_DEFAULT, "got 0x%x, %d bytes, first %02x", ret, (int)length, own[0]);
            break;
        }
        case 2:
            memory->SetLength(2);
            own[0] = 0x5a;
            own[1] = bytes[1];
            os_log(OS_LOG_DEFAULT, "sent 0x%x",
                   ivars->interface->SetReport(memory, kIOHIDReportTypeOutput, 0, 0));
            break;
        case 3: {  // the same through the elements
            OSArray* elements = ivars->interface->getElements();
            OSArray* chosen = OSArray::withCapacity(1);
            for (uint32_t i = 0; i < elements->getCount(); i++) {
                IOHIDElement* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
                if (element->getType() != kIOHIDElementTypeFeature) continue;
                chosen->setObject(element);
            }
            kern_return_t ret =
                ivars->interface->commitElements(chosen, kIOHIDElementCommitDirectionIn);
            IOHIDElement* first = OSDynamicCast(IOHIDElement, chosen->getObject(0));
            os_log(OS_LOG_DEFAULT, "elements 0x%x, value 0x%x", ret, first->getValue(0));
            // Facts: IOHIDInterface.processReport, IOHIDInterfacePrivate.createElements,
            // Facts: IOHIDInterfacePrivate.getElementValues,
            // Facts: IOHIDInterfacePrivate.setElementValues
            TryElements(chosen, timestamp);
            OSSafeReleaseNULL(chosen);
            break;
        }
    }
    OSSafeReleaseNULL(memory);
    OSSafeReleaseNULL(map);
}
