// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/context.h"
#include "daemon/lifecycle/instance.h"
#include "daemon/lifecycle/state_items.h"
#include "daemon/matching/match.h"

namespace opendext::daemon {

/// What drivers watch through their dispatch sources: services that come and go, and state items
/// (docs/facts/semantics.md section 11). A driver is told that there is something, and fetches it.
class DriverWatches {
  public:
    struct Hooks {
        std::function<MatchContext()> context;
        std::function<const Instance*(EntryId)> instance;
        std::function<ProcessPtr(uint64_t)> process;
    };
    DriverWatches(Context& context, StateItems& items, PolicyGuard& guard, Hooks hooks);

    Status watch(DriverProcess& process, protocol::driver::Watch request);
    void unwatch(const DriverProcess& process, uint64_t source);
    /// The next change of an item is to be told; at once if there was one since the last time.
    void arm(const DriverProcess& process, uint64_t source);
    /// The oldest notification of a source; the reference has yet to be introduced.
    [[nodiscard]] protocol::driver::Notification next(const DriverProcess& process,
                                                      uint64_t source);
    void process_gone(uint64_t process);
    [[nodiscard]] size_t count() const { return watches_.size(); }
    /// Puts back what drivers watched with a predecessor of this opendextd.
    void restore(const Ledger& ledger);

    static constexpr size_t kMaxOfProcess = 256;
    /// Notifications that a driver does not fetch; the oldest goes.
    static constexpr size_t kMaxWaiting = 1024;

  private:
    struct Watch {
        protocol::driver::WatchKind kind;
        Dictionary matching;
        std::deque<std::pair<uint32_t, EntryId>> waiting;
        bool told = false;                      ///< and has not fetched all since
        std::map<std::string, uint64_t> items;  ///< with the generation that was told
        bool armed = false;
        bool overflow_said = false;
    };
    using Key = std::pair<uint64_t, uint64_t>;  // process, source

    void describe_records();
    void touch(const Key& key) { context_.recorder.touch(Record::watch, key.first, key.second); }
    void on_event(Event event, const Entry& entry);
    void add(const Key& key, Watch& watch, uint32_t type, EntryId entry);
    void tell(const Key& key);
    void tell_if_changed(const Key& key, Watch& watch);
    /// Whether the driver may know of the service.
    [[nodiscard]] bool visible(const DriverProcess& process, const Entry& entry);
    [[nodiscard]] Watch* find(const DriverProcess& process, uint64_t source,
                              protocol::driver::WatchKind kind);

    Context& context_;
    StateItems& items_;
    PolicyGuard& guard_;
    Hooks hooks_;
    std::map<Key, Watch> watches_;
};

}  // namespace opendext::daemon
