// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSArray.h>
#include <DriverKit/OSData.h>
#include <HIDDriverKit/IOHIDElement.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "families/hid/parse/report_descriptor.h"

struct IOHIDElement_IVars;

namespace opendext::hid {

/// What the tree does for its elements.
class ElementValues {
  public:
    /// The report that the element lies in, as it is now or was before it came last; empty before
    /// the tree was made complete.
    [[nodiscard]] virtual std::span<const uint8_t> image(const Element& element,
                                                         bool previous) const = 0;
    /// The time of the report that brought the element last; 0: none did.
    [[nodiscard]] virtual uint64_t brought_at(const IOHIDElement_IVars& own) const = 0;
    virtual bool set_value(const Element& element, uint64_t value) = 0;
    virtual bool set_data(const Element& element, std::span<const uint8_t> data) = 0;
    virtual IOReturn exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) = 0;

  protected:
    ~ElementValues() = default;
};

/// Of kIOHIDValueScaleTypeCalibrated.
struct Calibration {
    IOFixed minimum = -(1 << 16);
    IOFixed maximum = 1 << 16;
    /// The part of the logical extent that counts; all of it if not set.
    std::optional<int64_t> logical_minimum;
    std::optional<int64_t> logical_maximum;
};

}  // namespace opendext::hid

struct IOHIDElement_IVars {
    opendext::hid::Element element;
    opendext::hid::ElementValues* values = nullptr;  ///< nullptr: the tree is gone
    IOHIDElement* parent = nullptr;                  ///< held by the tree
    OSArray* children = nullptr;                     ///< released here
    OSData* data = nullptr;                          ///< what getDataValue gave last
    // Of the last report that had this element and not all others (ElementValues::brought_at), and
    // which one of its id that was; an array's item: of the last that selected it or let go of it.
    uint64_t timestamp = 0;
    uint64_t number = 0;
    opendext::hid::Calibration calibration;

    /// The tree goes away: what is left is the description.
    void detach() {
        values = nullptr;
        parent = nullptr;
        OSSafeReleaseNULL(children);
    }
};
