// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "families/hid/parse/report_descriptor.h"

/// Values in reports. `report` is always as hidraw has it: with its id as first byte if and only if
/// the device uses ids. The element has to belong to the report's id and type: who reads asks that
/// first. A report may be shorter than the descriptor says (devices do that): what is not there has
/// no value. Any thread.
namespace opendext::hid {

/// Of a field its first (or `index`th) value, sign-extended if its logical minimum is negative; of
/// an array the selector in its first (or `index`th) slot; of an array item 1 or 0 (`index` has no
/// meaning). nullopt: the report ends before it, `index` is not below `count`, a field wider than
/// 64 bits, a collection.
[[nodiscard]] std::optional<int64_t> read_value(const Element& element,
                                                std::span<const uint8_t> report,
                                                uint32_t index = 0);

/// The other way: puts the low `bits` bits of `value` there and touches no other bit. An array item
/// is put into the first free slot of its array (one that selects nothing, or usage 0), or taken
/// out of all slots that hold it. False: nothing was written, for the reasons of read_value(),
/// since no slot is free, or since the array has no value that means nothing.
[[nodiscard]] bool write_value(const ReportDescriptor& descriptor, const Element& element,
                               std::span<uint8_t> report, int64_t value, uint32_t index = 0);

/// All bits of an element, from bit 0 of the first byte on, the last byte filled with zeros:
/// (total_bits() + 7) / 8 bytes. Empty: the report ends before it, or it is a collection.
[[nodiscard]] std::vector<uint8_t> read_data(const Element& element,
                                             std::span<const uint8_t> report);
/// The other way; data that is shorter than the element leaves the rest as zeros, what is longer is
/// dropped. False: as read_data().
[[nodiscard]] bool write_data(const Element& element, std::span<uint8_t> report,
                              std::span<const uint8_t> data);

/// Which items of an array are on, by rising cookie, each once. Usage 0 ("no event" of keyboards)
/// is left out.
[[nodiscard]] std::vector<Cookie> selected_items(const ReportDescriptor& descriptor,
                                                 const Element& array,
                                                 std::span<const uint8_t> report);

/// Which items of an array differ between two reports: `off` gets those that only `before` selects,
/// `on` those that only `now` does, each as selected_items() has them. What was in them is cleared.
void differing_items(const ReportDescriptor& descriptor, const Element& array,
                     std::span<const uint8_t> before, std::span<const uint8_t> now,
                     std::vector<Cookie>& off, std::vector<Cookie>& on);

/// Whether a value of the element means "no value": it has a null state and the value is outside
/// the logical extent (6.2.2.5).
[[nodiscard]] bool is_null(const Element& element, int64_t value);

/// `value` in units of the physical extent: the linear map from the logical to the physical extent
/// (6.2.2.7). The unit's exponent is not applied. `value` itself if an extent is empty.
[[nodiscard]] double to_physical(const Element& element, int64_t value);

}  // namespace opendext::hid
