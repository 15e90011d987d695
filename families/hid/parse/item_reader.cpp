// SPDX-License-Identifier: Apache-2.0
#include "families/hid/parse/item_reader.h"

#include <array>
#include <cstdio>

namespace opendext::hid {

std::string hex(uint32_t number, int digits) {
    std::array<char, 16> text{};
    snprintf(text.data(), text.size(), "%#0*x", digits + 2, number);
    return text.data();
}

std::string name_of(ItemTag tag) {
    switch (tag) {
        case ItemTag::input:
            return "Input";
        case ItemTag::output:
            return "Output";
        case ItemTag::collection:
            return "Collection";
        case ItemTag::feature:
            return "Feature";
        case ItemTag::end_collection:
            return "End Collection";
        case ItemTag::usage_page:
            return "Usage Page";
        case ItemTag::logical_minimum:
            return "Logical Minimum";
        case ItemTag::logical_maximum:
            return "Logical Maximum";
        case ItemTag::physical_minimum:
            return "Physical Minimum";
        case ItemTag::physical_maximum:
            return "Physical Maximum";
        case ItemTag::unit_exponent:
            return "Unit Exponent";
        case ItemTag::unit:
            return "Unit";
        case ItemTag::report_size:
            return "Report Size";
        case ItemTag::report_id:
            return "Report ID";
        case ItemTag::report_count:
            return "Report Count";
        case ItemTag::push:
            return "Push";
        case ItemTag::pop:
            return "Pop";
        case ItemTag::usage:
            return "Usage";
        case ItemTag::usage_minimum:
            return "Usage Minimum";
        case ItemTag::usage_maximum:
            return "Usage Maximum";
        case ItemTag::designator_index:
            return "Designator Index";
        case ItemTag::designator_minimum:
            return "Designator Minimum";
        case ItemTag::designator_maximum:
            return "Designator Maximum";
        case ItemTag::string_index:
            return "String Index";
        case ItemTag::string_minimum:
            return "String Minimum";
        case ItemTag::string_maximum:
            return "String Maximum";
        case ItemTag::delimiter:
            return "Delimiter";
        case ItemTag::long_item:
            return "long item";
    }
    return "reserved item " + hex(static_cast<uint8_t>(tag), 2);
}

int32_t Item::as_signed() const {
    switch (size) {
        case 1:
            return static_cast<int8_t>(data);
        case 2:
            return static_cast<int16_t>(data);
        default:
            return static_cast<int32_t>(data);
    }
}

Result<std::optional<Item>> ItemReader::next() {
    if (at_ == bytes_.size()) return std::optional<Item>{};
    constexpr uint8_t kLongItem = 0xfe;
    const size_t left = bytes_.size() - at_ - 1;  // behind the first byte
    const uint8_t first = bytes_[at_];
    Item item;
    item.offset = at_;
    size_t length = 0;  // behind the first byte
    if (first == kLongItem) {
        // Data size, tag, data. No long items are defined: they are passed over.
        length = left == 0 ? 2 : size_t{2} + bytes_[at_ + 1];
    } else {
        length = (first & 3) == 3 ? 4 : first & 3;
        item.tag = static_cast<ItemTag>(first & 0xfc);
        item.size = static_cast<uint8_t>(length);
    }
    if (length > left) {
        return Error{Errc::malformed, 0,
                     "the report descriptor ends at offset " + std::to_string(bytes_.size()) +
                         " in the middle of " + name_of(item.tag)};
    }
    for (size_t i = 0; i < item.size; ++i) item.data |= uint32_t{bytes_[at_ + 1 + i]} << (8 * i);
    at_ += 1 + length;
    return std::optional<Item>(item);
}

}  // namespace opendext::hid
