// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HIDDriverKit/IOHIDElement.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "families/hid/parse/report_descriptor.h"

class OSArray;

namespace opendext::hid {

/// What elements ask of the interface that they belong to.
class ElementHost {
  public:
    virtual ~ElementHost() = default;
    /// IOHIDElement::commit, and getValue with kIOHIDValueOptionsUpdateElementValues: the report of
    /// the element from the device (…DirectionIn) or to it. Blocks.
    virtual IOReturn exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) = 0;
};

/// The elements of a device as objects, and the way of values between them and reports. Used on the
/// queue of the interface's client.
class ElementTree {
  public:
    /// `host` outlives the tree. nullptr: out of memory.
    static std::unique_ptr<ElementTree> make(ReportDescriptor descriptor, ElementHost& host);
    virtual ~ElementTree() = default;

    [[nodiscard]] virtual const ReportDescriptor& descriptor() const = 0;
    /// All elements, that of cookie n at index n - 1. Not retained for the caller.
    [[nodiscard]] virtual OSArray* elements() const = 0;
    /// What `element` is in the descriptor; nullptr if it belongs to another tree.
    [[nodiscard]] virtual const Element* find(IOHIDElement* element) const = 0;

    /// An element whose value a report changed, and the value (0 where it has more than 64 bits).
    using Changed = std::function<void(const Element&, int64_t value)>;
    /// Puts the values of a report into its elements. `bytes`: with its id if the device uses ids.
    virtual void take(uint64_t timestamp, ReportType type, uint8_t id,
                      std::span<const uint8_t> bytes, const Changed& changed) = 0;
    /// A report of the values that its elements have (setValue, else what came last), as it goes to
    /// the device; empty if there is no such report.
    [[nodiscard]] virtual std::vector<uint8_t> give(ReportType type, uint8_t id) const = 0;

    /// The range that kIOHIDValueScaleTypeCalibrated gives for the element, IOFixed, and the part
    /// of the logical extent that counts, in logical units.
    virtual void calibrate(IOHIDElement* element, IOFixed minimum, IOFixed maximum,
                           int64_t logical_minimum, int64_t logical_maximum) = 0;

  protected:
    ElementTree() = default;
};

}  // namespace opendext::hid
