// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/subscriptions.h"

#include "daemon/io_return.h"

namespace opendext::daemon {

using protocol::client::Interest;
using protocol::client::Matched;

std::vector<EntryId> Subscriptions::add(uint64_t client,
                                        const protocol::client::Subscribe& request) {
    subscriptions_.insert_or_assign({client, request.subscription},
                                    Subscription{request.type, request.matching, request.entry});
    std::vector<EntryId> now;
    if (request.type == Type::interest || request.type == Type::terminate) return now;
    const MatchContext context = context_();
    for (const EntryId id : context.registry.all()) {
        const Entry* entry = context.registry.find(id);
        if (!entry->service || !entry->registered || entry->activity != Activity::active) continue;
        if (request.type != Type::publish && !entry->matched) continue;
        if (match(*entry, request.matching, context).matches) now.push_back(id);
    }
    return now;
}

void Subscriptions::remove(uint64_t client, uint64_t subscription) {
    subscriptions_.erase({client, subscription});
}

void Subscriptions::remove_all(uint64_t client) {
    std::erase_if(subscriptions_,
                  [&](const auto& subscription) { return subscription.first.first == client; });
}

size_t Subscriptions::count(uint64_t client) const {
    const auto from = subscriptions_.lower_bound({client, 0});
    const auto to = subscriptions_.lower_bound({client + 1, 0});
    return static_cast<size_t>(std::distance(from, to));
}

void Subscriptions::tell(Type type, const Entry& entry) {
    if (!entry.service) return;
    const MatchContext context = context_();
    // A sink only queues a message; it cannot change the subscriptions under this loop.
    for (const auto& [key, subscription] : subscriptions_) {
        if (subscription.type != type || !match(entry, subscription.matching, context).matches)
            continue;
        sinks_.matched(key.first, Matched{key.second, {entry.id}});
    }
}

void Subscriptions::message(EntryId id, uint32_t message, uint64_t argument) {
    for (const auto& [key, subscription] : subscriptions_) {
        if (subscription.type != Type::interest || subscription.entry != id) continue;
        sinks_.interest(key.first, Interest{key.second, id, message, argument});
    }
}

void Subscriptions::on_event(Event event, const Entry& entry) {
    switch (event) {
        case Event::published:
            tell(Type::publish, entry);
            break;
        case Event::matched:
            tell(Type::matched, entry);
            break;
        case Event::first_matched:
            tell(Type::first_match, entry);
            break;
        case Event::inactive:
            message(entry.id, kIOMessageServiceIsTerminated, 0);
            // What was never registered was never found, so its end is nobody's business.
            if (entry.registered) tell(Type::terminate, entry);
            break;
        case Event::property_changed:
            message(entry.id, kIOMessageServicePropertyChange, 0);
            break;
        case Event::busy_changed:
            message(entry.id, kIOMessageServiceBusyStateChange, entry.busy > 0 ? 1 : 0);
            break;
        case Event::attached:
        case Event::registered_again:
        case Event::detached:
            break;
    }
}

}  // namespace opendext::daemon
