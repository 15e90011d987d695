// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervision/supervisor.h"

#include <algorithm>
#include <ctime>

namespace opendext::daemon {
namespace {

uint64_t wall_ns(std::chrono::milliseconds from_now = {}) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec) +
           static_cast<uint64_t>(from_now.count()) * 1'000'000;
}

std::string hex(EntryId id) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(id));
    return text;
}

std::string lift_command(const Personality& personality) {
    return "opendext quarantine lift " + personality.label();
}

bool is_called(const Supervised& one, std::string_view name) {
    const Personality& personality = *one.personality;
    const std::string& bundle = personality.bundle_id;
    return name.empty() || name == bundle || name == personality.label() ||
           name == personality.name || name == hex(one.nub) ||
           name == std::string_view(bundle).substr(bundle.rfind('.') + 1);
}

}  // namespace

std::string_view to_string(Standing standing) {
    switch (standing) {
        case Standing::running:
            return "running";
        case Standing::waiting:
            return "waiting for restart";
        case Standing::quarantined:
            return "quarantined";
        case Standing::left:
            return "left";
    }
    return "unknown";
}

Dictionary describe(const Supervised& supervised, const RestartRules& rules, Clock::Time now) {
    Dictionary told{{"Policy", to_string(supervised.policy)},
                    {"State", to_string(supervised.standing)},
                    {"Crashes", uint64_t{supervised.history.total()}},
                    {"RecentCrashes", uint64_t{supervised.history.recent(rules, now)}}};
    const auto add = [&](const char* key, const std::string& text) {
        if (!text.empty()) told.insert_or_assign(key, text);
    };
    const auto add_time = [&](const char* key, uint64_t ns) {
        if (ns != 0) told.insert_or_assign(key, iso_time(ns));
    };
    add_time("LastCrash", supervised.last_crash_ns);
    add("LastReason", supervised.last_reason);
    add_time("NextRestart", supervised.next_restart_ns);
    add_time("Since", supervised.since_ns);
    add("Reason", supervised.reason);
    if (supervised.standing == Standing::quarantined)
        add("Lift", lift_command(*supervised.personality));
    return told;
}

RestartPolicy Supervisor::policy_of(const Personality& personality) const {
    const std::string* named = opendext::find_string(personality.table, kRestartPolicyKey);
    const auto own = named == nullptr ? std::nullopt : restart_policy(*named);
    return own.value_or(context_.restart.policy);
}

Supervisor::Record& Supervisor::record(EntryId nub, const PersonalityPtr& personality) {
    Record& record = records_[{nub, personality->label()}];
    // Another copy of the bundle is another driver: what the old one did is not held against it.
    if (!record.personality || record.personality->copy != personality->copy) record = Record{};
    record.nub = nub;
    record.personality = personality;
    record.policy = policy_of(*personality);
    return record;
}

const Supervisor::Record* Supervisor::find(EntryId nub, const PersonalityPtr& personality) const {
    const auto place = records_.find({nub, personality->label()});
    if (place == records_.end() || place->second.personality->copy != personality->copy)
        return nullptr;
    return &place->second;
}

Decision Supervisor::crashed(EntryId nub, const PersonalityPtr& personality, const std::string& how,
                             bool start_finished) {
    Record& record = this->record(nub, personality);
    record.last_crash_ns = wall_ns();
    record.last_reason = how;
    Decision decision = record.history.crashed(context_.restart, record.policy,
                                               context_.clock.now(), start_finished);
    if (decision.next == Next::quarantine) quarantine(record, decision.reason);
    publish(nub);
    return decision;
}

void Supervisor::quarantine(Record& record, std::string reason) {
    record.standing = Standing::quarantined;
    record.reason = std::move(reason);
    record.since_ns = wall_ns();
    record.next_restart_ns = 0;
    await_end_of_kept(record);
    const Entry* entry = context_.registry.find(record.nub);
    log(LogLevel::error, record.personality->label() + " is in quarantine on " +
                             (entry == nullptr ? hex(record.nub) : entry->name) + ": " +
                             record.reason + ", the last time: " + record.last_reason +
                             "; to try it again: " + lift_command(*record.personality));
}

void Supervisor::await_end_of_kept(Record& record) {
    record.timer =
        context_.clock.after(context_.restart.keep_endpoints,
                             [this, nub = record.nub, personality = record.personality] {
                                 if (const auto place = records_.find({nub, personality->label()});
                                     place != records_.end()) {
                                     place->second.timer.reset();
                                 }
                                 hooks_.given_up(nub, personality->bundle_id);
                             });
}

void Supervisor::restart_after(EntryId nub, const PersonalityPtr& personality,
                               std::chrono::milliseconds wait) {
    Record& record = this->record(nub, personality);
    record.standing = Standing::waiting;
    record.next_restart_ns = wall_ns(wait);
    if (wait.count() > 0) {
        log(LogLevel::notice, personality->label() + " is restarted in " + duration_text(wait) +
                                  " (crash " + std::to_string(record.history.total()) +
                                  "): " + record.last_reason);
    }
    record.timer = context_.clock.after(wait, [this, nub, personality] {
        const auto place = records_.find({nub, personality->label()});
        if (place == records_.end() || place->second.standing != Standing::waiting) return;
        place->second.standing = Standing::running;
        place->second.next_restart_ns = 0;
        place->second.timer.reset();
        publish(nub);
        hooks_.restart(nub, personality);
    });
    publish(nub);
}

