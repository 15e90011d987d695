// SPDX-License-Identifier: Apache-2.0
// Report descriptors: no bytes may crash the parser, what it accepts keeps its promises, and values
// of the elements of any report can be read and written back.
#include <cstdlib>

#include "families/hid/parse/report_fields.h"

namespace {

using namespace opendext::hid;

void require(bool what) {
    if (!what) std::abort();
}

void check_element(const ReportDescriptor& device, const Element& element) {
    require(device.element(element.cookie) == &element);
    require(element.parent < element.cookie);
    if (element.parent != no_cookie) require(device.element(element.parent)->is_collection());
    if (element.is_collection()) return;
    const uint32_t bytes = device.report_bytes(element.report_type, element.report_id);
    require(bytes > 0 && bytes <= max_report_bytes);
    require(element.bit_offset + element.total_bits() <= uint64_t{bytes} * 8);
    require(!device.uses_report_ids || element.bit_offset >= 8);
    require(device.items(element).size() == element.item_count);
    if (element.kind == ElementKind::array_item) {
        require(device.element(element.array)->kind == ElementKind::array);
    }
}

void read_and_write(const ReportDescriptor& device, const Element& element,
                    std::span<uint8_t> report) {
    const auto value = read_value(element, report);
    (void)is_null(element, value.value_or(0));
    (void)to_physical(element, value.value_or(0));
    if (element.kind == ElementKind::array) (void)selected_items(device, element, report);
    if (value && write_value(device, element, report, *value)) {
        require(read_value(element, report) == value);
    }
    const auto data = read_data(element, report);
    if (!data.empty() && write_data(element, report, data)) {
        require(read_data(element, report) == data);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto result = parse_descriptor({data, size});
    if (!result.ok()) {
        require(!result.error().message.empty());
        return 0;
    }
    const ReportDescriptor& device = *result;
    require(device.elements.size() <= max_elements);
    for (const Element& element : device.elements) check_element(device, element);
    // Values of the first elements in a report made of the descriptor itself, whole and cut short.
    size_t left = 200;
    for (const Element& element : device.elements) {
        if (element.is_collection() || left-- == 0) continue;
        std::vector<uint8_t> report(device.report_bytes(element.report_type, element.report_id));
        for (size_t i = 0; i < report.size(); ++i) report[i] = data[i % size];
        read_and_write(device, element, report);
        read_and_write(device, element, std::span(report).first(report.size() / 2));
    }
    return 0;
}
