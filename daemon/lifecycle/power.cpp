// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/power.h"

#include <algorithm>
#include <utility>

#include "DriverKit/IOService.system.h"

namespace opendext::daemon {
namespace {

int rank(uint32_t flags) {
    if (flags == PowerTree::kOff) return 0;
    return flags == PowerTree::kLow ? 1 : 2;
}

std::string name_of(uint32_t flags) {
    static constexpr const char* kNames[] = {"off", "low", "on"};
    return kNames[rank(flags)];
}

}  // namespace

std::string_view to_string(SystemPower state) {
    switch (state) {
        case SystemPower::awake:
            return "awake";
        case SystemPower::falling_asleep:
            return "falling asleep";
        case SystemPower::asleep:
            return "asleep";
        case SystemPower::waking:
            return "waking";
    }
    return "unknown";
}

PowerTree::PowerTree(Context& context, Lifecycle& lifecycle, Hooks hooks)
    : context_(context), lifecycle_(lifecycle), hooks_(std::move(hooks)) {
    describe_records();
    context_.registry.declare_plane(std::string(kPowerPlane));
    context_.registry.observe([this](Event event, const Entry& entry) {
        // An object that stops is told nothing more.
        if (event == Event::inactive || event == Event::detached) {
            touch(entry.id);
            if (latencies_.erase(entry.id) > 0) context_.loop.post([this] { apply_latency(); });
            if (nodes_.erase(entry.id) > 0) context_.loop.post([this] { advance(); });
        }
    });
}

bool PowerTree::is_state(uint32_t flags) {
    return flags == kOff || flags == kOn || flags == kLow;
}

EntryId PowerTree::parent_of(EntryId id) const {
    const Entry* entry = context_.registry.find(id);
    while (entry != nullptr) {
        const EntryId provider = entry->provider();
        const auto node = nodes_.find(provider);
        if (node != nodes_.end() && node->second.joined) return provider;
        entry = context_.registry.find(provider);
    }
    return kNoEntry;
}

PowerTree::Clients PowerTree::clients() const {
    Clients found;
    for (const auto& [id, node] : nodes_) {
        if (node.joined) found.emplace(parent_of(id), id);
    }
    return found;
}

uint32_t PowerTree::wanted(EntryId id, const Node& node, const Clients& clients) const {
    if (state_ == SystemPower::falling_asleep || state_ == SystemPower::asleep) return kOff;
    uint32_t wanted_here = node.desired;
    if (node.override_) return wanted_here;
    const auto [from, to] = clients.equal_range(id);
    for (auto client = from; client != to; ++client) {
        const uint32_t needed = wanted(client->second, nodes_.at(client->second), clients);
        if (rank(needed) > rank(wanted_here)) wanted_here = needed;
    }
    return wanted_here;
}

/// Down: clients go first. Up: the provider does.
bool PowerTree::may_change(EntryId id, const Node& node, uint32_t to,
                           const Clients& clients) const {
    if (rank(to) < rank(node.current)) {
        const auto [first, last] = clients.equal_range(id);
        return std::none_of(first, last, [&](const auto& each) {
            const Node& above = nodes_.at(each.second);
            return above.target || rank(wanted(each.second, above, clients)) < rank(above.current);
        });
    }
    const EntryId parent = parent_of(id);
    if (parent == kNoEntry) return true;
    const Node& below = nodes_.at(parent);
    return !below.target && rank(wanted(parent, below, clients)) <= rank(below.current);
}

void PowerTree::join(EntryId id) {
    Node& node = nodes_[id];
    if (std::exchange(node.joined, true)) return;
    const EntryId parent = parent_of(id);
    context_.registry.attach(id, parent == kNoEntry ? context_.registry.root() : parent,
                             kPowerPlane);
    publish(id, node);
    context_.loop.post([this] { advance(); });
}

void PowerTree::change(EntryId id, uint32_t flags) {
    Node& node = nodes_[id];
    node.desired = flags;
    touch(id);
    if (!node.joined) return;
    publish(id, node);
    context_.loop.post([this] { advance(); });
}

void PowerTree::set_override(EntryId id, bool enable) {
    Node& node = nodes_[id];
    node.override_ = enable;
    touch(id);
    if (!node.joined) return;
    publish(id, node);
    context_.loop.post([this] { advance(); });
}

void PowerTree::advance() {
    std::vector<std::pair<EntryId, uint32_t>> changes;
    const Clients above = clients();
    for (const auto& [id, node] : nodes_) {
        if (!node.joined || node.target) continue;
        const uint32_t to = wanted(id, node, above);
        if (to != node.current && may_change(id, node, to, above)) changes.emplace_back(id, to);
    }
    for (const auto& [id, to] : changes) send(id, to);
    settle();
}

void PowerTree::settle() {
    if (state_ != SystemPower::falling_asleep && state_ != SystemPower::waking) return;
    const Clients above = clients();
    const bool over = std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& each) {
        const auto& [id, node] = each;
        return !node.joined || (!node.target && node.current == wanted(id, node, above));
    });
    if (!over) return;
    const bool asleep = state_ == SystemPower::falling_asleep;
    state_ = asleep ? SystemPower::asleep : SystemPower::awake;
    context_.recorder.touch(Record::system, 0);
    context_.log.write(LogLevel::notice, "power",
                       "the system is " + std::string(to_string(state_)));
    hooks_.slept(asleep);
    for (const auto& done : std::exchange(waiting_, {})) done(success());
}

