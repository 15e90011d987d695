// SPDX-License-Identifier: Apache-2.0
// IOServiceNotificationDispatchSource: opendextd keeps the notifications of a source until the
// driver takes them.
#include <DriverKit/IOService.h>
#include <DriverKit/IOServiceNotificationDispatchSource.h>
#include <DriverKit/OSCollections.h>

#include "runtime/containers/value_conversion.h"
#include "runtime/log/log.h"
#include "runtime/messages/wire.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/watching_source.h"

using namespace opendext;
using namespace opendext::runtime;
namespace driver = protocol::driver;

struct IOServiceNotificationDispatchSource_IVars {
    WatchingSource watching;
};

namespace {

using Source = IOServiceNotificationDispatchSource;

/// Calls the handler of `source`.
auto callback(Source* source) {
    return [source](OSAction* action) { source->ServiceNotificationReady(action); };
}

}  // namespace

kern_return_t IOServiceNotificationDispatchSource::Create_Impl(
    OSDictionary* matching, uint64_t options, IODispatchQueue* queue,
    IOServiceNotificationDispatchSource** notification) {
    if (notification == nullptr) return kIOReturnBadArgument;
    *notification = nullptr;
    if (matching == nullptr || options != 0 || queue == nullptr) return kIOReturnBadArgument;
    auto value = to_value(matching);
    if (!value || value->dictionary() == nullptr) return kIOReturnBadArgument;
    OSObject* object = nullptr;
    kern_return_t result = OSObjectAllocate(gIOServiceNotificationDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<Source*>(object);
    driver::Watch watch;
    watch.kind = driver::WatchKind::services;
    watch.matching = std::move(*value->dictionary());
    result = made->ivars->watching.begin(made, queue, std::move(watch), [](OSObject* source) {
        auto* self = static_cast<Source*>(source);
        self->ivars->watching.ready(callback(self));
    });
    if (result != kIOReturnSuccess) {
        made->release();
        return result;
    }
    *notification = made;
    return kIOReturnSuccess;
}

bool IOServiceNotificationDispatchSource::init() {
    if (!super::init()) return false;
    ivars = new IOServiceNotificationDispatchSource_IVars;
    return true;
}

void IOServiceNotificationDispatchSource::free() {
    delete ivars;
    super::free();
}

kern_return_t IOServiceNotificationDispatchSource::SetHandler_Impl(OSAction* action) {
    if (!action_fits(action, IOServiceNotificationDispatchSource_ServiceNotificationReady_ID,
                     "IOServiceNotificationDispatchSource::SetHandler",
                     "ServiceNotificationReady")) {
        return kIOReturnBadArgument;
    }
    ivars->watching.set_handler(action);
    ivars->watching.deliver_pending(callback(this));
    return kIOReturnSuccess;
}

kern_return_t IOServiceNotificationDispatchSource::CopyNextNotification_Impl(uint64_t* type,
                                                                             IOService** service,
                                                                             uint64_t* options) {
    if (type == nullptr || service == nullptr || options == nullptr) return kIOReturnBadArgument;
    *type = kIOServiceNotificationTypeNone;
    *service = nullptr;
    *options = 0;
    if (ivars->watching.cancelled()) return kIOReturnAborted;
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnNotReady;
    auto reply = process->request(encode(driver::NextNotification{ivars->watching.number()}));
    if (!reply) return kIOReturnOffline;
    auto next = decode<driver::Notification>(*reply);
    if (!next || next->service.size() > 1) {
        process->end(70, "malformed answer from opendextd: a notification");
        return kIOReturnIPCError;
    }
    if (next->outcome.io_return != kIOReturnSuccess) return next->outcome.io_return;
    if (next->service.empty()) return kIOReturnSuccess;
    auto object = from_ref(process->objects(), next->service.front(), reply->fds);
    if (!object) {
        log(LogType::error, "notification with a bad reference: %s", object.error().text().c_str());
        return kIOReturnIPCError;
    }
    *service = OSDynamicCast(IOService, *object);
    if (*service == nullptr) {
        if (*object != nullptr) (*object)->release();
        return kIOReturnNotFound;  // it is gone, and nothing is known of it any more
    }
    *type = next->type;
    return kIOReturnSuccess;
}

kern_return_t IOServiceNotificationDispatchSource::DeliverNotifications(
    IOServiceNotificationBlock block) {
    if (block == nullptr) return kIOReturnBadArgument;
    for (;;) {
        uint64_t type = kIOServiceNotificationTypeNone;
        IOService* service = nullptr;
        uint64_t options = 0;
        const kern_return_t result = CopyNextNotification(&type, &service, &options);
        if (result == kIOReturnNotFound) continue;
        if (result != kIOReturnSuccess) return result;
        if (service == nullptr) return kIOReturnSuccess;
        block(type, service, options);
        service->release();
    }
}

kern_return_t IOServiceNotificationDispatchSource::Cancel_Impl(
    IODispatchSourceCancelHandler handler) {
    return ivars->watching.cancel(this, handler);
}

kern_return_t IOServiceNotificationDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    const kern_return_t result = ivars->watching.set_enabled(this, enable, handler);
    if (enable) ivars->watching.deliver_pending(callback(this));
    return result;
}

kern_return_t IOServiceNotificationDispatchSource::CheckForWork_Impl(bool) {
    ivars->watching.deliver_pending(callback(this));
    return kIOReturnSuccess;
}
