// SPDX-License-Identifier: Apache-2.0
// <opendext/hid.h>: objects of HID in event loops of the program's own.
#include <opendext/hid.h>

#include "families/hid/client/manager.h"
#include "families/hid/client/queue.h"
#include "families/hid/client/transaction.h"
#include "families/hid/client/user_device.h"

using namespace opendext;
using namespace opendext::hid_client;

namespace {

/// nullptr for objects of other types, and for managers, which have more than one.
Schedule* schedule_of(CFTypeRef object) {
    auto* own = const_cast<cf::Object*>(cf::to_object(object));
    if (own->type() == Device::kType) return &static_cast<Device*>(own)->schedule();
    if (own->type() == Queue::kType) return &static_cast<Queue*>(own)->schedule();
    if (own->type() == Transaction::kType) return &static_cast<Transaction*>(own)->schedule();
    if (own->type() == UserDevice::kType) return &static_cast<UserDevice*>(own)->schedule();
    return nullptr;
}

Manager* manager_of(CFTypeRef object) {
    auto* own = const_cast<cf::Object*>(cf::to_object(object));
    return own->type() == Manager::kType ? static_cast<Manager*>(own) : nullptr;
}

}  // namespace

int opendext_hid_fd(CFTypeRef object) {
    if (object == nullptr) return -1;
    if (Manager* manager = manager_of(object)) return manager->poll_fd();
    Schedule* schedule = schedule_of(object);
    return schedule == nullptr ? -1 : schedule->port().fd();
}

void opendext_hid_dispatch(CFTypeRef object) {
    if (object == nullptr) return;
    CFRetain(object);  // a call-back may release it
    if (Manager* manager = manager_of(object)) {
        manager->dispatch();
    } else if (Schedule* schedule = schedule_of(object)) {
        schedule->port().dispatch();
    }
    CFRelease(object);
}

uint64_t opendext_hid_dropped(IOHIDDeviceRef device) {
    return device_of(device, "opendext_hid_dropped").dropped();
}
