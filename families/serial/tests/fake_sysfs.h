// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "families/serial/system/tty_identity.h"

namespace opendext::serial {

/// Folders that look like /dev and /sys, with devices that a test plugs in. A node is a link to a
/// character device that is always there.
class FakeSysfs {
  public:
    using Attributes = std::map<std::string, std::string>;

    FakeSysfs() {
        std::string pattern = (std::filesystem::temp_directory_path() / "opendext-ttys-XXXXXX");
        root_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directories(places().devices);
        std::filesystem::create_directories(places().sysfs / "class/tty");
    }
    ~FakeSysfs() { std::filesystem::remove_all(root_); }
    FakeSysfs(const FakeSysfs&) = delete;
    FakeSysfs& operator=(const FakeSysfs&) = delete;

    [[nodiscard]] TtyPlaces places() const {
        return {root_ / "dev", root_ / "sys", root_ / "udev"};
    }
    [[nodiscard]] std::string node(const std::string& name) const {
        return places().devices / name;
    }

    /// A folder of a device, with its attributes, bus and driver.
    std::filesystem::path device(const std::string& path, const Attributes& attributes,
                                 const std::string& bus = "", const std::string& driver = "") {
        const auto folder = places().sysfs / "devices" / path;
        std::filesystem::create_directories(folder);
        for (const auto& [name, value] : attributes) std::ofstream(folder / name) << value << "\n";
        if (!bus.empty()) link(folder / "subsystem", "../bus/" + bus);
        if (!driver.empty()) link(folder / "driver", "../drivers/" + driver);
        return folder;
    }
    /// The tty `name` on a device; without one it is a virtual console.
    void tty(const std::string& name, const std::filesystem::path& on,
             const Attributes& attributes = {}) {
        const auto folder = places().sysfs / "class/tty" / name;
        std::filesystem::create_directories(folder);
        for (const auto& [key, value] : attributes) std::ofstream(folder / key) << value << "\n";
        if (!on.empty()) link(folder / "device", on);
        link(node(name), "/dev/null");
    }
    /// An adapter with one port, as the kernel shows it.
    void plug(const std::string& tty_name, const std::string& port, const std::string& serial,
              const Attributes& more = {}) {
        Attributes attributes{{"idVendor", "0403"},      {"idProduct", "6001"},
                              {"bcdDevice", "0600"},     {"bDeviceClass", "00"},
                              {"bDeviceSubClass", "00"}, {"bDeviceProtocol", "00"},
                              {"busnum", "1"},           {"devpath", port},
                              {"bNumInterfaces", " 1"},  {"bConfigurationValue", "1"},
                              {"manufacturer", "FTDI"},  {"product", "FT232R USB UART"}};
        if (!serial.empty()) attributes["serial"] = serial;
        for (const auto& [key, value] : more) attributes[key] = value;
        device("usb1/1-" + port, attributes, "usb", "usb");
        device("usb1/1-" + port + "/1-" + port + ":1.0",
               {{"bInterfaceNumber", "00"},
                {"bInterfaceClass", "ff"},
                {"bInterfaceSubClass", "ff"},
                {"bInterfaceProtocol", "ff"},
                {"interface", "FT232R USB UART"}},
               "usb", "ftdi_sio");
        const auto on = device("usb1/1-" + port + "/1-" + port + ":1.0/" + tty_name,
                               {{"port_number", "0"}}, "usb-serial", "ftdi_sio");
        tty(tty_name, on);
    }
    /// As the kernel does it: the node goes first.
    void unplug(const std::string& tty_name) {
        std::filesystem::remove(node(tty_name));
        std::filesystem::remove_all(places().sysfs / "class/tty" / tty_name);
    }

  private:
    static void link(const std::filesystem::path& from, const std::filesystem::path& to) {
        std::filesystem::remove(from);
        std::filesystem::create_symlink(to, from);
    }
    std::filesystem::path root_;
};

}  // namespace opendext::serial
