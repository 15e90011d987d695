// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "families/hid/report_type.h"
#include "rpc/result.h"

/// HID report descriptors (Device Class Definition for HID 1.11, section 6.2.2): what a device can
/// report. Plain data, no DriverKit: opendextd, driver processes, libIOKit and tools share it. A
/// descriptor comes from a device or a program and is hostile: every parse ends within the limits
/// below, in time linear in its length plus the elements it makes. Any thread; what is parsed does
/// not change.
namespace opendext::hid {

/// Limits. A descriptor beyond one is refused with Errc::unsupported, one that breaks the format
/// with Errc::malformed; the message names the byte offset and the item.
inline constexpr size_t max_descriptor_bytes = 65535;  ///< wDescriptorLength has 16 bits
inline constexpr size_t max_report_bytes = 65535;      ///< of one report, its id included
inline constexpr size_t max_elements = 32768;          ///< of all kinds together
inline constexpr size_t max_collection_depth = 64;
inline constexpr size_t max_push_depth = 64;

inline constexpr size_t report_types = 3;  ///< ReportType

/// The numbers are IOHIDElementCollectionType's, and those of the HID specification. 0x80 to 0xff
/// are vendors' own and pass through.
enum class CollectionType : uint8_t {
    physical = 0,
    application = 1,
    logical = 2,
    report = 3,
    named_array = 4,
    usage_switch = 5,
    usage_modifier = 6,
};
[[nodiscard]] std::string_view to_string(CollectionType type);

/// What IOKit calls the element. The numbers are IOHIDElementType's.
enum class ElementType : uint32_t {
    input_misc = 1,
    input_button = 2,      ///< one bit, or an item of an array that is not a key
    input_axis = 3,        ///< Generic Desktop X to Wheel
    input_scan_codes = 4,  ///< an array, and the keys of a keyboard's array
    input_null = 5,
    output = 129,
    feature = 257,
    collection = 513,
};
[[nodiscard]] std::string_view to_string(ElementType type);

/// Bits of `Element::flags`: those of an Input, Output or Feature item (6.2.2.5), the numbers of
/// kIOHIDElementFlags….
enum ElementFlags : uint32_t {
    flag_constant = 1,
    flag_variable = 2,  ///< not set: an array
    flag_relative = 4,
    flag_wrap = 8,
    flag_nonlinear = 16,
    flag_no_preferred = 32,
    flag_null_state = 64,
    flag_volatile = 128,
    flag_buffered_bytes = 256,
};

/// What one element of a device is within the descriptor.
enum class ElementKind : uint8_t {
    collection,
    /// `count` fields of `bits` bits with one usage: one value if `count` is 1, else data.
    field,
    /// `count` slots of `bits` bits; each slot holds the selector of a usage that is on.
    array,
    /// One usage of an array: 1 while a slot of the array holds `selector`, else 0. It lies where
    /// its array lies.
    array_item,
};
[[nodiscard]] std::string_view to_string(ElementKind kind);

/// Elements are numbered from 1 in the order of the descriptor, a collection before what it holds,
/// an array before its items; 0 is none.
using Cookie = uint32_t;
inline constexpr Cookie no_cookie = 0;

/// `Element::usage` of an array: its items have usages, it has none (IOKit says -1 too).
inline constexpr uint32_t usage_of_array = 0xffffffff;

struct Element {
    Cookie cookie = no_cookie;
    Cookie parent = no_cookie;  ///< the collection around it; no_cookie: outside of all
    ElementKind kind = ElementKind::field;
    ElementType type = ElementType::input_misc;
    CollectionType collection_type = CollectionType::physical;  ///< of a collection
    ReportType report_type = ReportType::input;                 ///< not of a collection
    uint8_t report_id = 0;  ///< 0: the device has no ids, or the element is a collection
    uint32_t flags = 0;     ///< ElementFlags
    uint32_t usage_page = 0;
    uint32_t usage = 0;
    /// In a report as hidraw has it: with its id as first byte if and only if the device uses ids.
    /// Bit 0 is the lowest of the first byte.
    uint32_t bit_offset = 0;
    uint32_t bits = 0;  ///< Report Size: of one field or slot
    /// Report Count that falls to this element; of an array item: the slots of its array.
    uint32_t count = 0;
    int32_t logical_min = 0;
    /// Above 2^31 only if logical_min is not negative: then the item's bits are unsigned.
    int64_t logical_max = 0;
    int32_t physical_min = 0;  ///< the logical extent where the descriptor gives none (6.2.2.7)
    int64_t physical_max = 0;
    uint32_t unit = 0;              ///< as in the descriptor (6.2.2.7)
    uint32_t unit_exponent = 0;     ///< as in the descriptor; exponent() is its value
    uint32_t string_index = 0;      ///< of the device's string that names it; 0: none
    Cookie array = no_cookie;       ///< of an array item: its array
    Cookie first_item = no_cookie;  ///< of an array: its items have cookies from here on
    uint32_t item_count = 0;        ///< of an array
    int64_t selector = 0;           ///< of an array item: the slot value that means it

