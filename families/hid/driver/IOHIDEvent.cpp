// SPDX-License-Identifier: Apache-2.0
#include <new>
#include <utility>

#include "families/hid/driver/hid_event.h"
#include "runtime/containers/container_class.h"

OSMetaClass* gIOHIDEventMetaClass;

struct IOHIDEvent_IVars {
    uint64_t timestamp = 0;
    IOHIDEvent::Content content;
};

namespace {

opendext::runtime::ContainerRegistration<IOHIDEvent> g_event("IOHIDEvent", "OSContainer",
                                                             &gIOHIDEventMetaClass);

}  // namespace

IOHIDEvent* IOHIDEvent::make(uint64_t timestamp, Content content) {
    auto* event = OSTypeAlloc(IOHIDEvent);
    if (event == nullptr) return nullptr;
    event->ivars->timestamp = timestamp;
    event->ivars->content = std::move(content);
    return event;
}

uint64_t IOHIDEvent::timestamp() const {
    return ivars->timestamp;
}

const IOHIDEvent::Content& IOHIDEvent::content() const {
    return ivars->content;
}

bool IOHIDEvent::init() {
    if (!super::init()) return false;
    ivars = new (std::nothrow) IOHIDEvent_IVars;
    return ivars != nullptr;
}

void IOHIDEvent::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}
