// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/tty_identity.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <fstream>

namespace opendext::serial {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kFirstPtyMajor = 136;
constexpr unsigned kLastPtyMajor = 143;

/// The first line of an attribute, without what could not be shown; nothing if it cannot be read.
std::optional<std::string> attribute(const fs::path& folder, const char* name) {
    std::ifstream file(folder / name);
    std::string line;
    if (!file || !std::getline(file, line)) return std::nullopt;
    std::erase_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    const size_t first = line.find_first_not_of(' ');
    if (first == std::string::npos) return std::string();
    return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

std::optional<uint32_t> number(const fs::path& folder, const char* name, int base) {
    const auto text = attribute(folder, name);
    if (!text) return std::nullopt;
    uint32_t value = 0;
    const auto end = std::from_chars(text->data(), text->data() + text->size(), value, base);
    if (end.ec != std::errc()) return std::nullopt;
    return value;
}

bool has(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

/// The last part of what a link in sysfs leads to; empty if there is no such link.
std::string link_name(const fs::path& link) {
    std::error_code error;
    return fs::read_symlink(link, error).filename().string();
}

/// `folder` and what it lies in, up to the root of sysfs.
std::vector<fs::path> upwards(const fs::path& folder, const fs::path& root) {
    std::vector<fs::path> all;
    for (fs::path path = folder; path != root && path.has_relative_path();
         path = path.parent_path())
        all.push_back(path);
    return all;
}

void copy_number(Dictionary& to, const char* key, const fs::path& folder, const char* name,
                 int base) {
    if (const auto value = number(folder, name, base)) to[key] = Value(*value);
}

void copy_text(Dictionary& to, const char* key, const fs::path& folder, const char* name) {
    const auto value = attribute(folder, name);
    if (value && !value->empty()) to[key] = Value(*value);
}

/// Bus and the ports that lead to the device, one digit each; nothing where a port needs more than
/// a digit, since another device could then have the same.
std::optional<uint32_t> location_of(const fs::path& device) {
    const auto bus = number(device, "busnum", 10);
    const auto route = attribute(device, "devpath");
    if (!bus || *bus > 0xff || !route) return std::nullopt;
    uint32_t location = *bus << 24;
    int shift = 20;
    for (const char* at = route->c_str(); *at != '\0';) {
        unsigned port = 0;
        const auto end = std::from_chars(at, route->c_str() + route->size(), port);
        if (end.ec != std::errc() || port > 0xf || shift < 0) return std::nullopt;
        location |= port << shift;
        shift -= 4;
        at = *end.ptr == '.' ? end.ptr + 1 : end.ptr;
    }
    return location;
}

std::string hexadecimal(uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", value);
    return text;
}

UsbPlace read_usb(const fs::path& device, const fs::path& interface) {
    UsbPlace usb;
    usb.device_path = device.string();
    copy_number(usb.device, "idVendor", device, "idVendor", 16);
    copy_number(usb.device, "idProduct", device, "idProduct", 16);
    usb.interface = usb.device;  // an interface is matched by these too
    for (const char* key : {"bcdDevice", "bDeviceClass", "bDeviceSubClass", "bDeviceProtocol"})
        copy_number(usb.device, key, device, key, 16);
    copy_text(usb.device, "kUSBVendorString", device, "manufacturer");
    copy_text(usb.device, "kUSBProductString", device, "product");
    copy_text(usb.device, "kUSBSerialNumberString", device, "serial");
    if (const auto location = location_of(device)) {
        usb.device["locationID"] = Value(*location);
        usb.location = hexadecimal(*location);
    }
    copy_number(usb.interface, "bConfigurationValue", device, "bConfigurationValue", 10);
    for (const char* key :
         {"bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"})
        copy_number(usb.interface, key, interface, key, 16);
    copy_text(usb.interface, "kUSBString", interface, "interface");
    const std::string* product = find_string(usb.device, "kUSBProductString");
    usb.name = product != nullptr ? *product : "IOUSBHostDevice";
    return usb;
}

/// A name that stays when the device is plugged in again: by its serial number, else by where it
/// is plugged in; with the interface where the device has several.
void name_by_usb(Tty& tty, const std::string& kernel_name, const fs::path& device,
                 const fs::path& node) {
    tty.base_name = kernel_name.starts_with("ttyACM") ? "usbmodem-" : "usbserial-";
    const std::string* serial = find_string(tty.usb->device, "kUSBSerialNumberString");
    tty.suffix = serial != nullptr ? *serial : tty.usb->location;
    if (tty.suffix.empty()) tty.suffix = kernel_name;
    for (char& c : tty.suffix) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    if (tty.suffix.size() > 40) tty.suffix.resize(40);  // a port's name has 64 bytes
    const Number* interface = find_number(tty.usb->interface, "bInterfaceNumber");
    if (interface != nullptr && number(device, "bNumInterfaces", 10).value_or(1) > 1)
        tty.suffix += "-" + std::to_string(interface->raw);
    if (const auto port = number(node, "port_number", 10); port && *port > 0)
        tty.suffix += "." + std::to_string(*port);
}

void name_by_kernel(Tty& tty, const std::string& name) {
    const size_t digits = name.find_last_not_of("0123456789") + 1;
    tty.base_name = name.substr(0, digits);
    tty.suffix = name.substr(digits);
}

/// The kernel keeps places for 8250 ports whether or not one is there. Its type, which only root
/// may read, is 0 then; ports that no bus has named stand below the driver's own device.
bool is_phantom(const fs::path& entry, const Tty& tty, const std::string& bus) {
    if (const auto type = number(entry, "type", 10)) return *type == 0;
    return tty.driver == "serial8250" && bus == "platform";
}

/// "188:0", as sysfs and udev write it.
std::string numbers_of(dev_t device) {
    return std::to_string(::major(device)) + ":" + std::to_string(::minor(device));
}

Error missing(const std::string& path) {
    return Error{
        Errc::not_found, 0,
        "there is no device " + path +
            ": plug it in, or check the path (`opendext serial ports` lists what is there)"};
}

Error no_tty(const std::string& path, const std::string& what) {
    return Error{
        Errc::invalid, 0,
        path + " is " + what + ", no serial device: give a path like /dev/ttyUSB0 or /dev/pts/3"};
}

/// What sysfs knows of a tty, whatever node it has.
Result<Tty> describe(const TtyPlaces& places, const std::string& name) {
    const fs::path entry = places.sysfs / "class/tty" / name;
    std::error_code error;
    const fs::path device = fs::canonical(entry / "device", error);
    if (error) return Error{Errc::not_found, 0, name + ": no device stands behind it"};
    Tty tty;
    std::string bus;
    fs::path usb_device;
    fs::path usb_interface;
    for (const fs::path& folder : upwards(device, fs::weakly_canonical(places.sysfs, error))) {
        const std::string its_bus = link_name(folder / "subsystem");
        // Kernels from 6.5 on put devices of their own between an 8250 port and its hardware.
        if (tty.driver.empty() && its_bus != "serial-base") {
            tty.driver = link_name(folder / "driver");
            bus = its_bus;
        }
        if (usb_interface.empty() && has(folder / "bInterfaceNumber")) usb_interface = folder;
        if (has(folder / "idVendor")) {
            usb_device = folder;
            break;
        }
    }
    if (is_phantom(entry, tty, bus))
        return Error{Errc::not_found, 0, name + ": the kernel found no hardware for it"};
    name_by_kernel(tty, name);
    if (!usb_device.empty()) {
        tty.usb = read_usb(usb_device, usb_interface);
        name_by_usb(tty, name, usb_device, device);
    }
    return tty;
}

}  // namespace

Result<Tty> read_tty(const TtyPlaces& places, const std::string& name) {
    Tty tty = OD_TRY(describe(places, name));
    tty.path = (places.devices / name).string();
    struct stat node{};
    if (::stat(tty.path.c_str(), &node) != 0 || !S_ISCHR(node.st_mode)) return missing(tty.path);
    tty.number = node.st_rdev;
    // In a container a node may have the name of one device and be another.
    const auto numbers = attribute(places.sysfs / "class/tty" / name, "dev");
    if (numbers && *numbers != numbers_of(node.st_rdev))
        return Error{Errc::not_found, 0, tty.path + " is another device than " + name};
    return tty;
}

std::vector<Tty> find_ttys(const TtyPlaces& places) {
    std::vector<Tty> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(places.sysfs / "class/tty", error)) {
        auto tty = read_tty(places, entry.path().filename().string());
        if (tty.ok()) found.push_back(std::move(*tty));
    }
    return found;
}

Result<Tty> identify_tty(const TtyPlaces& places, const std::string& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    if (error == std::errc::permission_denied) {
        return Error{Errc::not_permitted, 0, path + ": opendextd may not look into that folder"};
    }
    struct stat node{};
    if (error || ::stat(real.c_str(), &node) != 0) return missing(path);
    if (S_ISDIR(node.st_mode)) return no_tty(path, "a folder");
    if (S_ISREG(node.st_mode)) return no_tty(path, "a file");
    if (!S_ISCHR(node.st_mode)) return no_tty(path, "no character device");
    const unsigned major = ::major(node.st_rdev);
    if (major >= kFirstPtyMajor && major <= kLastPtyMajor) {
        return Tty{real.string(), node.st_rdev, "pty", "pts", real.filename().string(), {}};
    }
    const fs::path entry = places.sysfs / "dev/char" / numbers_of(node.st_rdev);
    if (link_name(entry / "subsystem") != "tty") return no_tty(path, "another kind of device");
    auto tty = describe(places, link_name(entry));
    if (!tty.ok()) {
        return Error{Errc::invalid, 0,
                     path + " is no serial device: " + tty.error().text() +
                         " (virtual consoles and ports without hardware cannot be adopted)"};
    }
    tty->path = real.string();
    tty->number = node.st_rdev;
    return tty;
}

bool udev_is_done(const TtyPlaces& places, const Tty& tty) {
    if (!has(places.udev / "control")) return true;
    return has(places.udev / "data" / ("c" + numbers_of(tty.number)));
}

}  // namespace opendext::serial
