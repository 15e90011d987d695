// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/family.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid {

/// Where the kernel's HID devices are looked for. Tests put other folders here.
struct HidrawPlaces {
    std::filesystem::path devices = "/dev";
    std::filesystem::path sysfs = "/sys";
};

/// A device of the kernel with a hidraw node, as sysfs says. Its node is not opened for it.
struct HidrawDevice {
    std::string name;                 ///< "hidraw0"
    std::string node;                 ///< "/dev/hidraw0"
    std::string sysfs;                ///< of the HID device, without links: tells one from another
    Dictionary properties;            ///< for describe_device
    std::vector<std::string> inputs;  ///< the kernel's input devices of it: "input5"
    bool played_by_uhid = false;
    bool ours = false;  ///< a driver of ours plays it
};

/// Errc::not_found: there is no such device, or it is on its way out.
[[nodiscard]] Result<HidrawDevice> read_hidraw(const HidrawPlaces& places, const std::string& name);
/// The kernel's input devices that stand on a HID device now.
[[nodiscard]] std::vector<std::string> inputs_of(const std::string& hid_device);

/// Tells of hidraw devices that come and go.
class HidrawWatch {
  public:
    struct Report {
        std::function<void(const HidrawDevice&)> came;
        std::function<void(const std::string& name)> went;
    };
    HidrawWatch(daemon::FamilyHost& host, HidrawPlaces places, Report report);
    /// Reports those that are there, and all others from now on.
    void start();
    [[nodiscard]] const HidrawPlaces& places() const { return places_; }

  private:
    Status listen();
    void look();

    daemon::FamilyHost& host_;
    const HidrawPlaces places_;
    const Report report_;
    UniqueFd events_;  ///< the kernel's uevents
    std::unique_ptr<daemon::Handle> watch_;
    std::map<std::string, std::string> known_;  ///< sysfs place by name
};

}  // namespace opendext::hid
