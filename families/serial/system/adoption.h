// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/family.h"
#include "families/serial/system/node_watch.h"
#include "families/serial/system/tty_identity.h"

namespace opendext::serial {

/// Ports that have no driver of ours: ttys of the system, published as IOSerialBSDClient with the
/// device node that they have. Nothing is opened, and no byte comes through here.
///
/// A program asks by IORegistryEntrySetCFProperties on the one entry of class kClass:
///     {"SerialAdopt": {"path": "/dev/pts/3", "name": "bench"}}   name may be left out
///     {"SerialRelease": "bench"}                                 or the path
/// What was asked for outlives opendextd (the keeper has the list), not the realm. Where `scan` is
/// on, every tty with hardware behind it is adopted by itself.
///
/// An adopted port goes when its node goes. An identity on USB is published as entries of class
/// IOUSBHostDevice and IOUSBHostInterface above the port. They are not registered: programs that
/// walk up from the port find them, matching does not, since the system's driver has the device.
class Adoption {
  public:
    static constexpr std::string_view kClass = "OpenDextSerialPorts";
    static constexpr std::string_view kAdoptKey = "SerialAdopt";
    static constexpr std::string_view kReleaseKey = "SerialRelease";

    struct Others {
        /// Whose port of this name is, in words; empty if nobody's.
        std::function<std::string(const std::string& name)> owner_of_name;
        /// The port of a driver whose terminal has this path; empty if none.
        std::function<std::string(const std::string& path)> port_at;
    };
    Adoption(daemon::FamilyHost& host, TtyPlaces places, bool scan, Others others);

    [[nodiscard]] static std::vector<daemon::ClassDeclaration> classes();
    /// The realm has come up, or opendextd has come back.
    void start();
    /// What a program asks for.
    [[nodiscard]] Status request(const Dictionary& properties,
                                 const daemon::ClientProgram& program);
    [[nodiscard]] bool has(const std::string& name) const { return ports_.contains(name); }

  private:
    struct Port {
        Tty tty;
        std::string name;
        bool automatic = false;
        daemon::EntryId entry = daemon::kNoEntry;
        daemon::EntryId interface = daemon::kNoEntry;  ///< on USB
    };
    struct UsbDevice {
        daemon::EntryId entry = daemon::kNoEntry;
        int ports = 0;
    };

    [[nodiscard]] Status adopt(const Dictionary& wish, const daemon::ClientProgram& program);
    [[nodiscard]] Status release(const std::string& name_or_path,
                                 const daemon::ClientProgram& program);
    [[nodiscard]] Status publish(Tty tty, const std::string& base_name, const std::string& suffix,
                                 bool automatic);
    [[nodiscard]] Result<daemon::EntryId> publish_usb(Port& port);
    void take_stock();
    [[nodiscard]] Result<daemon::EntryId> publish_or_take(daemon::NewEntry entry);
    void end_left();
    void remove(const std::string& name, std::string_view why);
    [[nodiscard]] const Port* find(const std::string& name_or_path) const;
    [[nodiscard]] std::string owner_of_name(const std::string& name) const;

    void scan();
    /// A node has come: published if it is a tty with hardware, once udev has set its rights.
    void consider(const std::string& path, int tries_left);
    void went(const std::string& path);
    void look_again();
    void save();
    void restore(const Dictionary& notes);

    daemon::FamilyHost& host_;
    const TtyPlaces places_;
    const bool scan_;
    const Others others_;
    NodeWatch nodes_;
    daemon::EntryId entry_ = daemon::kNoEntry;
    std::map<std::string, Port> ports_;  ///< by name
    std::map<std::string, UsbDevice> usb_devices_;
    std::set<std::string> released_;  ///< paths that scanning leaves alone until they go
    std::map<std::string, std::unique_ptr<daemon::Handle>> settling_;  ///< by path
    /// Entries of an earlier opendextd whose device was not found again yet.
    std::vector<daemon::EntryId> left_;
    std::unique_ptr<daemon::Handle> left_end_;
};

}  // namespace opendext::serial