void PowerTree::send(EntryId id, uint32_t flags) {
    Node& node = nodes_.at(id);
    node.target = flags;
    arm(id);
    system::IOService_SetPowerState::In in;
    in.powerFlags = flags;
    // The reply has no deadline of its own: super's SetPowerState ends the wait, or the one above.
    lifecycle_.call(system::IOService_SetPowerState::encode(id, in), {}, std::chrono::hours(24),
                    std::string(to_string(Deadline::power_acknowledge)),
                    [this, id, flags](const Result<CallAnswer>& answer) {
                        const auto told = nodes_.find(id);
                        if (told == nodes_.end() || told->second.target != flags) return;
                        if (!answer.ok()) {
                            finish(id, answer.error().text());
                        } else if (answer->result.io_return != 0) {
                            finish(id, "it returned an error");
                        }
                    });
}

void PowerTree::arm(EntryId id) {
    const Instance* instance = lifecycle_.find(id);
    if (instance == nullptr || !instance->process) return;
    nodes_.at(id).countdown =
        instance->process->countdown(Deadline::power_acknowledge, [this, id] { overdue(id); });
}

void PowerTree::overdue(EntryId id) {
    const auto node = nodes_.find(id);
    const Instance* instance = lifecycle_.find(id);
    const Entry* entry = context_.registry.find(id);
    if (node == nodes_.end() || instance == nullptr || entry == nullptr) return;
    const std::string what =
        "SetPowerState(" + name_of(*node->second.target) + ") of " + entry->name;
    const ProcessPtr process = instance->process;
    finish(id, "it was not acknowledged in time (super's SetPowerState)");
    process->hung(what + " was not acknowledged in time (super's SetPowerState)");
}

void PowerTree::acknowledged(EntryId id, uint32_t flags) {
    const auto node = nodes_.find(id);
    if (node == nodes_.end() || node->second.target != flags) return;
    finish(id, {});
}

void PowerTree::finish(EntryId id, const std::string& problem) {
    Node& node = nodes_.at(id);
    node.current = *node.target;
    node.target.reset();
    node.countdown.reset();
    if (!problem.empty()) {
        const Entry* entry = context_.registry.find(id);
        context_.log.write(LogLevel::error, "power",
                           "SetPowerState(" + name_of(node.current) + ") of " +
                               (entry == nullptr ? std::string("an object") : entry->name) + ": " +
                               problem);
    }
    publish(id, node);
    context_.loop.post([this] { advance(); });
}

