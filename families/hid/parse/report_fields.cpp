// SPDX-License-Identifier: Apache-2.0
#include "families/hid/parse/report_fields.h"

#include <algorithm>
#include <iterator>

namespace opendext::hid {

namespace {

constexpr uint32_t kWidestValue = 64;

/// The `bits` (at most 64) bits of `bytes` from bit `offset` on, zero-extended.
uint64_t get_bits(std::span<const uint8_t> bytes, uint64_t offset, uint32_t bits) {
    if (bits == 0) return 0;
    const uint8_t* const first = bytes.data() + offset / 8;
    const auto shift = static_cast<uint32_t>(offset % 8);
    const uint32_t count = (shift + bits + 7) / 8;
    uint64_t value = first[0];  // fields of a byte or less are the most
    for (uint32_t i = 1; i < std::min(count, 8U); ++i) value |= uint64_t{first[i]} << (8 * i);
    value >>= shift;
    if (count > 8) value |= uint64_t{first[8]} << (64 - shift);
    return bits == 64 ? value : value & ((uint64_t{1} << bits) - 1);
}

void put_bits(std::span<uint8_t> bytes, uint64_t offset, uint32_t bits, uint64_t value) {
    for (uint32_t done = 0; done < bits;) {
        const auto shift = static_cast<uint32_t>((offset + done) % 8);
        const uint32_t part = std::min(8 - shift, bits - done);
        const auto mask = static_cast<uint8_t>(((1u << part) - 1) << shift);
        uint8_t& byte = bytes[(offset + done) / 8];
        byte = static_cast<uint8_t>((byte & ~mask) | (value >> done << shift & mask));
        done += part;
    }
}

int64_t extended(const Element& element, uint64_t value) {
    if (!element.is_signed() || element.bits == 0 || element.bits >= 64) {
        return static_cast<int64_t>(value);
    }
    const uint64_t sign = uint64_t{1} << (element.bits - 1);
    return static_cast<int64_t>((value ^ sign) - sign);
}

/// Whether the report has `count` fields from the `first` one on.
bool reaches(const Element& element, size_t report_bytes, uint32_t first, uint32_t count) {
    const uint64_t end = element.bit_offset + (uint64_t{first} + count) * element.bits;
    return !element.is_collection() && end <= uint64_t{report_bytes} * 8;
}

/// How many slots of an array (or of an item's array) are in a report.
uint32_t slots_in(const Element& element, size_t report_bytes) {
    const uint64_t bits = uint64_t{report_bytes} * 8;
    if (element.bits == 0 || bits <= element.bit_offset) return 0;
    return static_cast<uint32_t>(
        std::min<uint64_t>(element.count, (bits - element.bit_offset) / element.bits));
}

int64_t slot(const Element& element, std::span<const uint8_t> report, uint32_t index) {
    const uint32_t bits = std::min(element.bits, kWidestValue);
    return extended(element,
                    get_bits(report, element.bit_offset + uint64_t{index} * element.bits, bits));
}

/// Whether each slot is a byte of its own, as those of nearly all arrays.
bool has_byte_slots(const Element& element) {
    return element.bits == 8 && element.bit_offset % 8 == 0;
}

/// Whether one of the first `slots` slots holds the value.
bool holds(const Element& element, std::span<const uint8_t> report, uint32_t slots, int64_t value) {
    if (has_byte_slots(element)) {
        const auto bytes = report.subspan(element.bit_offset / 8, slots);
        const auto wanted = static_cast<uint8_t>(value);
        return extended(element, wanted) == value &&
               std::ranges::find(bytes, wanted) != bytes.end();
    }
    for (uint32_t at = 0; at < slots; ++at) {
        if (slot(element, report, at) == value) return true;
    }
    return false;
}

/// A usage that an array's slot selects; nullptr for none.
const Element* selected(const ReportDescriptor& descriptor, const Element& array, int64_t value) {
    const int64_t first = array.logical_min;
    if (value < first || value >= first + array.item_count) return nullptr;
    const Element* item = descriptor.element(array.first_item + static_cast<Cookie>(value - first));
    return item == nullptr || item->usage == 0 ? nullptr : item;
}

/// What a slot holds that selects nothing: 0 if it does, else all bits set.
std::optional<int64_t> nothing(const ReportDescriptor& descriptor, const Element& array) {
    if (selected(descriptor, array, 0) == nullptr) return 0;
    const uint64_t ones = array.bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << array.bits) - 1;
    const int64_t all = extended(array, ones);
    if (selected(descriptor, array, all) == nullptr) return all;
    return std::nullopt;
}

/// Above that, looking for a value slot by slot takes longer than sorting.
constexpr uint32_t kFewSlots = 32;

void add(Cookie cookie, std::vector<Cookie>& found) {
    const auto place = std::ranges::lower_bound(found, cookie);
    if (place == found.end() || *place != cookie) found.insert(place, cookie);
}

/// Adds what a slot selects to `found`, unless one of the first `slots` slots of the other report
/// has the same.
void add_unless(const ReportDescriptor& descriptor, const Element& array, int64_t value,
                std::span<const uint8_t> other, uint32_t slots, std::vector<Cookie>& found) {
    const Element* item = selected(descriptor, array, value);
    if (item != nullptr && !holds(array, other, slots, value)) add(item->cookie, found);
}

/// differing_items() of an array whose slots are bytes; these of both reports.
void differing_bytes(const ReportDescriptor& descriptor, const Element& array,
                     std::span<const uint8_t> before, std::span<const uint8_t> now,
                     std::vector<Cookie>& off, std::vector<Cookie>& on) {
    const auto add_unless_in = [&](std::span<const uint8_t> other, uint8_t byte,
                                   std::vector<Cookie>& found) {
        const Element* item = selected(descriptor, array, extended(array, byte));
        if (item == nullptr) return;
        for (const uint8_t one : other) {
            if (one == byte) return;
        }
        add(item->cookie, found);
    };
    for (size_t index = 0; index < std::max(before.size(), now.size()); ++index) {
        const bool was = index < before.size();
        const bool is = index < now.size();
        if (was && is && before[index] == now[index]) continue;  // most
        if (was) add_unless_in(now, before[index], off);
        if (is) add_unless_in(before, now[index], on);
    }
}

bool write_item(const ReportDescriptor& descriptor, const Element& item, std::span<uint8_t> report,
                bool on) {
    const Element* array = descriptor.element(item.array);
    if (array == nullptr || array->bits > kWidestValue) return false;
    const auto put = [&](uint32_t index, int64_t value) {
        put_bits(report, array->bit_offset + uint64_t{index} * array->bits, array->bits,
                 static_cast<uint64_t>(value));
    };
    const std::optional<int64_t> none = nothing(descriptor, *array);
    const uint32_t slots = slots_in(*array, report.size());
    if (slots == 0 || (!on && !none)) return false;
    std::optional<uint32_t> free;
    for (uint32_t index = 0; index < slots; ++index) {
        const int64_t value = slot(*array, report, index);
        if (value == item.selector) {
            if (on) return true;
            put(index, *none);
        } else if (!free && selected(descriptor, *array, value) == nullptr) {
            free = index;
        }
    }
    if (on && free) put(*free, item.selector);
    return !on || free.has_value();
}

}  // namespace

