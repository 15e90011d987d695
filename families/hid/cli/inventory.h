// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rpc/realm.h"
#include "rpc/result.h"
#include "rpc/value.h"
#include "tools/common/registry.h"

namespace opendext::hid {

/// The name that `opendext hid plug` gives a device; a property of it.
inline constexpr std::string_view kNameKey = "OpenDextDeviceName";

/// A driver that stands on a device.
struct HidDriver {
    uint64_t id = 0;
    std::string name;
    std::string class_name;
    std::string bundle_id;
    int32_t pid = 0;
    bool event_service = false;
};

/// An IOHIDDevice of the realm.
struct HidDevice {
    uint64_t id = 0;
    std::string name;    ///< of `opendext hid plug`, else the product, else vendor:product
    std::string player;  ///< "program", "driver", "kernel"
    int32_t pid = 0;     ///< who plays it; 0: the kernel
    std::string node;    ///< of hidraw
    Dictionary properties;
    std::vector<uint8_t> descriptor;
    std::vector<HidDriver> drivers;

    [[nodiscard]] std::string text(std::string_view key) const;
    [[nodiscard]] uint64_t number(std::string_view key) const;
};

[[nodiscard]] std::vector<HidDevice> hid_devices(const tools::RegistryImage& image);
/// By name or entry id ("0x1000002a5" or decimal). Errors say what there is.
[[nodiscard]] Result<HidDevice> find_device(const std::vector<HidDevice>& devices,
                                            const std::string& name);
/// "Keyboard" for (1, 6), "0x0001:0x0042" for what has no name here.
[[nodiscard]] std::string usage_name(uint64_t page, uint64_t usage);

}  // namespace opendext::hid