void PowerTree::publish(EntryId id, const Node& node) {
    touch(id);
    context_.registry.set_property(
        id, "IOPowerManagement",
        Dictionary{{"CapabilityFlags", uint64_t{node.current}},
                   {"CurrentPowerState", static_cast<uint64_t>(rank(node.current))},
                   {"DesiredPowerState", static_cast<uint64_t>(rank(node.desired))},
                   {"MaxPowerState", uint64_t{2}},
                   {"PowerOverrideOn", node.override_}});
}

void PowerTree::claim_wake(EntryId id, EntryId device, uint64_t flags, std::string reason,
                           Value details) {
    const auto name = [&](EntryId which) {
        const Entry* entry = context_.registry.find(which);
        return entry == nullptr ? std::string() : entry->name;
    };
    context_.log.write(LogLevel::notice, "power",
                       name(id) + " claims the wake for " + name(device) + ": " + reason);
    claims_.emplace_back(Dictionary{{"Claimer", name(id)},
                                    {"Device", name(device)},
                                    {"DeviceID", device},
                                    {"Flags", flags},
                                    {"Reason", std::move(reason)},
                                    {"Details", std::move(details)}});
    if (claims_.size() > kMaxClaims) claims_.erase(claims_.begin());
}

void PowerTree::require_latency(EntryId id, uint64_t nanoseconds) {
    touch(id);
    if (nanoseconds == 0) {
        latencies_.erase(id);
        context_.registry.remove_property(id, "IOMaxBusStall");
    } else {
        latencies_[id] = nanoseconds;
        context_.registry.set_property(id, "IOMaxBusStall", nanoseconds);
    }
    apply_latency();
}

/// A device that may not wait for memory needs processors that do not sleep deeply: that is what
/// the kernel lets one ask for.
void PowerTree::apply_latency() {
    uint64_t shortest = 0;
    for (const auto& [id, nanoseconds] : latencies_)
        shortest = shortest == 0 ? nanoseconds : std::min(shortest, nanoseconds);
    if (shortest == std::exchange(latency_, shortest)) return;
    latency_limit_.reset();
    if (shortest == 0) return;
    context_.keeper.open(
        "cpu-latency", {{"microseconds", shortest / 1000}},
        [this, shortest](Result<KeeperItem> opened) {
            if (shortest != latency_) return;  // another one was needed meanwhile
            if (opened.ok() && opened->fds.size() == 1) {
                latency_limit_ = std::move(opened->fds.front());
            } else {
                context_.log.write(
                    LogLevel::notice, "power",
                    "RequireMaxBusStall is noted, and the processors are not told: " +
                        (opened.ok() ? std::string("the keeper gave no descriptor")
                                     : opened.error().text()));
            }
        });
}

void PowerTree::set_asleep(bool asleep, std::function<void(Status)> done) {
    const SystemPower going = asleep ? SystemPower::falling_asleep : SystemPower::waking;
    const SystemPower there = asleep ? SystemPower::asleep : SystemPower::awake;
    if (state_ == there) return done(success());
    if (state_ != going &&
        (state_ == SystemPower::falling_asleep || state_ == SystemPower::waking)) {
        return done(Error{Errc::not_ready, 0, "the system is " + std::string(to_string(state_))});
    }
    waiting_.push_back(std::move(done));
    if (state_ == going) return;
    state_ = going;
    context_.recorder.touch(Record::system, 0);
    context_.log.write(LogLevel::notice, "power",
                       "the system is " + std::string(to_string(state_)));
    context_.loop.post([this] { advance(); });
}

protocol::client::Power PowerTree::describe() const {
    protocol::client::Power power;
    power.state = std::string(to_string(state_));
    power.wake_claims = claims_;
    for (const auto& [id, node] : nodes_) {
        const Entry* entry = context_.registry.find(id);
        if (!node.joined || entry == nullptr) continue;
        power.objects.push_back(
            {id, entry->name, node.current, node.desired, node.override_, node.target.has_value()});
    }
    return power;
}

}  // namespace opendext::daemon
