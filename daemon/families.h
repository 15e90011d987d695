// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "daemon/family.h"
#include "daemon/registry/classes.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// All families of this opendextd: each hook goes to the families of an object's class chain, most
/// derived first.
class Families {
  public:
    explicit Families(ClassTable& classes) : classes_(classes) {}

    /// Takes the family and declares its classes.
    Status add(std::unique_ptr<Family> family);
    void realm_started();

    [[nodiscard]] FamilyVerdict match(const Entry& nub, const Dictionary& table) const;
    void attached(const Entry& object) const;
    /// One family after the other; `done` gets the first error.
    void started(const Registry& registry, EntryId object, std::function<void(Status)> done) const;
    void adopted(const Entry& object) const;
    void registered(const Entry& object) const;
    void terminating(const Entry& object) const;
    void ended(const Entry& object, End end) const;
    void claim(const Entry& nub, std::function<void(Status)> done) const;
    void give_back(const Entry& nub, std::string_view why) const;
    void closed(const Entry& provider, EntryId client, bool forced) const;
    void given_up(EntryId nub, const std::string& bundle_id) const;
    /// Whether a family took the call.
    [[nodiscard]] bool call(const Entry& object, KernelCall& call) const;
    /// A program sets properties of an entry without a driver; nullopt if no family takes them.
    [[nodiscard]] std::optional<Status> set_properties(const Entry& entry,
                                                       const Dictionary& properties,
                                                       const ClientProgram& program) const;
    /// Whether a family took the request; `classes` is the chain that it is about.
    [[nodiscard]] bool program_request(const std::vector<std::string>& classes,
                                       ProgramRequest& request) const;
    /// The family that has interrupt `index` of the nub, and its type; nullptr if none has.
    struct InterruptOwner {
        Family* family = nullptr;
        uint64_t type = 0;
    };
    [[nodiscard]] InterruptOwner interrupt_owner(const Entry& nub, uint32_t index) const;

  private:
    ClassTable& classes_;
    std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace opendext::daemon
