// SPDX-License-Identifier: Apache-2.0
// IOServiceStateNotificationDispatchSource: one callback for each StateNotificationBegin.
#include <DriverKit/IOService.h>
#include <DriverKit/IOServiceStateNotificationDispatchSource.h>
#include <DriverKit/OSCollections.h>

#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/watching_source.h"

using namespace opendext;
using namespace opendext::runtime;
namespace driver = protocol::driver;

struct IOServiceStateNotificationDispatchSource_IVars {
    WatchingSource watching;
};

namespace {

using Source = IOServiceStateNotificationDispatchSource;

/// Calls the handler of `source`.
auto callback(Source* source) {
    return [source](OSAction* action) { source->StateNotificationReady(action); };
}

}  // namespace

kern_return_t IOServiceStateNotificationDispatchSource::Create_Impl(
    IOService* service, OSArray* items, IODispatchQueue* queue,
    IOServiceStateNotificationDispatchSource** source) {
    if (source == nullptr) return kIOReturnBadArgument;
    *source = nullptr;
    if (service == nullptr || items == nullptr || items->getCount() == 0 || queue == nullptr)
        return kIOReturnBadArgument;
    driver::Watch watch;
    watch.kind = driver::WatchKind::items;
    for (uint32_t i = 0; i < items->getCount(); ++i) {
        auto* name = OSDynamicCast(OSString, items->getObject(i));
        if (name == nullptr) return kIOReturnBadArgument;
        watch.items.emplace_back(name->getCStringNoCopy());
    }
    OSObject* object = nullptr;
    kern_return_t result =
        OSObjectAllocate(gIOServiceStateNotificationDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<Source*>(object);
    result = made->ivars->watching.begin(made, queue, std::move(watch), [](OSObject* each) {
        auto* self = static_cast<Source*>(each);
        self->ivars->watching.ready(callback(self));
    });
    if (result != kIOReturnSuccess) {
        made->release();
        return result;
    }
    *source = made;
    return kIOReturnSuccess;
}

bool IOServiceStateNotificationDispatchSource::init() {
    if (!super::init()) return false;
    ivars = new IOServiceStateNotificationDispatchSource_IVars;
    return true;
}

void IOServiceStateNotificationDispatchSource::free() {
    delete ivars;
    super::free();
}

kern_return_t IOServiceStateNotificationDispatchSource::SetHandler_Impl(OSAction* action) {
    if (!action_fits(action, IOServiceStateNotificationDispatchSource_StateNotificationReady_ID,
                     "IOServiceStateNotificationDispatchSource::SetHandler",
                     "StateNotificationReady")) {
        return kIOReturnBadArgument;
    }
    ivars->watching.set_handler(action);
    ivars->watching.deliver_pending(callback(this));
    return kIOReturnSuccess;
}

kern_return_t IOServiceStateNotificationDispatchSource::StateNotificationBegin_Impl() {
    if (ivars->watching.cancelled()) return kIOReturnAborted;
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnNotReady;
    process->post(encode(driver::Arm{ivars->watching.number()}));
    return kIOReturnSuccess;
}

kern_return_t IOServiceStateNotificationDispatchSource::Cancel_Impl(
    IODispatchSourceCancelHandler handler) {
    return ivars->watching.cancel(this, handler);
}

kern_return_t IOServiceStateNotificationDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    const kern_return_t result = ivars->watching.set_enabled(this, enable, handler);
    if (enable) ivars->watching.deliver_pending(callback(this));
    return result;
}

kern_return_t IOServiceStateNotificationDispatchSource::CheckForWork_Impl(bool) {
    ivars->watching.deliver_pending(callback(this));
    return kIOReturnSuccess;
}