std::optional<int64_t> read_value(const Element& element, std::span<const uint8_t> report,
                                  uint32_t index) {
    if (element.kind == ElementKind::array_item) {
        const uint32_t slots = slots_in(element, report.size());
        if (slots == 0) return std::nullopt;
        return holds(element, report, slots, element.selector) ? 1 : 0;
    }
    if (index >= element.count || element.bits > kWidestValue ||
        !reaches(element, report.size(), index, 1)) {
        return std::nullopt;
    }
    return slot(element, report, index);
}

bool write_value(const ReportDescriptor& descriptor, const Element& element,
                 std::span<uint8_t> report, int64_t value, uint32_t index) {
    if (element.kind == ElementKind::array_item) {
        return write_item(descriptor, element, report, value != 0);
    }
    if (index >= element.count || element.bits > kWidestValue ||
        !reaches(element, report.size(), index, 1)) {
        return false;
    }
    put_bits(report, element.bit_offset + uint64_t{index} * element.bits, element.bits,
             static_cast<uint64_t>(value));
    return true;
}

std::vector<uint8_t> read_data(const Element& element, std::span<const uint8_t> report) {
    if (!reaches(element, report.size(), 0, element.count)) return {};
    const uint64_t bits = element.total_bits();
    std::vector<uint8_t> data((bits + 7) / 8);
    for (uint64_t done = 0; done < bits; done += 8) {
        const auto part = static_cast<uint32_t>(std::min<uint64_t>(8, bits - done));
        data[done / 8] = static_cast<uint8_t>(get_bits(report, element.bit_offset + done, part));
    }
    return data;
}

