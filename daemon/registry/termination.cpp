// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/termination.h"

#include <utility>

namespace opendext::daemon {

std::string_view to_string(TerminationState state) {
    switch (state) {
        case TerminationState::waiting_for_clients:
            return "waiting for clients";
        case TerminationState::stopping:
            return "stopping";
        case TerminationState::detaching:
            return "detaching";
    }
    return "unknown";
}

const TerminationState* Termination::state(EntryId id) const {
    const auto state = states_.find(id);
    return state == states_.end() ? nullptr : &state->second;
}

void Termination::terminate(EntryId id) {
    if (registry_.find(id) == nullptr || in_progress(id)) return;
    mark(id);
    // Leaves first. `advance` walks down from each leaf by itself.
    std::vector<EntryId> order{id};
    for (size_t i = 0; i < order.size(); ++i) {
        if (const Entry* entry = registry_.find(order[i])) {
            order.insert(order.end(), entry->clients.begin(), entry->clients.end());
        }
    }
    for (auto next = order.rbegin(); next != order.rend(); ++next) advance(*next);
}

void Termination::mark(EntryId id) {
    if (!states_.emplace(id, TerminationState::waiting_for_clients).second) return;
    const Entry* entry = registry_.find(id);
    busy_.emplace(id, BusyHold(registry_, entry->provider()));
    registry_.set_inactive(id);
    entry = registry_.find(id);
    if (entry == nullptr) return;
    for (const EntryId client : std::vector(entry->clients)) {
        if (registry_.find(client) != nullptr) mark(client);
    }
}

void Termination::advance(EntryId id) {
    const auto state = states_.find(id);
    const Entry* entry = registry_.find(id);
    if (state == states_.end() || state->second != TerminationState::waiting_for_clients) return;
    if (entry != nullptr && !entry->clients.empty()) return;
    state->second = TerminationState::stopping;
    const Entry* provider = entry == nullptr ? nullptr : registry_.find(entry->provider());
    hooks_.stop(id, provider != nullptr && provider->activity == Activity::active);
}

void Termination::stopped(EntryId id) {
    const auto state = states_.find(id);
    if (state == states_.end() || state->second != TerminationState::stopping) return;
    state->second = TerminationState::detaching;
    const Entry* entry = registry_.find(id);
    const std::vector<EntryId> providers =
        entry == nullptr ? std::vector<EntryId>{} : entry->providers;
    const BusyHold busy = std::move(busy_[id]);
    busy_.erase(id);
    registry_.detach(id);
    states_.erase(id);
    hooks_.detached(id);
    for (const EntryId provider : providers) advance(provider);
}

}  // namespace opendext::daemon
