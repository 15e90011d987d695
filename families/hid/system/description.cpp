// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/description.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {
namespace {

constexpr std::string_view kDescriptor = "ReportDescriptor";
constexpr size_t kMaxText = 255;
/// All properties together, beside the descriptor.
constexpr size_t kMaxKeys = 128;

struct Known {
    std::string_view key;
    Value::Kind kind;
};
constexpr std::array kKnown{
    Known{"VendorID", Value::Kind::number},
    Known{"VendorIDSource", Value::Kind::number},
    Known{"ProductID", Value::Kind::number},
    Known{"VersionNumber", Value::Kind::number},
    Known{"LocationID", Value::Kind::number},
    Known{"CountryCode", Value::Kind::number},
    Known{"ReportInterval", Value::Kind::number},
    Known{"RequestTimeout", Value::Kind::number},
    Known{"Transport", Value::Kind::string},
    Known{"Manufacturer", Value::Kind::string},
    Known{"Product", Value::Kind::string},
    Known{"SerialNumber", Value::Kind::string},
    Known{"PhysicalDeviceUniqueID", Value::Kind::string},
};

/// What the registry and the matching give a meaning. What follows from the descriptor is replaced
/// without ado: many drivers say it too.
bool is_ours(std::string_view key) {
    constexpr std::array kOurs{"OpenDextSysfs", "OpenDextNode", "OpenDextPid"};
    return std::find(kOurs.begin(), kOurs.end(), key) != kOurs.end() || key.starts_with("IO") ||
           key.starts_with("CFBundle") || key.starts_with("com.apple.");
}

Error wrong(std::string_view key, const Value& value, std::string_view wanted) {
    return Error{Errc::invalid, 0,
                 "property " + std::string(key) + " is a " + std::string(to_string(value.kind())) +
                     ", it has to be " + std::string(wanted)};
}

std::string name_of(const Dictionary& properties) {
    const std::string* product = find_string(properties, "Product");
    if (product != nullptr && !product->empty()) return *product;
    const Number* vendor = find_number(properties, "VendorID");
    const Number* id = find_number(properties, "ProductID");
    char text[32];
    std::snprintf(text, sizeof text, "%04llx:%04llx",
                  static_cast<unsigned long long>(vendor != nullptr ? vendor->raw : 0),
                  static_cast<unsigned long long>(id != nullptr ? id->raw : 0));
    return text;
}

}  // namespace

Result<Description> describe_device(Dictionary given, std::string_view transport) {
    Description device;
    if (given.size() > kMaxKeys) {
        return Error{Errc::invalid, 0,
                     std::to_string(given.size()) + " properties, a device has at most " +
                         std::to_string(kMaxKeys)};
    }
    const Value* bytes = opendext::find(given, kDescriptor);
    if (bytes == nullptr) {
        return Error{
            Errc::invalid, 0,
            "property ReportDescriptor is missing: the bytes of the HID report descriptor"};
    }
    if (bytes->data() == nullptr) return wrong(kDescriptor, *bytes, "data");
    auto parsed = parse_descriptor(*bytes->data());
    if (!parsed.ok()) return std::move(parsed).error().in("property ReportDescriptor");
    for (const Known& known : kKnown) {
        const Value* value = opendext::find(given, known.key);
        if (value == nullptr) continue;
        if (value->kind() != known.kind)
            return wrong(known.key, *value, "a " + std::string(to_string(known.kind)));
        if (value->string() == nullptr) continue;
        if (value->string()->size() > kMaxText) {
            return Error{Errc::invalid, 0,
                         "property " + std::string(known.key) + " is longer than 255 bytes"};
        }
    }
    for (auto item = given.begin(); item != given.end();) {
        if (!is_ours(item->first)) {
            ++item;
            continue;
        }
        device.left_out.push_back(item->first);
        item = given.erase(item);
    }
    Array pairs;
    for (const UsagePair& pair : parsed->usage_pairs)
        pairs.push_back(
            Dictionary{{"DeviceUsagePage", Value(pair.page)}, {"DeviceUsage", Value(pair.usage)}});
    given.insert_or_assign("DeviceUsagePairs", Value(std::move(pairs)));
    given.insert_or_assign("PrimaryUsagePage", Value(parsed->primary_usage.page));
    given.insert_or_assign("PrimaryUsage", Value(parsed->primary_usage.usage));
    given.insert_or_assign("MaxInputReportSize", Value(parsed->max_report_size(ReportType::input)));
    given.insert_or_assign("MaxOutputReportSize",
                           Value(parsed->max_report_size(ReportType::output)));
    given.insert_or_assign("MaxFeatureReportSize",
                           Value(parsed->max_report_size(ReportType::feature)));
    if (opendext::find(given, "Transport") == nullptr)
        given.insert_or_assign("Transport", Value(transport));
    device.numbered = parsed->uses_report_ids;
    device.name = name_of(given);
    device.properties = std::move(given);
    return device;
}

}  // namespace opendext::hid
