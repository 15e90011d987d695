// SPDX-License-Identifier: Apache-2.0
// IOHIDDevice and IOUserHIDDevice: a device that a driver plays.
#include <HIDDriverKit/IOHIDDevice.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSSerialization.h>
#include <DriverKit/OSString.h>
#include <HIDDriverKit/IOHIDDeviceKeys.h>
#include <HIDDriverKit/IOUserHIDDevice.h>

#include <memory>
#include <mutex>
#include <string>

#include "families/hid/driver/events/input_node.h"
#include "families/hid/driver/interface.h"
#include "families/hid/driver/virtual_device.h"
#include "runtime/family.h"

using opendext::hid::MemoryBytes;
using opendext::hid::report_type_of;
using opendext::hid::ReportType;
using opendext::hid::UhidIdentity;
using opendext::hid::UhidNode;
using opendext::hid::VirtualDevice;
namespace family = opendext::family;

struct IOHIDDevice_IVars {
    std::shared_ptr<VirtualDevice> device;
};

namespace {

std::mutex g_devices_mutex;

/// That of an object; nullptr before Start. IOHIDDevice has no init() of its own.
std::shared_ptr<VirtualDevice> device_of(IOHIDDevice* object) {
    const std::lock_guard lock(g_devices_mutex);
    return object->IOHIDDevice::ivars == nullptr ? nullptr : object->IOHIDDevice::ivars->device;
}

uint32_t number_of(OSDictionary* description, const char* key) {
    auto* number = OSDynamicCast(OSNumber, description->getObject(key));
    return number == nullptr ? 0 : number->unsigned32BitValue();
}

std::string text_of(OSDictionary* description, const char* key) {
    auto* text = OSDynamicCast(OSString, description->getObject(key));
    return text == nullptr ? std::string() : std::string(text->getCStringNoCopy());
}

UhidIdentity identity_of(OSDictionary* description) {
    UhidIdentity identity;
    identity.name = text_of(description, kIOHIDProductKey);
    if (identity.name.empty()) identity.name = "HID device";
    identity.unique = text_of(description, kIOHIDSerialNumberKey);
    identity.bus = opendext::hid::bus_of(text_of(description, kIOHIDTransportKey));
    identity.vendor = number_of(description, kIOHIDVendorIDKey);
    identity.product = number_of(description, kIOHIDProductIDKey);
    identity.version = number_of(description, kIOHIDVersionNumberKey);
    identity.country = number_of(description, kIOHIDCountryCodeKey);
    return identity;
}

/// Says what failed, and gives the code.
kern_return_t failed(IOService* object, kern_return_t code, const char* what) {
    family::log(family::LogType::error, "hid", "%s: %s: the device is not made (%s)",
                object->GetClassName(), what, object->StringFromReturn(code));
    return code;
}

}  // namespace

void IOHIDDevice::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOHIDDevice::handleReport(uint64_t timestamp, IOMemoryDescriptor* report,
                                        uint32_t reportLength, IOHIDReportType reportType,
                                        IOOptionBits) {
    const auto device = device_of(this);
    if (!device) return kIOReturnNotReady;
    const auto type = report_type_of(reportType);
    const auto memory = MemoryBytes::of(report);
    if (!type || !memory || reportLength > memory->bytes().size()) return kIOReturnBadArgument;
    if (*type != ReportType::input) return kIOReturnUnsupported;
    return device->handle_report(timestamp, memory->bytes().first(reportLength));
}

kern_return_t IOHIDDevice::getReport(IOMemoryDescriptor*, IOHIDReportType, IOOptionBits, uint32_t,
                                     OSAction*) {
    return kIOReturnUnsupported;
}

kern_return_t IOHIDDevice::setReport(IOMemoryDescriptor*, IOHIDReportType, IOOptionBits, uint32_t,
                                     OSAction*) {
    return kIOReturnUnsupported;
}

void IOHIDDevice::setProperty(OSObject*, OSObject*) {}

void IOHIDDevice::_ProcessReport_Impl(HIDReportCommandType command, IOMemoryDescriptor* report,
                                      IOHIDReportType reportType, IOOptionBits options,
                                      uint32_t completionTimeout, OSAction* action) {
    const kern_return_t ret =
        command == kIOHIDReportCommandGetReport
            ? getReport(report, reportType, options, completionTimeout, action)
            : setReport(report, reportType, options, completionTimeout, action);
    if (ret != kIOReturnSuccess) CompleteReport(action, ret, 0);
}

