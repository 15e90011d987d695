// SPDX-License-Identifier: Apache-2.0
// opendext hid ls, descriptor.
#include <cstdio>
#include <filesystem>

#include "families/hid/cli/commands.h"
#include "families/hid/cli/decode.h"
#include "families/hid/cli/models.h"
#include "families/hid/cli/recording.h"
#include "tools/common/json.h"

namespace opendext::hid {
namespace {

std::string in_hex(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "%04llx", static_cast<unsigned long long>(number));
    return text;
}

std::string to_text(const std::vector<HidDevice>& devices) {
    if (devices.empty()) return "no HID devices\n";
    std::string text;
    for (const HidDevice& device : devices) {
        text += device.name + "  " + tools::text_of_id(device.id) + "  " +
                in_hex(device.number("VendorID")) + ":" + in_hex(device.number("ProductID")) +
                "  " +
                usage_name(device.number("PrimaryUsagePage"), device.number("PrimaryUsage")) +
                "  " + device.text("Transport");
        if (device.player == "kernel") {
            text += "  " + device.node;
        } else {
            text += "  played by " + device.player + " " + std::to_string(device.pid);
        }
        for (const HidDriver& driver : device.drivers) {
            text += "  driver " + (driver.bundle_id.empty() ? driver.name : driver.bundle_id) +
                    " (" + std::to_string(driver.pid) + ")";
        }
        text += "\n";
    }
    return text;
}

Array to_values(const std::vector<HidDevice>& devices) {
    Array list;
    for (const HidDevice& device : devices) {
        Array drivers;
        for (const HidDriver& driver : device.drivers) {
            drivers.push_back(Dictionary{{"id", driver.id},
                                         {"name", driver.name},
                                         {"class", driver.class_name},
                                         {"bundle_id", driver.bundle_id},
                                         {"pid", driver.pid},
                                         {"event_service", driver.event_service}});
        }
        Array usages;
        const Value* pairs = opendext::find(device.properties, "DeviceUsagePairs");
        for (const Value& pair :
             pairs != nullptr && pairs->array() != nullptr ? *pairs->array() : Array{}) {
            if (pair.dictionary() == nullptr) continue;
            const Number* page = find_number(*pair.dictionary(), "DeviceUsagePage");
            const Number* usage = find_number(*pair.dictionary(), "DeviceUsage");
            if (page == nullptr || usage == nullptr) continue;
            usages.push_back(Dictionary{{"page", page->raw},
                                        {"usage", usage->raw},
                                        {"name", usage_name(page->raw, usage->raw)}});
        }
        list.push_back(Dictionary{{"id", device.id},
                                  {"name", device.name},
                                  {"vendor_id", device.number("VendorID")},
                                  {"product_id", device.number("ProductID")},
                                  {"version", device.number("VersionNumber")},
                                  {"manufacturer", device.text("Manufacturer")},
                                  {"product", device.text("Product")},
                                  {"serial", device.text("SerialNumber")},
                                  {"transport", device.text("Transport")},
                                  {"location", device.number("LocationID")},
                                  {"usages", std::move(usages)},
                                  {"max_input_report", device.number("MaxInputReportSize")},
                                  {"max_output_report", device.number("MaxOutputReportSize")},
                                  {"max_feature_report", device.number("MaxFeatureReportSize")},
                                  {"played_by", device.player},
                                  {"pid", device.pid},
                                  {"node", device.node},
                                  {"drivers", std::move(drivers)}});
    }
    return list;
}

int print(const tools::CommandLine& line, const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return tools::kExitSuccess;
}

}  // namespace

int list_devices(const Arguments& arguments) {
    bool json = false;
    tools::CommandLine line("opendext hid ls", "[--json]",
                            "Lists the HID devices of the realm: name, entry id, vendor and "
                            "product, what it is, transport, who plays it, its drivers.");
    line.flag("--json", json, "print JSON (docs/schemas/opendext-hid.json)");
    if (const auto status = line.parse(arguments)) return *status;
    const auto devices = devices_of(line.realm());
    if (!devices.ok()) return line.failure(devices.error());
    return print(line, json ? tools::to_json(to_values(*devices), 2) + "\n" : to_text(*devices));
}

int show_descriptor(const Arguments& arguments) {
    int64_t number = 0;
    bool raw = false;
    tools::CommandLine line("opendext hid descriptor", "NAME|FILE",
                            "Explains a report descriptor, item by item, and says which reports "
                            "there are. Of a device of the realm, a simulated one by the name of "
                            "its model, or of a file as `opendext hid plug` takes it.");
    line.flag("--raw", raw, "writes the bytes of the descriptor")
        .number("--device", "N", number, 0, 65535, "of a recording of several devices, which");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const std::string& operand = line.operands()[0];
    std::vector<uint8_t> bytes;
    std::error_code error;
    if (const Model* model = find_model(operand); model != nullptr) {
        bytes = model->descriptor;
    } else if (std::filesystem::exists(operand, error)) {
        auto file = read_device_file(operand, static_cast<uint32_t>(number));
        if (!file.ok()) return line.failure(file.error());
        bytes = std::move(file->descriptor);
    } else {
        const auto devices = devices_of(line.realm());
        if (!devices.ok()) return line.failure(devices.error());
        auto device = find_device(*devices, operand);
        if (!device.ok()) {
            return line.failure(std::move(device).error().in(operand + " is no file either"));
        }
        bytes = std::move(device->descriptor);
    }
    if (raw)
        return print(line, "") != 0 ||
                       std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()
                   ? tools::kExitFailure
                   : tools::kExitSuccess;
    const auto text = explain_descriptor(bytes);
    if (!text.ok()) return line.failure(text.error());
    return print(line, *text);
}

}  // namespace opendext::hid
