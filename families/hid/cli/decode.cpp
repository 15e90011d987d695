// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/decode.h"

#include <cstdio>

#include "families/hid/cli/inventory.h"
#include "families/hid/parse/item_reader.h"
#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {
namespace {

std::string page_name(uint32_t page) {
    struct Known {
        uint32_t page;
        const char* name;
    };
    constexpr Known kKnown[] = {
        {0x01, "Generic Desktop"},
        {0x02, "Simulation Controls"},
        {0x05, "Game Controls"},
        {0x06, "Generic Device"},
        {0x07, "Keyboard"},
        {0x08, "LED"},
        {0x09, "Button"},
        {0x0a, "Ordinal"},
        {0x0c, "Consumer"},
        {0x0d, "Digitizer"},
        {0x0f, "Physical Interface"},
        {0x14, "Auxiliary Display"},
        {0x20, "Sensor"},
        {0x84, "Power"},
        {0x85, "Battery"},
        {0xf1d0, "FIDO"},
    };
    for (const Known& known : kKnown) {
        if (known.page == page) return known.name;
    }
    return page >= 0xff00 ? "vendor's page " + hex(page, 4) : hex(page, 4);
}

std::string flags_of(uint32_t data) {
    std::string text = (data & flag_constant) != 0 ? "constant" : "data";
    text += (data & flag_variable) != 0 ? ", variable" : ", array";
    text += (data & flag_relative) != 0 ? ", relative" : ", absolute";
    if ((data & flag_wrap) != 0) text += ", wraps";
    if ((data & flag_null_state) != 0) text += ", has a null state";
    if ((data & flag_volatile) != 0) text += ", volatile";
    return text;
}

std::string meaning(const Item& item, uint32_t page) {
    switch (item.tag) {
        case ItemTag::usage_page:
            return page_name(item.data);
        case ItemTag::usage: {
            const uint32_t of_page = item.size == 4 ? item.data >> 16 : page;
            const std::string name = usage_name(of_page, item.data & 0xffff);
            return name.starts_with("0x") ? hex(item.data & 0xffff, 2) : name;
        }
        case ItemTag::usage_minimum:
        case ItemTag::usage_maximum:
        case ItemTag::unit:
            return hex(item.data, 2);
        case ItemTag::input:
        case ItemTag::output:
        case ItemTag::feature:
            return flags_of(item.data);
        case ItemTag::collection:
            return std::string(to_string(static_cast<CollectionType>(item.data)));
        case ItemTag::end_collection:
        case ItemTag::push:
        case ItemTag::pop:
            return "";
        case ItemTag::logical_minimum:
        case ItemTag::logical_maximum:
        case ItemTag::physical_minimum:
        case ItemTag::physical_maximum:
        case ItemTag::unit_exponent:
            return std::to_string(item.as_signed());
        default:
            return std::to_string(item.data);
    }
}

void add_reports(const ReportDescriptor& parsed, std::string& text) {
    for (const Report& report : parsed.reports) {
        for (size_t type = 0; type < report_types; type++) {
            if (report.bytes[type] == 0) continue;
            text += "\n" + std::string(to_string(static_cast<ReportType>(type))) + " report";
            if (parsed.uses_report_ids) text += " " + std::to_string(report.id);
            text += ", " + std::to_string(report.bytes[type]) + " bytes\n";
            for (const Cookie cookie : report.elements[type]) {
                const Element* element = parsed.element(cookie);
                if (element == nullptr) continue;
                char line[160];
                std::snprintf(line, sizeof line, "  bit %4u  %4u x %2u bits  %lld..%lld  ",
                              element->bit_offset, element->count, element->bits,
                              static_cast<long long>(element->logical_min),
                              static_cast<long long>(element->logical_max));
                text += line;
                if (element->kind == ElementKind::array) {
                    text += "array of " + std::to_string(element->item_count) + " usages, " +
                            page_name(element->usage_page);
                } else {
                    const std::string name = usage_name(element->usage_page, element->usage);
                    text += name.starts_with("0x")
                                ? page_name(element->usage_page) + " " + hex(element->usage, 2)
                                : name;
                }
                if (element->is_relative()) text += ", relative";
                text += "\n";
            }
        }
    }
}

}  // namespace

Result<std::string> explain_descriptor(std::span<const uint8_t> bytes) {
    ItemReader reader(bytes);
    std::string text;
    size_t depth = 0;
    uint32_t page = 0;
    Result<std::optional<Item>> item = reader.next();
    while (item.ok() && *item) {
        const Item& here = **item;
        Result<std::optional<Item>> next = reader.next();
        const size_t end = next.ok() && *next ? (*next)->offset : bytes.size();
        if (here.tag == ItemTag::usage_page) page = here.data;
        if (here.tag == ItemTag::end_collection && depth > 0) --depth;
        std::string line;
        for (size_t at = here.offset; at < end && at < here.offset + 5; at++) {
            char two[8];
            std::snprintf(two, sizeof two, "%02x ", bytes[at]);
            line += two;
        }
        line.resize(16, ' ');
        char offset[16];
        std::snprintf(offset, sizeof offset, "%4zu  ", here.offset);
        const std::string value = meaning(here, page);
        text += offset + line + std::string(depth * 2, ' ') + name_of(here.tag) +
                (value.empty() ? "" : " (" + value + ")") + "\n";
        if (here.tag == ItemTag::collection && depth < max_collection_depth) ++depth;
        item = std::move(next);
    }
    const auto parsed = parse_descriptor(bytes);
    if (!parsed.ok()) return parsed.error();
    add_reports(*parsed, text);
    return text;
}

}  // namespace opendext::hid
