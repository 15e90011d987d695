// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/inventory.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace opendext::hid {
namespace {

using Entry = protocol::client::Entry;

bool is_a(const Entry& entry, std::string_view class_name) {
    return std::find(entry.classes.begin(), entry.classes.end(), class_name) != entry.classes.end();
}

std::string text_of(const Dictionary& properties, std::string_view key) {
    const std::string* text = find_string(properties, key);
    return text != nullptr ? *text : "";
}

/// Drivers below `id`, through its interface.
void add_drivers(const tools::RegistryImage& image, uint64_t id, std::vector<HidDriver>& drivers) {
    for (const auto& [child, parent] : image.parents) {
        const Entry* entry = parent == id ? image.find(child) : nullptr;
        if (entry == nullptr) continue;
        if (is_a(*entry, "IOHIDInterface")) {
            add_drivers(image, child, drivers);
        } else if (entry->server_pid != 0) {
            drivers.push_back({child, entry->name, entry->class_name,
                               text_of(entry->properties, "CFBundleIdentifier"), entry->server_pid,
                               is_a(*entry, "IOHIDEventService")});
        }
    }
}

}  // namespace

std::string HidDevice::text(std::string_view key) const {
    return text_of(properties, key);
}

uint64_t HidDevice::number(std::string_view key) const {
    const Number* number = find_number(properties, key);
    return number != nullptr ? number->raw : 0;
}

std::vector<HidDevice> hid_devices(const tools::RegistryImage& image) {
    std::vector<HidDevice> devices;
    for (const auto& [id, entry] : image.entries) {
        if (!is_a(entry, "IOHIDDevice")) continue;
        HidDevice device;
        device.id = id;
        device.properties = entry.properties;
        const Value* bytes = opendext::find(entry.properties, "ReportDescriptor");
        if (bytes != nullptr && bytes->data() != nullptr) device.descriptor = *bytes->data();
        device.node = device.text("OpenDextNode");
        if (is_a(entry, "IOHIDUserDevice")) {
            device.player = "program";
            device.pid = static_cast<int32_t>(device.number("OpenDextPid"));
        } else {
            device.player = device.node.empty() ? "driver" : "kernel";
            device.pid = entry.server_pid;
        }
        device.name = device.text(kNameKey);
        if (device.name.empty()) device.name = device.text("Product");
        if (device.name.empty()) {
            char name[48];
            std::snprintf(name, sizeof name, "%04llx:%04llx",
                          static_cast<unsigned long long>(device.number("VendorID")),
                          static_cast<unsigned long long>(device.number("ProductID")));
            device.name = name;
        }
        add_drivers(image, id, device.drivers);
        devices.push_back(std::move(device));
    }
    return devices;
}

Result<HidDevice> find_device(const std::vector<HidDevice>& devices, const std::string& name) {
    uint64_t id = 0;
    std::string_view digits = name;
    const int base = digits.starts_with("0x") ? 16 : 10;
    if (base == 16) digits.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), id, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) id = 0;
    std::vector<const HidDevice*> found;
    for (const HidDevice& device : devices) {
        if (id != 0 && device.id == id) return device;
        if (device.name == name) found.push_back(&device);
    }
    if (found.size() == 1) return *found[0];
    std::string list;
    for (const HidDevice& device : devices) {
        if (!found.empty() && device.name != name) continue;
        list +=
            (list.empty() ? "" : ", ") + device.name + " (" + tools::text_of_id(device.id) + ")";
    }
    if (!found.empty()) {
        return Error{Errc::invalid, 0,
                     "several devices have the name " + name + "; name one by its id: " + list};
    }
    return Error{Errc::not_found, 0,
                 "there is no HID device " + name +
                     (list.empty() ? "; the realm has none" : "; there are: " + list)};
}

std::string usage_name(uint64_t page, uint64_t usage) {
    struct Known {
        uint64_t page, usage;
        const char* name;
    };
    constexpr Known kKnown[] = {
        {1, 1, "Pointer"},           {1, 2, "Mouse"},
        {1, 4, "Joystick"},          {1, 5, "Gamepad"},
        {1, 6, "Keyboard"},          {1, 7, "Keypad"},
        {1, 0x80, "System Control"}, {0xc, 1, "Consumer Control"},
        {0xd, 1, "Digitizer"},       {0xd, 2, "Pen"},
        {0xd, 4, "Touch Screen"},    {0xd, 5, "Touch Pad"},
        {0xd, 0x22, "Finger"},
    };
    for (const Known& known : kKnown) {
        if (known.page == page && known.usage == usage) return known.name;
    }
    char name[48];
    std::snprintf(name, sizeof name, "0x%04llx:0x%04llx", static_cast<unsigned long long>(page),
                  static_cast<unsigned long long>(usage));
    return name;
}

}  // namespace opendext::hid
