// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/actions.h"

#include "daemon/adoption/records.h"

namespace opendext::daemon {

uint64_t ActionTable::import(uint64_t owner, uint64_t number) {
    const auto known = by_owner_.find({owner, number});
    if (known != by_owner_.end()) return known->second;
    const auto from = by_owner_.lower_bound({owner, 0});
    const auto to = by_owner_.lower_bound({owner + 1, 0});
    if (static_cast<size_t>(std::distance(from, to)) >= kMaxOfProcess) return 0;
    const uint64_t foreign = kForeignAction | next_++;
    actions_.emplace(foreign, Action{{owner, number}, {}});
    by_owner_.emplace(std::pair{owner, number}, foreign);
    touch(foreign);
    return foreign;
}

const ActionTable::Owner* ActionTable::find(uint64_t foreign) const {
    const auto action = actions_.find(foreign);
    return action == actions_.end() ? nullptr : &action->second.owner;
}

void ActionTable::hand_out(uint64_t foreign, uint64_t process) {
    const auto action = actions_.find(foreign);
    if (action == actions_.end()) return;
    action->second.holders.insert(process);
    touch(foreign);
}

bool ActionTable::holds(uint64_t process, uint64_t foreign) const {
    const auto action = actions_.find(foreign);
    return action != actions_.end() && action->second.holders.contains(process);
}

void ActionTable::forget(uint64_t foreign) {
    const auto action = actions_.find(foreign);
    by_owner_.erase({action->second.owner.process, action->second.owner.number});
    actions_.erase(action);
    touch(foreign);
}

void ActionTable::drop(uint64_t process, uint64_t foreign) {
    const auto action = actions_.find(foreign);
    if (action == actions_.end() || action->second.holders.erase(process) == 0) return;
    touch(foreign);
    if (!action->second.holders.empty()) return;
    const Owner owner = action->second.owner;
    forget(foreign);
    aborted_(owner.process, owner.number);
}

void ActionTable::process_gone(uint64_t process) {
    std::vector<uint64_t> own;
    std::vector<uint64_t> held;
    for (const auto& [foreign, action] : actions_) {
        if (action.owner.process == process) {
            own.push_back(foreign);
        } else if (action.holders.contains(process)) {
            held.push_back(foreign);
        }
    }
    for (const uint64_t foreign : own) forget(foreign);
    for (const uint64_t foreign : held) drop(process, foreign);
}

void ActionTable::record(Recorder& recorder) {
    recorder_ = &recorder;
    recorder.describe(Record::action, [this](uint64_t foreign, uint64_t) -> std::vector<uint8_t> {
        const auto place = actions_.find(foreign);
        if (place == actions_.end()) return {};
        const Action& action = place->second;
        return record_of(records::Action{action.owner.process,
                                         action.owner.number,
                                         {action.holders.begin(), action.holders.end()}});
    });
}

void ActionTable::restore(const Ledger& ledger, uint64_t first,
                          const std::function<bool(uint64_t process)>& lives) {
    next_ = first;
    ledger.visit(static_cast<uint32_t>(Record::action),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<records::Action> record = read_record<records::Action>(bytes);
                     if (!record.ok() || !lives(record->process)) return;
                     Action action{{record->process, record->number},
                                   {record->holders.begin(), record->holders.end()}};
                     by_owner_.emplace(std::pair{record->process, record->number}, key.first);
                     actions_.emplace(key.first, std::move(action));
                 });
}

}  // namespace opendext::daemon
