// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// Where an entry that is being removed stands.
enum class TerminationState : uint8_t {
    waiting_for_clients,  ///< inactive; entries above it go first
    stopping,             ///< its driver was told to stop and has not finished
    detaching,            ///< on its way out of the tree
};
[[nodiscard]] std::string_view to_string(TerminationState state);

/// Removes entries leaves up: a whole subtree becomes inactive from the given entry upwards at
/// once, then each leaf is stopped and detached, then what lies below it, down to the given entry.
class Termination {
  public:
    struct Hooks {
        /// The entry must stop; call stopped(id) at once or later. `provider_active` is false when
        /// the provider is going too (unplug).
        std::function<void(EntryId id, bool provider_active)> stop;
        /// The entry left the tree (it is no longer in the registry).
        std::function<void(EntryId id)> detached;
    };
    Termination(Registry& registry, Hooks hooks) : registry_(registry), hooks_(std::move(hooks)) {}

    /// Begins the removal; more than once is the same as once.
    void terminate(EntryId id);
    /// The entry has stopped.
    void stopped(EntryId id);
    /// Whether the entry is on its way out; nullopt-like: false if not.
    [[nodiscard]] bool in_progress(EntryId id) const { return states_.contains(id); }
    [[nodiscard]] const TerminationState* state(EntryId id) const;
    [[nodiscard]] size_t count() const { return states_.size(); }

  private:
    void mark(EntryId id);
    void advance(EntryId id);

    Registry& registry_;
    Hooks hooks_;
    std::map<EntryId, TerminationState> states_;
    /// A removal in progress keeps its provider busy.
    std::map<EntryId, BusyHold> busy_;
};

}  // namespace opendext::daemon
