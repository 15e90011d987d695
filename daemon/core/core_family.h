// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/power.h"

namespace opendext::daemon {

/// The built-in family: IORegistryEntry, IOService and what every driver stands on, and the
/// system's side of their methods (docs/facts/semantics.md sections 6 and 7). A family like the
/// others, except that it may use the life cycle directly.
class CoreFamily final : public Family {
  public:
    /// `tell` gives clients that watch an entry a message.
    using Tell = std::function<void(EntryId, uint32_t message, uint64_t argument)>;
    CoreFamily(Context& context, Lifecycle& lifecycle, PowerTree& power, Tell tell)
        : context_(context), lifecycle_(lifecycle), power_(power), tell_(std::move(tell)) {}

    [[nodiscard]] std::vector<ClassDeclaration> classes() const override;
    /// IOResourceMatch of IOResources and IOUserResources.
    [[nodiscard]] FamilyVerdict match(const Entry& nub, const Dictionary& table) override;
    void realm_started() override;
    void object_started(const Entry& object, std::function<void(Status)> done) override;
    void object_ended(const Entry& object, End end) override;
    [[nodiscard]] bool call(const Entry& object, KernelCall& call) override;

    /// What a driver may add to the busy count of its object.
    static constexpr int64_t kMaxBusy = 1 << 20;

  private:
    // Each group returns whether the message was one of its.
    bool life_cycle_call(const Entry& object, KernelCall& call);
    bool property_call(const Entry& object, KernelCall& call);
    bool state_call(const Entry& object, KernelCall& call);
    bool power_call(const Entry& object, KernelCall& call);
    bool item_call(const Entry& object, KernelCall& call);
    bool report_call(const Entry& object, KernelCall& call);
    /// What SearchProperty finds: at the entry or, with `parents`, at the nearest ancestor that has
    /// it.
    [[nodiscard]] const Value* search(const Entry& from, const std::string& key,
                                      bool parents) const;

    Context& context_;
    Lifecycle& lifecycle_;
    PowerTree& power_;
    Tell tell_;
    EntryId state_service_ = kNoEntry;
    std::map<EntryId, int64_t> adjusted_busy_;  ///< what AdjustBusy has added
};

}  // namespace opendext::daemon
