// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "daemon/matching/match.h"
#include "rpc/protocol/client.h"

namespace opendext::daemon {

/// Who wants to hear of what. Each event reaches each subscription that fits it exactly once.
class Subscriptions {
  public:
    using Type = protocol::client::Subscription;
    struct Sinks {
        std::function<void(uint64_t client, protocol::client::Matched)> matched;
        std::function<void(uint64_t client, protocol::client::Interest)> interest;
    };
    Subscriptions(std::function<MatchContext()> context, Sinks sinks)
        : context_(std::move(context)), sinks_(std::move(sinks)) {}

    /// Adds it and returns what fits now, oldest first: nothing for terminate and interest.
    std::vector<EntryId> add(uint64_t client, const protocol::client::Subscribe& request);
    void remove(uint64_t client, uint64_t subscription);
    void remove_all(uint64_t client);
    [[nodiscard]] bool contains(uint64_t client, uint64_t subscription) const {
        return subscriptions_.contains({client, subscription});
    }
    [[nodiscard]] size_t count(uint64_t client) const;

    void on_event(Event event, const Entry& entry);
    void message(EntryId id, uint32_t message, uint64_t argument);

  private:
    struct Subscription {
        Type type;
        Dictionary matching;
        EntryId entry;
    };
    void tell(Type type, const Entry& entry);

    std::function<MatchContext()> context_;
    Sinks sinks_;
    std::map<std::pair<uint64_t, uint64_t>, Subscription> subscriptions_;
};

}  // namespace opendext::daemon