    [[nodiscard]] bool is_collection() const { return kind == ElementKind::collection; }
    /// Whether values are read with sign (6.2.2.7: a negative logical minimum).
    [[nodiscard]] bool is_signed() const { return logical_min < 0; }
    [[nodiscard]] bool is_relative() const { return (flags & flag_relative) != 0; }
    /// Of the whole element in its report.
    [[nodiscard]] uint64_t total_bits() const { return uint64_t{bits} * count; }
    /// Power of ten of the unit, -8 to 7; bytes beyond the specification's nibble are read as
    /// signed numbers, as devices mean them.
    [[nodiscard]] int32_t exponent() const;
};

struct UsagePair {
    uint32_t page = 0;
    uint32_t usage = 0;
    bool operator==(const UsagePair&) const = default;
};

/// What goes in one report id.
struct Report {
    uint8_t id = 0;  ///< 0: the device has no ids
    /// Whole bytes, the id included if there is one; 0: there is no report of this type.
    std::array<uint32_t, report_types> bytes{};
    /// The fields and arrays in it, in their order; not the array items. Padding is not listed.
    std::array<std::vector<Cookie>, report_types> elements;
};

struct ReportDescriptor {
    std::vector<Element> elements;  ///< that of cookie n at index n - 1
    std::vector<Report> reports;    ///< by rising id
    /// Of the application and physical collections, each once, in their order: DeviceUsagePairs.
    std::vector<UsagePair> usage_pairs;
    UsagePair primary_usage;  ///< of the first application collection; 0, 0 without one
    bool uses_report_ids = false;

    /// nullptr: no such cookie.
    [[nodiscard]] const Element* element(Cookie cookie) const;
    /// nullptr: the device has no such report.
    [[nodiscard]] const Report* report(uint8_t id) const;
    /// Of one report in bytes, its id included; 0: there is none.
    [[nodiscard]] uint32_t report_bytes(ReportType type, uint8_t id) const;
    /// Of the longest report of a type in bytes, its id included: MaxInputReportSize and so on.
    [[nodiscard]] uint32_t max_report_size(ReportType type) const;
    /// The items of an array; empty for other elements.
    [[nodiscard]] std::span<const Element> items(const Element& array) const;
    /// Cookies of the collections, fields and arrays directly in `parent` (no_cookie: of those
    /// outside of all), in their order; of an array its items. Looks at all elements.
    [[nodiscard]] std::vector<Cookie> children(Cookie parent) const;
    /// The id of a report as hidraw has it; 0 if the device has no ids. False: empty.
    [[nodiscard]] uint8_t id_of(std::span<const uint8_t> report) const {
        return uses_report_ids && !report.empty() ? report[0] : 0;
    }
};

/// Errc::malformed or Errc::unsupported: see the limits.
[[nodiscard]] Result<ReportDescriptor> parse_descriptor(std::span<const uint8_t> bytes);

}  // namespace opendext::hid
