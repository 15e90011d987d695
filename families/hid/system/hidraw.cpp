// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/hidraw.h"

#include <linux/input.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "families/hid/own_devices.h"

namespace opendext::hid {
namespace {

namespace fs = std::filesystem;
using daemon::kNoEntry;
using daemon::LogLevel;

std::string read_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

Data read_bytes(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::string> read_uevent(const fs::path& path) {
    std::map<std::string, std::string> values;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const size_t equals = line.find('=');
        if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return values;
}

uint32_t hexadecimal(const std::string& text) {
    return static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 16));
}

/// Words of kIOHIDTransport… for the kernel's bus numbers.
const char* transport_of(uint32_t bus) {
    switch (bus) {
        case BUS_USB:
            return "USB";
        case BUS_BLUETOOTH:
            return "Bluetooth";
        case BUS_I2C:
            return "I2C";
        case BUS_SPI:
            return "SPI";
        case BUS_VIRTUAL:
            return "Virtual";
        default:
            return "Other";
    }
}

/// Bus and path as macOS has them: the bus in the highest byte, then four bits for each hub's port.
uint32_t usb_location(const fs::path& device) {
    uint32_t location = static_cast<uint32_t>(std::atoi(read_line(device / "busnum").c_str()))
                        << 24;
    std::istringstream ports(read_line(device / "devpath"));
    int shift = 20;
    for (std::string port; std::getline(ports, port, '.') && shift >= 0; shift -= 4)
        location |= (static_cast<uint32_t>(std::atoi(port.c_str())) & 0xf) << shift;
    return location;
}

void add_usb(const fs::path& hid_device, Dictionary& properties) {
    std::error_code error;
    for (fs::path place = hid_device.parent_path(); place.has_relative_path();
         place = place.parent_path()) {
        if (!fs::exists(place / "idVendor", error)) continue;
        for (const auto& [file, key] : {std::pair{"manufacturer", "Manufacturer"},
                                        {"product", "Product"},
                                        {"serial", "SerialNumber"}}) {
            if (std::string text = read_line(place / file); !text.empty())
                properties.insert_or_assign(key, Value(std::move(text)));
        }
        properties.insert_or_assign("VersionNumber",
                                    Value(hexadecimal(read_line(place / "bcdDevice"))));
        properties.insert_or_assign("LocationID", Value(usb_location(place)));
        return;
    }
}

}  // namespace

std::vector<std::string> inputs_of(const std::string& hid_device) {
    std::vector<std::string> inputs;
    std::error_code error;
    for (const auto& input : fs::directory_iterator(fs::path(hid_device) / "input", error))
        inputs.push_back(input.path().filename().string());
    std::sort(inputs.begin(), inputs.end());
    return inputs;
}

Result<HidrawDevice> read_hidraw(const HidrawPlaces& places, const std::string& name) {
    std::error_code error;
    const fs::path hid = fs::canonical(places.sysfs / "class/hidraw" / name / "device", error);
    if (error) return Error{Errc::not_found, 0, "there is no device " + name};
    HidrawDevice device;
    device.name = name;
    device.node = (places.devices / name).string();
    device.sysfs = hid.string();
    device.played_by_uhid = device.sysfs.find("/misc/uhid/") != std::string::npos;
    auto uevent = read_uevent(hid / "uevent");
    Data descriptor = read_bytes(hid / "report_descriptor");
    if (descriptor.empty() || uevent["HID_ID"].empty())
        return Error{Errc::not_found, 0, name + " has no report descriptor"};
    device.ours = device.played_by_uhid && uevent["HID_PHYS"] == kOwnPlace;

    std::istringstream id(uevent["HID_ID"]);
    std::string bus, vendor, product;
    std::getline(id, bus, ':');
    std::getline(id, vendor, ':');
    std::getline(id, product, ':');
    Dictionary& properties = device.properties;
    properties = {{"ReportDescriptor", Value(std::move(descriptor))},
                  {"VendorID", Value(hexadecimal(vendor))},
                  {"ProductID", Value(hexadecimal(product))},
                  {"Transport", Value(transport_of(hexadecimal(bus)))}};
    if (!uevent["HID_NAME"].empty()) properties["Product"] = Value(uevent["HID_NAME"]);
    if (!uevent["HID_UNIQ"].empty()) properties["SerialNumber"] = Value(uevent["HID_UNIQ"]);
    if (const std::string country = read_line(hid / "country"); !country.empty())
        properties["CountryCode"] = Value(hexadecimal(country));
    add_usb(hid, properties);
    device.inputs = inputs_of(device.sysfs);
    return device;
}

HidrawWatch::HidrawWatch(daemon::FamilyHost& host, HidrawPlaces places, Report report)
    : host_(host), places_(std::move(places)), report_(std::move(report)) {}

void HidrawWatch::start() {
    // First, so that nothing is missed in between.
    if (const Status listening = listen(); !listening.ok()) {
        host_.log(LogLevel::notice, kNoEntry,
                  "HID devices that are plugged in do not appear by themselves: " +
                      listening.error().text());
    }
    look();
}

Status HidrawWatch::listen() {
    UniqueFd socket(
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    if (!socket) return Error::system("uevents of the kernel");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return Error::system("uevents of the kernel");
    events_ = std::move(socket);
    watch_ = host_.watch(events_.get(), EPOLLIN, [this](uint32_t) {
        bool about_hidraw = false;
        for (;;) {
            char message[8192];
            const ssize_t size = ::recv(events_.get(), message, sizeof message, MSG_DONTWAIT);
            // ENOBUFS: some were lost, so look whatever they were.
            if (size < 0 && errno == ENOBUFS) about_hidraw = true;
            if (size < 0 && errno != ENOBUFS && errno != EINTR) break;
            if (size <= 0) continue;
            const std::string_view text(message, static_cast<size_t>(size));
            about_hidraw = about_hidraw || text.find("SUBSYSTEM=hidraw") != std::string_view::npos;
        }
        if (about_hidraw) look();
    });
    return success();
}

void HidrawWatch::look() {
    std::map<std::string, HidrawDevice> there;
    std::error_code error;
    for (const auto& node : fs::directory_iterator(places_.sysfs / "class/hidraw", error)) {
        const std::string name = node.path().filename().string();
        auto device = read_hidraw(places_, name);
        if (device.ok()) there.emplace(name, std::move(*device));
    }
    for (auto at = known_.begin(); at != known_.end();) {
        const auto here = at++;
        const auto now = there.find(here->first);
        // A number is given again to the next device.
        if (now != there.end() && now->second.sysfs == here->second) continue;
        const std::string name = here->first;
        known_.erase(here);
        report_.went(name);
    }
    for (const auto& [name, device] : there) {
        if (known_.emplace(name, device.sysfs).second && !device.ours) report_.came(device);
    }
}

}  // namespace opendext::hid
