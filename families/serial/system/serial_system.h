// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "daemon/family.h"
#include "families/serial/system/adoption.h"
#include "families/serial/system/endpoint.h"

namespace opendext::serial {

/// The system half of the serial family: gives every started IOUserSerial its terminal, publishes
/// the nodes and the IOSerialBSDClient entry, and keeps a terminal for the successor of a driver
/// that died. Ports without a driver are adoption.h's.
class SerialSystem final : public daemon::Family {
  public:
    /// Adopts the ttys of the system by itself if `scan`.
    SerialSystem(daemon::FamilyHost& host, TtyPlaces places, bool scan);

    [[nodiscard]] std::vector<daemon::ClassDeclaration> classes() const override;
    [[nodiscard]] daemon::FamilyVerdict match(const daemon::Entry& nub,
                                              const Dictionary& table) override;
    void realm_started() override;
    [[nodiscard]] std::optional<Status> set_properties(
        const daemon::Entry& entry, const Dictionary& properties,
        const daemon::ClientProgram& program) override;
    void object_started(const daemon::Entry& object, std::function<void(Status)> done) override;
    void object_adopted(const daemon::Entry& object) override;
    void object_terminating(const daemon::Entry& object) override;
    void object_ended(const daemon::Entry& object, daemon::End end) override;
    void driver_given_up(daemon::EntryId nub, const std::string& bundle_id) override;

  private:
    [[nodiscard]] Result<PortIdentity> identify(const daemon::Entry& object) const;
    [[nodiscard]] std::string text_property(const daemon::Entry& object,
                                            std::string_view key) const;
    [[nodiscard]] bool provider_process_died(const daemon::Entry& object) const;
    Endpoint& make_endpoint(const PortIdentity& identity);
    Endpoint* endpoint_of(daemon::EntryId object);
    [[nodiscard]] std::string owner_of_name(const std::string& name) const;
    [[nodiscard]] std::string port_at(const std::string& path) const;

    daemon::FamilyHost& host_;
    TerminalWatch watch_;
    std::map<std::string, std::unique_ptr<Endpoint>> endpoints_;  ///< by port name
    std::map<daemon::EntryId, std::string> names_;                ///< of live IOUserSerial objects
    Adoption adoption_;
};

}  // namespace opendext::serial
