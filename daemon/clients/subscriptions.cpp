// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/subscriptions.h"

#include "daemon/io_return.h"
#include "rpc/probe.h"

namespace opendext::daemon {

using protocol::client::Interest;
using protocol::client::Matched;

std::vector<EntryId> Subscriptions::add(uint64_t client, protocol::client::Subscribe request) {
    const Key key{client, request.subscription};
    remove(client, request.subscription);
    const Subscription& added = subscriptions_.try_emplace(key, std::move(request)).first->second;
    std::vector<EntryId> now;
    if (added.type == Type::interest) {
        interests_.emplace(added.entry, key);
        return now;
    }
    if (added.type == Type::terminate) return now;
    const bool only_matched = added.type == Type::matched || added.type == Type::first_match;
    const MatchContext context = context_();
    added.query.visit(context, [&](const Entry& entry) {
        if (!only_matched || entry.matched) now.push_back(entry.id);
        return true;
    });
    return now;
}

void Subscriptions::remove(uint64_t client, uint64_t subscription) {
    const auto place = subscriptions_.find({client, subscription});
    if (place == subscriptions_.end()) return;
    const auto [from, to] = interests_.equal_range(place->second.entry);
    for (auto interest = from; interest != to; ++interest) {
        if (interest->second != place->first) continue;
        interests_.erase(interest);
        break;
    }
    subscriptions_.erase(place);
}

void Subscriptions::remove_all(uint64_t client) {
    auto next = subscriptions_.lower_bound({client, 0});
    while (next != subscriptions_.end() && next->first.first == client) {
        const uint64_t subscription = (next++)->first.second;
        remove(client, subscription);
    }
}

size_t Subscriptions::count(uint64_t client) const {
    const auto from = subscriptions_.lower_bound({client, 0});
    const auto to = subscriptions_.lower_bound({client + 1, 0});
    return static_cast<size_t>(std::distance(from, to));
}

void Subscriptions::tell(Type type, const Entry& entry) {
    if (!entry.service || subscriptions_.empty()) return;
    const MatchContext context = context_();
    for (auto& [key, subscription] : subscriptions_) {
        if (subscription.type != type || !subscription.query.fits(entry, context)) continue;
        if (subscription.waiting.empty()) waiting_.push_back(key);
        subscription.waiting.push_back(entry.id);
        if (waiting_.size() == 1 && subscription.waiting.size() == 1)
            sinks_.later([this] { flush(); });
    }
}

void Subscriptions::flush() {
    for (const Key& key : std::exchange(waiting_, {})) {
        const auto place = subscriptions_.find(key);
        if (place == subscriptions_.end() || place->second.waiting.empty()) continue;
        OPENDEXT_PROBE(daemon_notify);
        sinks_.matched(key.first, Matched{key.second, std::exchange(place->second.waiting, {})});
    }
}

void Subscriptions::message(EntryId id, uint32_t message, uint64_t argument) {
    const auto [from, to] = interests_.equal_range(id);
    // A sink only queues a message; it cannot change the subscriptions under this loop.
    for (auto interest = from; interest != to; ++interest) {
        const Key& key = interest->second;
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
            message(entry.id, kIOMessageServiceIsTerminated,
                    sinks_.died(entry) ? kEndDriverDied : 0);
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
