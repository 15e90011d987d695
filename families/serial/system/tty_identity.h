// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::serial {

/// Where ttys of the system are looked for. Tests and OPENDEXT_SERIAL_SCAN put other folders here.
struct TtyPlaces {
    std::filesystem::path devices = "/dev";
    std::filesystem::path sysfs = "/sys";
    std::filesystem::path udev = "/run/udev";
};

/// The USB device and interface that a tty belongs to. Keys as docs/facts/driverkit-api.csv and
/// plist-keys.csv have them; what the device does not tell is left out.
struct UsbPlace {
    std::string device_path;  ///< in sysfs: tells one device from another
    std::string name;         ///< product string, or the class
    std::string location;     ///< locationID in hexadecimal, as the registry shows it
    Dictionary device;        ///< of IOUSBHostDevice
    Dictionary interface;     ///< of IOUSBHostInterface
};

/// A tty that can be published as a serial port.
struct Tty {
    std::string path;       ///< of the device node, no link
    uint64_t number = 0;    ///< of the device (st_rdev)
    std::string driver;     ///< of the kernel: "ftdi_sio", "serial"; "pty"
    std::string base_name;  ///< IOTTYBaseName. With the suffix: the same after each plugging in
    std::string suffix;     ///< IOTTYSuffix
    std::optional<UsbPlace> usb;
};

/// The tty of this name in sysfs. Errc::not_found: there is none, nothing stands behind it (virtual
/// consoles), or what stands behind it has no hardware (8250 ports that were not found).
[[nodiscard]] Result<Tty> read_tty(const TtyPlaces& places, const std::string& name);
/// All of them.
[[nodiscard]] std::vector<Tty> find_ttys(const TtyPlaces& places);
/// The tty behind a path, which may be a link: a real one, or the user side of a pseudo-terminal.
/// It is not opened, because that would raise its modem lines. Errors name path and fix.
[[nodiscard]] Result<Tty> identify_tty(const TtyPlaces& places, const std::string& path);
/// Whether udev, where it runs, has done what it does with a new device (owner, group, mode).
[[nodiscard]] bool udev_is_done(const TtyPlaces& places, const Tty& tty);

}  // namespace opendext::serial
