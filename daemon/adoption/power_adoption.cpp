// SPDX-License-Identifier: Apache-2.0
// How power states pass from one opendextd to the next.
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/lifecycle/power.h"

namespace opendext::daemon {

void PowerTree::describe_records() {
    context_.recorder.describe(Record::power,
                               [this](uint64_t id, uint64_t) -> std::vector<uint8_t> {
                                   const auto node = nodes_.find(id);
                                   const auto latency = latencies_.find(id);
                                   if (node == nodes_.end() && latency == latencies_.end())
                                       return {};
                                   records::Power record;
                                   if (latency != latencies_.end())
                                       record.latency = latency->second;
                                   if (node == nodes_.end()) return record_of(record);
                                   record.node = true;
                                   record.joined = node->second.joined;
                                   record.desired = node->second.desired;
                                   record.current = node->second.current;
                                   record.override_ = node->second.override_;
                                   return record_of(record);
                               });
    context_.recorder.describe(Record::system, [this](uint64_t, uint64_t) -> std::vector<uint8_t> {
        if (state_ == SystemPower::awake) return {};
        return record_of(records::System{state_});
    });
}

void PowerTree::restore(const Ledger& ledger) {
    ledger.visit(static_cast<uint32_t>(Record::power),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     const auto record = read_record<records::Power>(bytes);
                     const Entry* entry = context_.registry.find(key.first);
                     if (!record.ok() || entry == nullptr || entry->activity != Activity::active)
                         return;
                     if (record->latency != 0) latencies_[key.first] = record->latency;
                     if (!record->node) return;
                     Node& node = nodes_[key.first];
                     node.joined = record->joined;
                     node.desired = record->desired;
                     // A change that was not acknowledged is asked for once more.
                     node.current = record->current;
                     node.override_ = record->override_;
                 });
    ledger.visit(static_cast<uint32_t>(Record::system),
                 [&](const Ledger::Key&, std::span<const uint8_t> bytes) {
                     const auto record = read_record<records::System>(bytes);
                     if (record.ok()) state_ = record->state;
                 });
    // While it wakes or falls asleep, as it was before: settle() tells the change.
    if (state_ == SystemPower::asleep || state_ == SystemPower::waking) hooks_.slept(true);
    context_.loop.post([this] {
        apply_latency();
        advance();
    });
}

}  // namespace opendext::daemon