void IOHIDDevice::_CompleteReport_Impl(OSAction* action, IOReturn status,
                                       uint32_t actualByteCount) {
    const auto device = device_of(this);
    if (device) (void)device->complete(action, status, actualByteCount);
}

void IOHIDDevice::_SetProperty_Impl(IOBufferMemoryDescriptor* serialization) {
    const auto memory = MemoryBytes::of(serialization);
    if (!memory) return;
    OSSerializationPtr bytes =
        OSSerialization::createFromBytes(memory->bytes().data(), memory->bytes().size(), nullptr);
    OSObject* value = bytes == nullptr ? nullptr : bytes->copyObject();
    if (auto* one = OSDynamicCast(OSDictionary, value)) {
        one->iterateObjects(^bool(OSObject* key, OSObject* content) {
          setProperty(key, content);
          return false;
        });
    }
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(bytes);
}

bool IOUserHIDDevice::handleStart(IOService*) {
    return true;
}
OSDictionary* IOUserHIDDevice::newDeviceDescription() {
    return nullptr;
}
OSData* IOUserHIDDevice::newReportDescriptor() {
    return nullptr;
}

kern_return_t IOUserHIDDevice::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    if (!handleStart(provider)) return failed(this, kIOReturnError, "handleStart gave false");
    const auto release = [](OSObject* object) {
        if (object != nullptr) object->release();
    };
    const std::unique_ptr<OSDictionary, decltype(release)> description(newDeviceDescription(),
                                                                       release);
    if (!description) return failed(this, kIOReturnError, "newDeviceDescription gave NULL");
    const std::unique_ptr<OSData, decltype(release)> bytes(newReportDescriptor(), release);
    if (!bytes) return failed(this, kIOReturnError, "newReportDescriptor gave NULL");
    const std::span raw(static_cast<const uint8_t*>(bytes->getBytesNoCopy()), bytes->getLength());
    auto parsed = opendext::hid::parse_descriptor(raw);
    if (!parsed.ok()) {
        return failed(this, kIOReturnBadArgument,
                      ("newReportDescriptor: " + parsed.error().text()).c_str());
    }
    if (!description->setObject(kIOHIDReportDescriptorKey, bytes.get())) return kIOReturnNoMemory;

    VirtualDevice::Description device;
    device.descriptor = std::move(*parsed);
    if (const uint32_t limit = number_of(description.get(), kIOHIDRequestTimeoutKey)) {
        device.timeout =
            std::chrono::ceil<std::chrono::milliseconds>(std::chrono::microseconds(limit));
    }
    OSObject* control = nullptr;
    OSObject* uhid = nullptr;
    ret = _Publish(description.get(), &control, &uhid);
    if (ret != kIOReturnSuccess) return failed(this, ret, "publishing it");
    auto users = family::take_descriptor(control);
    OSSafeReleaseNULL(control);
    if (uhid != nullptr) {
        auto fd = family::take_descriptor(uhid);
        OSSafeReleaseNULL(uhid);
        if (fd.ok()) device.uhid.emplace(std::move(*fd));
        // A predecessor may have died before it had made the device: made unless there is one.
        if (device.uhid) {
            if (const opendext::Status made =
                    device.uhid->create(identity_of(description.get()), raw);
                !made.ok()) {
                family::log(family::LogType::error, "hid", "the kernel does not get the device: %s",
                            made.error().text().c_str());
                device.uhid.reset();
            }
        }
    }
    if (!users.ok()) return failed(this, kIOReturnNoResources, users.error().text().c_str());
    auto started = VirtualDevice::start(this, std::move(*users), std::move(device));
    if (!started.ok()) return failed(this, kIOReturnNoResources, started.error().text().c_str());
    {
        const std::lock_guard lock(g_devices_mutex);
        if (IOHIDDevice::ivars == nullptr) IOHIDDevice::ivars = new IOHIDDevice_IVars;
        IOHIDDevice::ivars->device = std::move(*started);
    }
    // docs/facts/plist-keys.csv, RegisterService: else the driver does it, or nobody.
    const bool itself =
        OSDynamicCast(OSBoolean, description->getObject("RegisterService")) == kOSBooleanTrue;
    return itself ? RegisterService() : kIOReturnSuccess;
}

kern_return_t IOUserHIDDevice::Stop_Impl(IOService* provider) {
    if (const auto device = device_of(this)) device->stop();
    return Stop(provider, SUPERDISPATCH);
}
