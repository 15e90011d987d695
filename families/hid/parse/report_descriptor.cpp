// SPDX-License-Identifier: Apache-2.0
#include "families/hid/parse/report_descriptor.h"

#include <algorithm>

namespace opendext::hid {

std::string_view to_string(CollectionType type) {
    switch (type) {
        case CollectionType::physical:
            return "physical";
        case CollectionType::application:
            return "application";
        case CollectionType::logical:
            return "logical";
        case CollectionType::report:
            return "report";
        case CollectionType::named_array:
            return "named array";
        case CollectionType::usage_switch:
            return "usage switch";
        case CollectionType::usage_modifier:
            return "usage modifier";
    }
    return static_cast<uint8_t>(type) < 0x80 ? "reserved" : "vendor-defined";
}

std::string_view to_string(ElementType type) {
    switch (type) {
        case ElementType::input_misc:
            return "input";
        case ElementType::input_button:
            return "button";
        case ElementType::input_axis:
            return "axis";
        case ElementType::input_scan_codes:
            return "scan codes";
        case ElementType::input_null:
            return "null";
        case ElementType::output:
            return "output";
        case ElementType::feature:
            return "feature";
        case ElementType::collection:
            return "collection";
    }
    return "?";
}

std::string_view to_string(ElementKind kind) {
    switch (kind) {
        case ElementKind::collection:
            return "collection";
        case ElementKind::field:
            return "field";
        case ElementKind::array:
            return "array";
        case ElementKind::array_item:
            return "array item";
    }
    return "?";
}

int32_t Element::exponent() const {
    const auto value = static_cast<int32_t>(unit_exponent);
    if (value < 0 || value > 15) return std::clamp(value, -128, 127);
    return value < 8 ? value : value - 16;
}

const Element* ReportDescriptor::element(Cookie cookie) const {
    return cookie == no_cookie || cookie > elements.size() ? nullptr : &elements[cookie - 1];
}

const Report* ReportDescriptor::report(uint8_t id) const {
    const auto found = std::ranges::lower_bound(reports, id, {}, &Report::id);
    return found == reports.end() || found->id != id ? nullptr : &*found;
}

uint32_t ReportDescriptor::report_bytes(ReportType type, uint8_t id) const {
    const Report* found = report(id);
    return found == nullptr ? 0 : found->bytes[static_cast<size_t>(type)];
}

uint32_t ReportDescriptor::max_report_size(ReportType type) const {
    uint32_t longest = 0;
    for (const Report& each : reports) {
        longest = std::max(longest, each.bytes[static_cast<size_t>(type)]);
    }
    return longest;
}

std::span<const Element> ReportDescriptor::items(const Element& array) const {
    if (array.first_item == no_cookie) return {};
    return std::span(elements).subspan(array.first_item - 1, array.item_count);
}

std::vector<Cookie> ReportDescriptor::children(Cookie parent) const {
    std::vector<Cookie> found;
    const Element* of = element(parent);
    if (of != nullptr && of->kind == ElementKind::array) {
        for (const Element& item : items(*of)) found.push_back(item.cookie);
        return found;
    }
    if (of != nullptr && !of->is_collection()) return found;
    for (const Element& each : elements) {
        if (each.parent == parent && each.kind != ElementKind::array_item) {
            found.push_back(each.cookie);
        }
    }
    return found;
}

}  // namespace opendext::hid
