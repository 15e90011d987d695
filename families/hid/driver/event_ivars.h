// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "families/hid/driver/event_service.h"

struct IOHIDEventService_IVars {
    explicit IOHIDEventService_IVars(IOHIDEventService* object) : events(object) {}
    opendext::hid::EventService events;
};

class IOUserHIDEventService;
namespace opendext::hid {
struct Change {
    Cookie cookie;
    int64_t value;  ///< as in Changed
};
/// What the report changed that is being handled.
const std::vector<Change>& changed_elements(IOUserHIDEventService* service);
/// Sets the output element of a light and sends its report: what SetLED does that no driver
/// overrides.
kern_return_t set_light(IOUserHIDEventService* service, uint32_t page, uint32_t usage, bool on);
}  // namespace opendext::hid
