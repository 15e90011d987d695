// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "daemon/family.h"
#include "families/hid/system/device.h"
#include "families/hid/system/driver_nodes.h"
#include "families/hid/system/hidraw.h"
#include "families/hid/system/inhibition.h"

namespace opendext::hid {

/// The system half of the HID family: nubs of devices with what their descriptors say, opening and
/// seizing, what event services have of the kernel. Reports go over links
/// (docs/design/hid-links.md).
class HidSystem final : public daemon::Family {
  public:
    struct Options {
        /// Whether the kernel's devices belong to this realm: hidraw nodes appear, drivers make
        /// uhid and uinput devices.
        bool kernel = false;
        HidrawPlaces places;
        /// Where it is noted which input devices are held off; empty: nowhere.
        std::filesystem::path inhibition_notes = {};
    };
    HidSystem(daemon::FamilyHost& host, Options options);

    [[nodiscard]] std::vector<daemon::ClassDeclaration> classes() const override;
    void realm_started() override;
    [[nodiscard]] daemon::FamilyVerdict match(const daemon::Entry& nub,
                                              const Dictionary& table) override;
    void object_attached(const daemon::Entry& object) override;
    void object_started(const daemon::Entry& object, std::function<void(Status)> done) override;
    void object_adopted(const daemon::Entry& object) override;
    void object_registered(const daemon::Entry& object) override;
    void object_ended(const daemon::Entry& object, daemon::End end) override;
    void driver_given_up(daemon::EntryId nub, const std::string& bundle_id) override;
    void claim_device(const daemon::Entry& nub, std::function<void(Status)> done) override;
    void give_back_device(const daemon::Entry& nub, std::string_view why) override;
    void provider_closed(const daemon::Entry& provider, daemon::EntryId client,
                         bool forced) override;
    [[nodiscard]] bool call(const daemon::Entry& object, daemon::KernelCall& call) override;
    [[nodiscard]] bool program_request(daemon::ProgramRequest& request) override;

  private:
    // Devices.
    void plug(daemon::ProgramRequest request);
    void unplug(daemon::ProgramRequest request);
    void resume_plugged();
    [[nodiscard]] static bool is_owner(const daemon::ClientProgram& program);
    [[nodiscard]] static bool is_owner_of(const daemon::Entry& device,
                                          const daemon::ClientProgram& program);
    void open(daemon::ProgramRequest request);
    void close(daemon::ProgramRequest request);
    void trace(daemon::ProgramRequest request);
    Device& add(Device::Make make);
    [[nodiscard]] Device* device_of(daemon::EntryId entry);
    /// Of the interface above it. nullptr: it is gone.
    [[nodiscard]] Device* device_below(const daemon::Entry& interface);

    // Calls of drivers.
    void open_link(const daemon::Entry& interface, daemon::KernelCall call);
    void close_interface(const daemon::Entry& interface, const daemon::KernelCall& call);
    void publish_virtual(const daemon::Entry& object, daemon::KernelCall call);
    void open_events(const daemon::Entry& object, daemon::KernelCall call);
    void open_event_node(const daemon::Entry& object, daemon::KernelCall call);

    // Devices of the kernel.
    void resume_raw();
    void hidraw_appeared(const HidrawDevice& found);
    void hidraw_gone(const std::string& name);

    daemon::FamilyHost& host_;
    const bool kernel_;
    DriverNodes nodes_;
    Inhibition inhibition_;
    HidrawWatch hidraw_;
    std::map<daemon::EntryId, std::unique_ptr<Device>> devices_;
    std::map<std::string, daemon::EntryId> left_raw_;  ///< by place in sysfs and node
};

}  // namespace opendext::hid
