// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/user_device.h"

#include <Block.h>
#include <IOKit/IOKitLib.h>

#include <algorithm>

#include "families/hid/client/reader.h"
#include "iokit/client/handles.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/convert.h"
#include "iokit/corefoundation/string.h"

namespace opendext::hid_client {

using opendext::client::fail;

const cf::Type UserDevice::kType = cf::add_type("IOHIDUserDevice");

UserDevice::UserDevice(std::unique_ptr<SimulatedDevice> device,
                       std::shared_ptr<opendext::client::Port> port)
    : Object(kType), weak_(this), schedule_(std::move(port)), device_(std::move(device)) {
    device_->side().on_request([weak = weak_](const hid::DeviceSide::Request& request) {
        if (const auto own = weak.lock()) own.get()->ask(request);
    });
}

UserDevice::~UserDevice() {
    weak_.forget();
    Reader::instance().forget(watch_);
    if (get_ != nullptr) Block_release(get_);
    if (set_ != nullptr) Block_release(set_);
}

std::shared_ptr<SimulatedDevice> UserDevice::device() {
    const std::lock_guard lock(mutex_);
    return device_;
}

IOReturn UserDevice::plug() {
    const std::lock_guard plugging(plugging_);
    const std::shared_ptr<SimulatedDevice> device = this->device();
    if (device == nullptr) return fail(kIOReturnNotOpen, "the device was cancelled");
    if (watch_ != 0) return kIOReturnSuccess;
    if (const Status plugged = device->plug(); !plugged.ok()) return fail(plugged.error());
    const Result<uint64_t> watch =
        Reader::instance().watch(device->side().fd(), [weak = weak_, kept = std::weak_ptr(device)] {
            const auto device = kept.lock();
            // A device that opendextd ended: its users' links go on.
            if (device != nullptr) (void)device->side().process();
        });
    if (!watch.ok()) return fail(watch.error());
    watch_ = *watch;
    return kIOReturnSuccess;
}

void UserDevice::activate() {
    schedule_.activate();
    (void)plug();
}

void UserDevice::cancel() {
    const std::lock_guard plugging(plugging_);
    Reader::instance().forget(std::exchange(watch_, 0));
    std::shared_ptr<SimulatedDevice> device;
    {
        const std::lock_guard lock(mutex_);
        device.swap(device_);
    }
    device.reset();  // unplugged
    schedule_.cancel();
}

void UserDevice::ask(const hid::DeviceSide::Request& request) {
    Asked asked{request, {request.bytes.begin(), request.bytes.end()}};
    schedule_.post([weak = weak_, asked = std::move(asked)] {
        if (const auto own = weak.lock()) own.get()->run(asked);
    });
}

void UserDevice::run(const Asked& asked) {
    const std::shared_ptr<SimulatedDevice> device = this->device();
    if (device == nullptr) return;
    const hid::DeviceSide::Request& request = asked.request;
    const auto type = static_cast<IOHIDReportType>(request.type);
    IOHIDUserDeviceGetReportBlock get = nullptr;
    IOHIDUserDeviceSetReportBlock set = nullptr;
    {
        const std::lock_guard lock(mutex_);
        get = get_;
        set = set_;
    }
    if (request.kind == hid::PacketKind::set) {
        device->side().answer(request, set == nullptr
                                           ? kIOReturnUnsupported
                                           : set(type, request.report_id, asked.bytes.data(),
                                                 static_cast<CFIndex>(asked.bytes.size())));
        return;
    }
    if (get == nullptr) {
        device->side().answer(request, kIOReturnUnsupported);
        return;
    }
    std::vector<uint8_t> report(request.room);
    CFIndex length = static_cast<CFIndex>(report.size());
    const IOReturn result = get(type, request.report_id, report.data(), &length);
    report.resize(static_cast<size_t>(std::clamp<CFIndex>(length, 0, request.room)));
    if (result != kIOReturnSuccess) report.clear();
    device->side().answer(request, result, report);
}

void UserDevice::on_get(IOHIDUserDeviceGetReportBlock block) {
    const std::lock_guard lock(mutex_);
    if (get_ != nullptr) return;  // once: it may be running
    if (block != nullptr) get_ = Block_copy(block);
}

void UserDevice::on_set(IOHIDUserDeviceSetReportBlock block) {
    const std::lock_guard lock(mutex_);
    if (set_ != nullptr) return;
    if (block != nullptr) set_ = Block_copy(block);
}

namespace {

/// A reference to the device's entry; 0 if it is not plugged in.
class Entry {
  public:
    explicit Entry(uint64_t id)
        : handle_(id == 0 ? IO_OBJECT_NULL : opendext::client::HandleTable::instance().entry(id)) {}
    ~Entry() {
        if (handle_ != IO_OBJECT_NULL) IOObjectRelease(handle_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    [[nodiscard]] io_service_t get() const { return handle_; }

  private:
    const io_service_t handle_;
};

}  // namespace

CFTypeRef UserDevice::copy_property(CFStringRef key) {
    const std::shared_ptr<SimulatedDevice> device = this->device();
    if (device == nullptr) return nullptr;
    const Entry entry(device->entry());
    if (entry.get() != IO_OBJECT_NULL) {
        if (CFTypeRef value = IORegistryEntryCreateCFProperty(entry.get(), key, nullptr, 0))
            return value;
    }
    const opendext::Value* own = find(device->properties(), cf::text_of(key));
    return own == nullptr ? nullptr : cf::from_value(*own);
}

bool UserDevice::set_property(CFStringRef key, CFTypeRef value) {
    const std::shared_ptr<SimulatedDevice> device = this->device();
    if (device == nullptr) return false;
    const Entry entry(device->entry());
    return entry.get() != IO_OBJECT_NULL &&
           IORegistryEntrySetCFProperty(entry.get(), key, value) == kIOReturnSuccess;
}

IOReturn UserDevice::send(uint64_t timestamp, std::span<const uint8_t> report) {
    const std::shared_ptr<SimulatedDevice> device = this->device();
    if (device == nullptr) return fail(kIOReturnNotOpen, "the device was cancelled");
    if (device->entry() == 0)
        return fail(kIOReturnNotReady,
                    "the device is not plugged in: IOHIDUserDeviceActivate "
                    "comes first");
    const Status sent = device->send(timestamp, report);
    return sent.ok() ? kIOReturnSuccess : fail(sent.error(), OPENDEXT_ORIGIN_LIBRARY);
}

namespace {

UserDevice& user_device_of(IOHIDUserDeviceRef ref, const char* function) {
    return const_cast<UserDevice&>(cf::to<UserDevice>(ref, function));
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;

CFTypeID IOHIDUserDeviceGetTypeID(void) {
    return static_cast<CFTypeID>(UserDevice::kType);
}

IOHIDUserDeviceRef IOHIDUserDeviceCreateWithProperties(CFAllocatorRef, CFDictionaryRef properties,
                                                       IOOptionBits options) {
    if (properties == nullptr) {
        opendext::client::fail(kIOReturnBadArgument, "no properties");
        return nullptr;
    }
    Result<opendext::Value> value = cf::to_value(properties);
    if (!value.ok()) {
        opendext::client::fail(std::move(value).error().in("properties"), OPENDEXT_ORIGIN_LIBRARY);
        return nullptr;
    }
    auto device = SimulatedDevice::make(std::move(*value->dictionary()));
    auto port = opendext::client::Port::create();
    if (!device.ok() || !port.ok()) {
        opendext::client::fail(device.ok() ? port.error() : device.error(),
                               OPENDEXT_ORIGIN_LIBRARY);
        return nullptr;
    }
    cf::Owned made(new UserDevice(std::move(device).value(), std::move(port).value()));
    const bool later = (options & IOHIDUserDeviceOptionsCreateOnActivate) != 0;
    if (!later && made.get()->plug() != kIOReturnSuccess) return nullptr;
    return cf::to_ref<IOHIDUserDeviceRef>(made.release());
}

void IOHIDUserDeviceRegisterGetReportBlock(IOHIDUserDeviceRef device,
                                           IOHIDUserDeviceGetReportBlock block) {
    user_device_of(device, "IOHIDUserDeviceRegisterGetReportBlock").on_get(block);
}
void IOHIDUserDeviceRegisterSetReportBlock(IOHIDUserDeviceRef device,
                                           IOHIDUserDeviceSetReportBlock block) {
    user_device_of(device, "IOHIDUserDeviceRegisterSetReportBlock").on_set(block);
}
void IOHIDUserDeviceSetDispatchQueue(IOHIDUserDeviceRef device, dispatch_queue_t queue) {
    user_device_of(device, "IOHIDUserDeviceSetDispatchQueue").schedule().set_queue(queue);
}
void IOHIDUserDeviceSetCancelHandler(IOHIDUserDeviceRef device, dispatch_block_t handler) {
    user_device_of(device, "IOHIDUserDeviceSetCancelHandler")
        .schedule()
        .on_cancelled(function_of(handler));
}
void IOHIDUserDeviceActivate(IOHIDUserDeviceRef device) {
    user_device_of(device, "IOHIDUserDeviceActivate").activate();
}
void IOHIDUserDeviceCancel(IOHIDUserDeviceRef device) {
    user_device_of(device, "IOHIDUserDeviceCancel").cancel();
}
CFTypeRef IOHIDUserDeviceCopyProperty(IOHIDUserDeviceRef device, CFStringRef key) {
    return user_device_of(device, "IOHIDUserDeviceCopyProperty").copy_property(key);
}
Boolean IOHIDUserDeviceSetProperty(IOHIDUserDeviceRef device, CFStringRef key, CFTypeRef property) {
    return user_device_of(device, "IOHIDUserDeviceSetProperty").set_property(key, property);
}
IOReturn IOHIDUserDeviceHandleReportWithTimeStamp(IOHIDUserDeviceRef device, uint64_t timestamp,
                                                  const uint8_t* report, CFIndex reportLength) {
    if (report == nullptr || reportLength <= 0)
        return opendext::client::fail(kIOReturnBadArgument, "a report has one byte at least");
    return user_device_of(device, "IOHIDUserDeviceHandleReportWithTimeStamp")
        .send(timestamp, {report, static_cast<size_t>(reportLength)});
}
