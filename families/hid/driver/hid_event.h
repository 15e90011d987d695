// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSContainer.h>
#include <HIDDriverKit/IOHIDEventServiceTypes.h>

#include <variant>

extern OSMetaClass* gIOHIDEventMetaClass;
struct IOHIDEvent_IVars;

/// What the SDK has as an opaque class: an event that was made and not yet dispatched.
class IOHIDEvent : public OSContainer {
  public:
    using super = OSContainer;

    struct Key {
        uint32_t page = 0, usage = 0, value = 0;
    };
    using Content = std::variant<Key, IOHIDDigitizerTouchData, IOHIDDigitizerStylusData>;

    /// The caller releases it. NULL: out of memory.
    static IOHIDEvent* make(uint64_t timestamp, Content content);
    [[nodiscard]] uint64_t timestamp() const;
    [[nodiscard]] const Content& content() const;

    bool init() override;
    void free() override;

    IOHIDEvent_IVars* ivars;
};
