// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/opens.h"

#include <algorithm>
#include <utility>

#include "daemon/io_return.h"

namespace opendext::daemon {

ProviderOpens::ProviderOpens(Registry& registry, Closed closed)
    : registry_(registry), closed_(std::move(closed)) {
    // An object that stopped, or lost its process, is detached at once.
    registry_.observe([this](Event event, const Entry& entry) {
        if (event != Event::detached) return;
        openers_.erase(entry.id);
        client_gone(entry.id);
    });
}

int32_t ProviderOpens::open(EntryId provider, EntryId client) {
    const Entry* below = registry_.find(provider);
    const Entry* above = registry_.find(client);
    if (below == nullptr || above == nullptr || below->activity != Activity::active ||
        above->activity != Activity::active ||
        std::find(above->providers.begin(), above->providers.end(), provider) ==
            above->providers.end()) {
        return kIOReturnBadArgument;
    }
    const auto [opener, opened] = openers_.emplace(provider, client);
    return opened || opener->second == client ? kIOReturnSuccess : kIOReturnExclusiveAccess;
}

int32_t ProviderOpens::close(EntryId provider, EntryId client) {
    if (client == kNoEntry || opener(provider) != client) return kIOReturnNotOpen;
    openers_.erase(provider);
    if (const Entry* entry = registry_.find(provider)) closed_(*entry, client, false);
    return kIOReturnSuccess;
}

EntryId ProviderOpens::opener(EntryId provider) const {
    const auto place = openers_.find(provider);
    return place == openers_.end() ? kNoEntry : place->second;
}

void ProviderOpens::client_gone(EntryId client) {
    for (auto next = openers_.begin(); next != openers_.end();) {
        const auto [provider, opener] = *next++;
        if (opener != client) continue;
        openers_.erase(provider);
        if (const Entry* entry = registry_.find(provider)) closed_(*entry, client, true);
    }
}

}  // namespace opendext::daemon
