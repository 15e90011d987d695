// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/opens.h"

#include <algorithm>
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/io_return.h"

namespace opendext::daemon {

ProviderOpens::ProviderOpens(Registry& registry, Recorder& recorder, Closed closed)
    : registry_(registry), recorder_(recorder), closed_(std::move(closed)) {
    recorder_.describe(Record::opened, [this](uint64_t provider, uint64_t) -> std::vector<uint8_t> {
        const EntryId client = opener(provider);
        if (client == kNoEntry) return {};
        return record_of(records::Opened{client});
    });
    // An object that stopped, or lost its process, is detached at once.
    registry_.observe([this](Event event, const Entry& entry) {
        if (event != Event::detached) return;
        forget(entry.id);
        client_gone(entry.id);
    });
}

void ProviderOpens::restore(const Ledger& ledger) {
    ledger.visit(static_cast<uint32_t>(Record::opened),
                 [this](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     const auto record = read_record<records::Opened>(bytes);
                     // Of one that is being terminated too: it is closed when that is over.
                     if (record.ok() && registry_.find(key.first) != nullptr &&
                         registry_.find(record->client) != nullptr)
                         openers_.emplace(key.first, record->client);
                 });
}

void ProviderOpens::forget(EntryId provider) {
    if (openers_.erase(provider) != 0) recorder_.touch(Record::opened, provider);
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
    if (opened) recorder_.touch(Record::opened, provider);
    return opened || opener->second == client ? kIOReturnSuccess : kIOReturnExclusiveAccess;
}

int32_t ProviderOpens::close(EntryId provider, EntryId client) {
    if (client == kNoEntry || opener(provider) != client) return kIOReturnNotOpen;
    forget(provider);
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
        forget(provider);
        if (const Entry* entry = registry_.find(provider)) closed_(*entry, client, true);
    }
}

}  // namespace opendext::daemon