bool write_data(const Element& element, std::span<uint8_t> report, std::span<const uint8_t> data) {
    if (!reaches(element, report.size(), 0, element.count)) return false;
    const uint64_t bits = element.total_bits();
    for (uint64_t done = 0; done < bits; done += 8) {
        const auto part = static_cast<uint32_t>(std::min<uint64_t>(8, bits - done));
        const uint8_t byte = done / 8 < data.size() ? data[done / 8] : 0;
        put_bits(report, element.bit_offset + done, part, byte);
    }
    return true;
}

std::vector<Cookie> selected_items(const ReportDescriptor& descriptor, const Element& array,
                                   std::span<const uint8_t> report) {
    std::vector<Cookie> found;
    if (array.kind != ElementKind::array || array.item_count == 0) return found;
    const uint32_t slots = slots_in(array, report.size());
    for (uint32_t index = 0; index < slots; ++index) {
        const Element* item = selected(descriptor, array, slot(array, report, index));
        if (item != nullptr) found.push_back(item->cookie);
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

void differing_items(const ReportDescriptor& descriptor, const Element& array,
                     std::span<const uint8_t> before, std::span<const uint8_t> now,
                     std::vector<Cookie>& off, std::vector<Cookie>& on) {
    off.clear();
    on.clear();
    if (array.kind != ElementKind::array || array.item_count == 0) return;
    if (array.count > kFewSlots) {
        const std::vector<Cookie> were = selected_items(descriptor, array, before);
        const std::vector<Cookie> are = selected_items(descriptor, array, now);
        std::ranges::set_difference(were, are, std::back_inserter(off));
        std::ranges::set_difference(are, were, std::back_inserter(on));
        return;
    }
    const uint32_t were = slots_in(array, before.size());
    const uint32_t are = slots_in(array, now.size());
    if (has_byte_slots(array)) {
        const auto slots = [&](std::span<const uint8_t> report, uint32_t count) {
            return count == 0 ? report.first(0) : report.subspan(array.bit_offset / 8, count);
        };
        return differing_bytes(descriptor, array, slots(before, were), slots(now, are), off, on);
    }
    for (uint32_t index = 0; index < std::max(were, are); ++index) {
        if (index < were && index < are && slot(array, before, index) == slot(array, now, index))
            continue;
        if (index < were) add_unless(descriptor, array, slot(array, before, index), now, are, off);
        if (index < are) add_unless(descriptor, array, slot(array, now, index), before, were, on);
    }
}

bool is_null(const Element& element, int64_t value) {
    return (element.flags & flag_null_state) != 0 &&
           (value < element.logical_min || value > element.logical_max);
}

double to_physical(const Element& element, int64_t value) {
    const auto logical = static_cast<double>(element.logical_max - element.logical_min);
    const auto physical = static_cast<double>(element.physical_max - element.physical_min);
    if (logical <= 0 || physical == 0) return static_cast<double>(value);
    return static_cast<double>(element.physical_min) +
           (static_cast<double>(value) - element.logical_min) * physical / logical;
}

}  // namespace opendext::hid
