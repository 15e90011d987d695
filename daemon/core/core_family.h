// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"

namespace opendext::daemon {

/// The built-in family: IORegistryEntry, IOService and what every driver stands on, and the
/// system's side of their methods (docs/facts/semantics.md sections 6 and 7). A family like the
/// others, except that it may use the life cycle directly.
class CoreFamily final : public Family {
  public:
    CoreFamily(Context& context, Lifecycle& lifecycle) : context_(context), lifecycle_(lifecycle) {}

    [[nodiscard]] std::vector<ClassDeclaration> classes() const override;
    /// IOResourceMatch of IOResources and IOUserResources.
    [[nodiscard]] FamilyVerdict match(const Entry& nub, const Dictionary& table) override;
    [[nodiscard]] bool call(const Entry& object, KernelCall& call) override;

  private:
    // Each group returns whether the message was one of its.
    bool life_cycle_call(const Entry& object, KernelCall& call);
    bool property_call(const Entry& object, KernelCall& call);
    bool state_call(const Entry& object, KernelCall& call);
    /// What SearchProperty finds: at the entry or, with `parents`, at the nearest ancestor that has
    /// it.
    [[nodiscard]] const Value* search(const Entry& from, const std::string& key,
                                      bool parents) const;

    Context& context_;
    Lifecycle& lifecycle_;
};

}  // namespace opendext::daemon
