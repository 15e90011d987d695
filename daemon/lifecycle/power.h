// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/power_state.h"
#include "rpc/protocol/client.h"

namespace opendext::daemon {

/// Power states of drivers' objects (docs/facts/semantics.md section 7). An object joins when it
/// has started, or by JoinPMTree. It has the state that it asked for, or a higher one while a
/// client needs that and there is no override; with the system asleep it is off. Its
/// SetPowerState is acknowledged by super's SetPowerState, or the wait for that ends.
class PowerTree {
  public:
    struct Hooks {
        /// The system is asleep now, or awake again.
        std::function<void(bool asleep)> slept;
    };
    PowerTree(Context& context, Lifecycle& lifecycle, Hooks hooks);

    /// kIOServicePowerCapability…
    static constexpr uint32_t kOff = 0;
    static constexpr uint32_t kOn = 2;
    static constexpr uint32_t kLow = 0x10000;
    [[nodiscard]] static bool is_state(uint32_t flags);

    void join(EntryId id);
    /// ChangePowerState; before join it says what the object will join with.
    void change(EntryId id, uint32_t flags);
    void set_override(EntryId id, bool enable);
    /// super's SetPowerState.
    void acknowledged(EntryId id, uint32_t flags);
    /// RequireMaxBusStall: the object's device needs the memory within so many nanoseconds; 0 takes
    /// that back.
    void require_latency(EntryId id, uint64_t nanoseconds);
    /// A driver says that its device woke the system.
    void claim_wake(EntryId id, EntryId device, uint64_t flags, std::string reason, Value details);

    /// Puts the system to sleep or wakes it; `done` comes when every driver knows. Errc::not_ready
    /// while the opposite is under way.
    void set_asleep(bool asleep, std::function<void(Status)> done);
    [[nodiscard]] SystemPower state() const { return state_; }
    [[nodiscard]] protocol::client::Power describe() const;

    /// Goes on with what a predecessor of this opendextd left (daemon/adoption/power_adoption.cpp).
    void restore(const Ledger& ledger);

    static constexpr size_t kMaxClaims = 32;
    /// The plane of the objects that have joined, each below the nearest one that its power comes
    /// from.
    static constexpr std::string_view kPowerPlane = "IOPower";

  private:
    struct Node {
        bool joined = false;
        uint32_t desired = kOn;
        uint32_t current = kOn;
        bool override_ = false;
        std::optional<uint32_t> target;  ///< sent and not acknowledged
        std::unique_ptr<Countdown> countdown;
    };

    void describe_records();
    void touch(EntryId id) { context_.recorder.touch(Record::power, id); }
    [[nodiscard]] EntryId parent_of(EntryId id) const;
    /// Who has joined, by where its power comes from.
    using Clients = std::multimap<EntryId, EntryId>;
    [[nodiscard]] Clients clients() const;
    [[nodiscard]] uint32_t wanted(EntryId id, const Node& node, const Clients& clients) const;
    [[nodiscard]] bool may_change(EntryId id, const Node& node, uint32_t to,
                                  const Clients& clients) const;
    void advance();
    void settle();
    void send(EntryId id, uint32_t flags);
    void arm(EntryId id);
    /// The driver has not acknowledged: it hangs.
    void overdue(EntryId id);
    void finish(EntryId id, const std::string& problem);
    void publish(EntryId id, const Node& node);
    void apply_latency();

    Context& context_;
    Lifecycle& lifecycle_;
    Hooks hooks_;
    SystemPower state_ = SystemPower::awake;
    std::map<EntryId, Node> nodes_;
    std::vector<std::function<void(Status)>> waiting_;
    Array claims_;
    std::map<EntryId, uint64_t> latencies_;
    uint64_t latency_ = 0;    ///< the shortest, 0 if nobody needs one
    UniqueFd latency_limit_;  ///< the kernel keeps to it while this is open
};

}  // namespace opendext::daemon
