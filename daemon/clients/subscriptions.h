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

/// The argument of kIOMessageServiceIsTerminated where a driver's process died, else 0:
/// OPENDEXT_END_DRIVER_DIED of <opendext/client.h>.
inline constexpr uint64_t kEndDriverDied = 1;

/// Who wants to hear of what. Each event reaches each subscription that fits it exactly once, in
/// order; what happens in one turn of the loop comes in one message a subscription, so that a burst
/// of a thousand services does not overrun a client that listens.
class Subscriptions {
  public:
    using Type = protocol::client::Subscription;
    struct Sinks {
        /// Runs work after this turn of the loop.
        std::function<void(std::function<void()>)> later;
        std::function<void(uint64_t client, protocol::client::Matched)> matched;
        std::function<void(uint64_t client, protocol::client::Interest)> interest;
        /// Whether an entry that ends does so because a driver's process died.
        std::function<bool(const Entry&)> died;
    };
    Subscriptions(std::function<MatchContext()> context, Sinks sinks)
        : context_(std::move(context)), sinks_(std::move(sinks)) {}

    /// Adds it and returns what fits now, oldest first: nothing for terminate and interest.
    std::vector<EntryId> add(uint64_t client, protocol::client::Subscribe request);
    void remove(uint64_t client, uint64_t subscription);
    void remove_all(uint64_t client);
    [[nodiscard]] bool contains(uint64_t client, uint64_t subscription) const {
        return subscriptions_.contains({client, subscription});
    }
    [[nodiscard]] size_t count(uint64_t client) const;

    void on_event(Event event, const Entry& entry);
    void message(EntryId id, uint32_t message, uint64_t argument);
    /// Sends what waits for the end of the turn; an answer to a client must not overtake it.
    void flush();

  private:
    using Key = std::pair<uint64_t, uint64_t>;  ///< client, its number of the subscription
    struct Subscription {
        explicit Subscription(protocol::client::Subscribe request)
            : type(request.type),
              matching(std::move(request.matching)),
              entry(request.entry),
              query(matching) {}
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;
        const Type type;
        const Dictionary matching;
        const EntryId entry;
        const MatchQuery query;
        std::vector<EntryId> waiting;  ///< to be told after this turn
    };
    void tell(Type type, const Entry& entry);

    std::function<MatchContext()> context_;
    Sinks sinks_;
    std::map<Key, Subscription> subscriptions_;
    std::multimap<EntryId, Key> interests_;  ///< by the entry
    std::vector<Key> waiting_;               ///< subscriptions with something to tell, oldest first
};

}  // namespace opendext::daemon