void Supervisor::started(EntryId nub, const PersonalityPtr& personality) {
    const auto place = records_.find({nub, personality->label()});
    if (place == records_.end()) return;
    if (place->second.personality->copy == personality->copy) {
        place->second.history.started();
    } else {
        records_.erase(place);  // of a copy that is not installed any more
    }
    publish(nub);
}

void Supervisor::left(EntryId nub, const PersonalityPtr& personality, const std::string& how) {
    Record& record = this->record(nub, personality);
    record.timer.reset();
    record.standing = Standing::left;
    record.reason = how;
    record.since_ns = wall_ns();
    log(LogLevel::notice, personality->label() + " has left its provider: " + how);
    publish(nub);
    hooks_.given_up(nub, personality->bundle_id);
}

void Supervisor::registered(EntryId nub) {
    const size_t erased = std::erase_if(records_, [&](const auto& each) {
        return each.first.first == nub && each.second.standing == Standing::left;
    });
    if (erased > 0) publish(nub);
}

void Supervisor::gone(EntryId nub, bool by_crash) {
    touch(nub);
    std::vector<std::string> bundles;
    std::erase_if(records_, [&](const auto& each) {
        if (each.first.first != nub) return false;
        bundles.push_back(each.second.personality->bundle_id);
        return true;
    });
    if (by_crash) return;
    for (const std::string& bundle : bundles) hooks_.given_up(nub, bundle);
}

void Supervisor::forget(EntryId nub, const PersonalityPtr& personality) {
    if (records_.erase({nub, personality->label()}) == 0) return;
    publish(nub);
    hooks_.given_up(nub, personality->bundle_id);
}

void Supervisor::forget(const PersonalityPtr& personality) {
    std::vector<EntryId> nubs;
    for (const auto& [key, record] : records_) {
        if (key.second == personality->label() && record.personality->copy == personality->copy)
            nubs.push_back(key.first);
    }
    for (const EntryId nub : nubs) forget(nub, personality);
}

bool Supervisor::may_start(EntryId nub, const PersonalityPtr& personality) const {
    const Record* record = find(nub, personality);
    return record == nullptr || record->standing == Standing::running;
}

std::string Supervisor::why_not(EntryId nub, const PersonalityPtr& personality) const {
    const Record* record = find(nub, personality);
    if (record == nullptr) return {};
    std::string text(to_string(record->standing));
    if (!record->reason.empty()) text += ", " + record->reason;
    if (record->standing == Standing::quarantined) text += "; " + lift_command(*personality);
    return text;
}

const Supervised* Supervisor::awaiting(EntryId nub, std::string_view category) const {
    for (const auto& [key, record] : records_) {
        if (key.first == nub && record.standing == Standing::waiting &&
            record.personality->category == category) {
            return &record;
        }
    }
    return nullptr;
}

bool Supervisor::awaits_restart(EntryId nub) const {
    return std::any_of(records_.begin(), records_.end(), [&](const auto& each) {
        return each.first.first == nub && each.second.standing == Standing::waiting;
    });
}

bool Supervisor::successor_expected(EntryId nub) const {
    for (const Entry* entry = context_.registry.find(nub); entry != nullptr;
         entry = context_.registry.find(entry->provider())) {
        const auto expected = [&](const auto& each) {
            return each.first.first == entry->id && each.second.timer != nullptr;
        };
        if (std::any_of(records_.begin(), records_.end(), expected)) return true;
    }
    return false;
}

std::vector<const Supervised*> Supervisor::all() const {
    std::vector<const Supervised*> found;
    for (const auto& [key, record] : records_) found.push_back(&record);
    return found;
}

Result<std::vector<Supervised>> Supervisor::lift(std::string_view name) {
    std::vector<Key> chosen;
    std::string others;
    for (const auto& [key, record] : records_) {
        if (record.standing != Standing::quarantined) continue;
        if (is_called(record, name)) {
            chosen.push_back(key);
        } else {
            others += (others.empty() ? "" : ", ") + key.second;
        }
    }
    if (chosen.empty() && !name.empty()) {
        return Error{Errc::not_found, 0,
                     std::string(name) + " is not in quarantine; in quarantine: " +
                         (others.empty() ? "nothing" : others)};
    }
    std::vector<Supervised> lifted;
    for (const Key& key : chosen) {
        lifted.emplace_back(records_.at(key));
        records_.erase(key);
        log(LogLevel::notice, key.second + " is taken out of quarantine");
        publish(key.first);
        hooks_.lifted(key.first);
    }
    return lifted;
}

void Supervisor::publish(EntryId nub) {
    touch(nub);
    Dictionary told;
    for (auto place = records_.lower_bound({nub, {}});
         place != records_.end() && place->first.first == nub; ++place) {
        told.insert_or_assign(place->first.second,
                              describe(place->second, context_.restart, context_.clock.now()));
    }
    if (told.empty()) {
        context_.registry.remove_property(nub, kSupervisionProperty);
    } else {
        context_.registry.set_property(nub, kSupervisionProperty, std::move(told));
    }
}

}  // namespace opendext::daemon
