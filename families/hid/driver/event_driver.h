// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HIDDriverKit/IOUserHIDEventDriver.h>

#include <array>
#include <cstdint>
#include <vector>

#include "families/hid/driver/events/input_events.h"

/// What IOUserHIDEventDriver knows of its device: which element is what. The elements belong to the
/// interface and live as long as it.
struct IOUserHIDEventDriver_IVars {
    struct Key {
        IOHIDElement* element = nullptr;
        bool down = false;  ///< as it was dispatched last
    };
    struct Control {
        IOHIDElement* element = nullptr;
        opendext::hid::GameControl control{};
        bool negated = false;  ///< down is positive for the device, up for us
    };
    template <typename T>
    using List = std::vector<T>;

    List<Key> keys;
    List<uint32_t> key_of_cookie;      ///< 1 + the place in `keys`; 0: no key
    IOHIDElement* rollover = nullptr;  ///< more keys are down than the device can say
    opendext::hid::Cookie rollover_cookie = opendext::hid::no_cookie;
    bool rolled_over = false;
    bool missed_keys = false;  ///< it could not say: all keys have to be looked at
    void add_key(IOHIDElement* element);
    List<IOHIDElement*> relative, absolute, scroll;
    OSArray* buttons = nullptr;  // retained
    uint32_t button_state = 0;
    List<IOHIDElement*> lights;
    OSArray* digitizers = nullptr;  // retained; IOHIDDigitizerCollection
    IOHIDElement* contact_count = nullptr;
    uint32_t contacts_left = 0;  ///< of a frame that takes several reports
    IOFixed tip_threshold = 0;   ///< pressure that is a touch where there is no tip switch
    List<Control> controls;
    IOHIDElement* hat = nullptr;
    opendext::hid::GameState game{};
};

namespace opendext::hid {

/// 0 to 1 of the logical extent, 16.16.
[[nodiscard]] IOFixed part_of_extent(IOHIDElement* element);
/// Whether this report brought the element.
[[nodiscard]] bool is_in_report(IOHIDElement* element, uint64_t timestamp, uint32_t report_id);
[[nodiscard]] bool is_input(IOHIDElement* element);
/// The outermost application collection around it; NULL: none.
[[nodiscard]] IOHIDElement* application_of(IOHIDElement* element);

}  // namespace opendext::hid
