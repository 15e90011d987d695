// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/matcher.h"

#include <algorithm>
#include <utility>

#include "daemon/adoption/records.h"
#include "rpc/probe.h"

namespace opendext::daemon {
namespace {
std::string id_text(EntryId id) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(id));
    return text;
}
}  // namespace

std::string_view to_string(RoundState state) {
    switch (state) {
        case RoundState::idle:
            return "idle";
        case RoundState::starting:
            return "starting";
    }
    return "unknown";
}

Matcher::Matcher(Context& context, Families& families, PersonalityIndex& index,
                 Lifecycle& lifecycle, Supervisor& supervisor)
    : context_(context),
      families_(families),
      index_(index),
      lifecycle_(lifecycle),
      supervisor_(supervisor) {
    context_.recorder.describe(Record::round,
                               [this](uint64_t nub, uint64_t) -> std::vector<uint8_t> {
                                   if (!is_matching(nub)) return {};
                                   return record_of(records::Mark{});
                               });
    context_.registry.observe([this](Event event, const Entry& entry) {
        switch (event) {
            case Event::published:
            case Event::registered_again:
                supervisor_.registered(entry.id);
                match(entry.id);
                break;
            case Event::detached:
                nubs_.erase(entry.id);
                context_.recorder.touch(Record::round, entry.id);
                history_.forget(entry.id);
                deferred_.erase(entry.id);
                supervisor_.gone(entry.id, ended_by_crash(entry.id));
                break;
            default:
                break;
        }
    });
}

bool Matcher::ended_by_crash(EntryId id) const {
    const Instance* instance = lifecycle_.find(id);
    return instance != nullptr && instance->end == End::process_died;
}

MatchContext Matcher::match_context() const {
    return {context_.registry, [this](const Entry& nub, const Dictionary& table) {
                return families_.match(nub, table);
            }};
}

void Matcher::match(EntryId id) {
    Nub& nub = nubs_[id];
    if (!nub.leaving.empty()) return;  // when they have left
    if (nub.state == RoundState::starting) {
        nub.again = true;
        return;
    }
    nub.state = RoundState::starting;
    context_.recorder.touch(Record::round, id);
    OPENDEXT_PROBE(daemon_match);
    nub.busy = BusyHold(context_.registry, id);
    // Later: whoever registered the nub goes on first.
    context_.loop.post([this, id] { begin(id); });
}

void Matcher::match_nubs_of(const std::vector<PersonalityPtr>& personalities) {
    for (const EntryId id : context_.registry.all()) {
        const Entry* entry = context_.registry.find(id);
        if (entry == nullptr || !entry->registered || entry->activity != Activity::active) continue;
        if (std::any_of(personalities.begin(), personalities.end(),
                        [&](const PersonalityPtr& personality) {
                            return entry->is_kind_of(personality->provider_class);
                        })) {
            match(id);
        }
    }
}

void Matcher::match_nubs_of_new(const std::vector<PersonalityPtr>& personalities) {
    for (const EntryId id : context_.registry.all()) {
        const Entry* entry = context_.registry.find(id);
        if (entry == nullptr || !entry->registered || entry->activity != Activity::active) continue;
        const bool compete = std::any_of(
            entry->classes.begin(), entry->classes.end(), [this](const std::string& name) {
                const ClassTable::Known* known = context_.classes.find(name);
                return known != nullptr && known->declaration.newcomers_compete;
            });
        if (compete) contest(*entry, personalities);
    }
    match_nubs_of(personalities);
}

void Matcher::contest(const Entry& nub, const std::vector<PersonalityPtr>& newcomers) {
    std::vector<PersonalityPtr> able = newcomers;
    std::erase_if(able, [&](const PersonalityPtr& newcomer) {
        return !nub.is_kind_of(newcomer->provider_class) ||
               !supervisor_.may_start(nub.id, newcomer);
    });
    const CandidateList list = find_candidates(nub, able, match_context());
    for (const CandidateList::Category& category : list.categories) {
        const Instance* present = holder(nub, category.name);
        if (present == nullptr || !present->running() ||
            present->personality->bundle_id == category.candidates.front().personality->bundle_id)
            continue;
        log(LogLevel::notice, present->personality->label() + " leaves " + nub.name + " " +
                                  id_text(nub.id) + ", to compete with " +
                                  category.candidates.front().personality->label() +
                                  ", which is new and fits too");
        nubs_[nub.id].leaving.insert(present->entry);
        lifecycle_.terminate(present->entry);
    }
}

void Matcher::removed(const std::vector<PersonalityPtr>& personalities) {
    for (const PersonalityPtr& personality : personalities) {
        supervisor_.forget(personality);
        history_.forget(personality->label());
    }
}

void Matcher::defer(EntryId id) {
    if (!deferred_.insert(id).second) return;
    context_.registry.set_property(id, "IOServiceMatchDeferred", true);
}

void Matcher::set_asleep(bool asleep) {
    asleep_ = asleep;
    if (asleep) return;
    for (const EntryId id : std::exchange(deferred_, {})) {
        context_.registry.remove_property(id, "IOServiceMatchDeferred");
        match(id);
    }
}

void Matcher::begin(EntryId id) {
    const Entry* entry = context_.registry.find(id);
    const auto place = nubs_.find(id);
    if (place == nubs_.end() || entry == nullptr) return;
    if (stopped_ || entry->activity != Activity::active || !place->second.leaving.empty()) {
        place->second.state = RoundState::idle;
        context_.recorder.touch(Record::round, id);
        place->second.busy.reset();
        return;
    }
    if (asleep_) {
        defer(id);
        place->second.state = RoundState::idle;
        context_.recorder.touch(Record::round, id);
        place->second.busy.reset();
        return;
    }
    std::vector<PersonalityPtr> personalities = index_.for_nub(*entry);
    std::erase_if(personalities, [&](const PersonalityPtr& personality) {
        if (suspended_.contains(personality->bundle_id)) return true;
        if (supervisor_.may_start(id, personality)) return false;
        log(LogLevel::info, personality->label() + " is not started on " + entry->name + ": " +
                                supervisor_.why_not(id, personality));
        return true;
    });
    CandidateList list = find_candidates(*entry, personalities, match_context());
    log_trace(*entry, list);
    begin_with(id, std::move(list));
}

void Matcher::log_trace(const Entry& nub, const CandidateList& list) {
    if (list.trace.empty()) return;
    const std::string where = "match " + nub.name + " " + id_text(nub.id) + ": ";
    for (const TraceLine& line : list.trace) {
        if (line.verdict.matches) {
            log(LogLevel::info, where + line.personality->label() + " fits, score " +
                                    std::to_string(line.verdict.score) + ", category " +
                                    line.personality->category);
        } else {
            log(LogLevel::debug,
                where + line.personality->label() + " does not fit: " + line.verdict.reason);
        }
    }
}

bool Matcher::is_matching(EntryId nub) const {
    const auto place = nubs_.find(nub);
    return place != nubs_.end() && place->second.state != RoundState::idle;
}

const Instance* Matcher::holder(const Entry& nub, const std::string& category) const {
    for (const EntryId id : nub.clients) {
        const Instance* client = lifecycle_.find(id);
        if (client == nullptr || client->created || client->personality->category != category)
            continue;
        // One that is going frees the category, unless it will be matched again when it has gone.
        const Entry* entry = context_.registry.find(id);
        if (entry->activity == Activity::active || client->end == End::process_died) return client;
    }
    return nullptr;
}

void Matcher::tell_category_taken(const Entry& nub, const CandidateList::Category& category,
                                  const Instance& holder) {
    for (const Candidate& candidate : category.candidates) {
        if (candidate.personality == holder.personality) continue;
        const std::string text = candidate.personality->label() + " is not started on " + nub.name +
                                 ": category " + category.name + " has its driver, " +
                                 holder.personality->label() +
                                 "; an IOMatchCategory of its own would let it start beside it";
        if (said_.insert(text).second) log(LogLevel::notice, text);
    }
}

void Matcher::begin_with(EntryId id, CandidateList list) {
    const Entry* entry = context_.registry.find(id);
    Nub& nub = nubs_[id];
    nub.runs.clear();
    uint64_t seen = 0;
    for (CandidateList::Category& category : list.categories) {
        seen += category.candidates.size();
        if (const Instance* taken = holder(*entry, category.name)) {
            tell_category_taken(*entry, category, *taken);
            continue;
        }
        if (const Supervised* awaited = supervisor_.awaiting(id, category.name)) {
            log(LogLevel::info, "category " + category.name + " of " + entry->name +
                                    " is kept for " + awaited->personality->label() +
                                    ", which is waiting for its restart");
            continue;
        }
        CategoryRun run;
        run.name = category.name;
        run.candidates.assign(category.candidates.begin(), category.candidates.end());
        nub.runs.push_back(std::move(run));
    }
    if (seen > 0) context_.registry.set_property(id, "IODEXTMatchCount", seen);
    if (nub.runs.empty() || nub.claimed) {
        start_runs(id);
    } else {
        claim(id);
    }
}

void Matcher::claim(EntryId id) {
    nubs_[id].claimed = true;
    families_.claim(*context_.registry.find(id),
                    [this, id](const Status& status) { claimed(id, status); });
}

void Matcher::claimed(EntryId id, const Status& status) {
    const auto place = nubs_.find(id);
    const Entry* entry = context_.registry.find(id);
    if (place == nubs_.end() || entry == nullptr) return;
    if (status.ok() && entry->activity == Activity::active) return start_runs(id);
    if (!status.ok()) {
        place->second.claimed = false;
        log(LogLevel::error,
            entry->name + " " + id_text(id) +
                " cannot be had, and no driver is started on it: " + status.error().text());
    }
    for (CategoryRun& run : place->second.runs) run.candidates.clear();
    finish_if_over(id);
}

void Matcher::start_runs(EntryId id) {
    const size_t runs = nubs_[id].runs.size();
    for (size_t i = 0; i < runs; ++i) start_next(id, i);
    finish_if_over(id);
}

void Matcher::give_back_if_free(EntryId id, Nub& nub) {
    const Entry* entry = context_.registry.find(id);
    if (!nub.claimed || nub.state != RoundState::idle || nub.again || stopped_ ||
        entry == nullptr || entry->activity != Activity::active || deferred_.contains(id) ||
        supervisor_.awaits_restart(id)) {
        return;
    }
    const bool taken =
        std::any_of(entry->clients.begin(), entry->clients.end(), [this](EntryId client) {
            const Instance* instance = lifecycle_.find(client);
            return instance != nullptr && !instance->created;
        });
    if (taken) return;
    nub.claimed = false;
    families_.give_back(*entry, "no driver has it");
}

void Matcher::start_next(EntryId id, size_t index) {
    const auto place = nubs_.find(id);
    if (place == nubs_.end() || index >= place->second.runs.size()) return;
    CategoryRun& run = place->second.runs[index];
    if (run.candidates.empty() || stopped_) return;
    if (asleep_) {
        defer(id);
        run.candidates.clear();
        return;
    }
    OPENDEXT_PROBE(daemon_match_start);
    const Candidate candidate = std::move(run.candidates.front());
    run.candidates.pop_front();
    run.running = true;
    lifecycle_.start(candidate, id, [this, id, index, candidate](const Status& outcome) {
        ended(id, index, candidate, outcome);
    });
}

void Matcher::ended(EntryId id, size_t index, const Candidate& candidate, const Status& outcome) {
    const auto place = nubs_.find(id);
    if (place == nubs_.end() || index >= place->second.runs.size()) return;
    CategoryRun& run = place->second.runs[index];
    run.running = false;
    history_.note(id, candidate.personality->label(), outcome, context_.clock.now());
    if (outcome.ok()) {
        run.won = true;
        run.candidates.clear();
        supervisor_.started(id, candidate.personality);
    } else {
        const Entry* entry = context_.registry.find(id);
        const bool active = entry != nullptr && entry->activity == Activity::active;
        if (!active) run.candidates.clear();
        log(LogLevel::notice, candidate.personality->label() + " was not started on " +
                                  (entry == nullptr ? id_text(id) : entry->name) + ": " +
                                  outcome.error().text() +
                                  (run.candidates.empty() ? "" : "; the next candidate is tried"));
        if (active && !stopped_ && outcome.error().code == Errc::peer_gone) {
            const Decision decision =
                supervisor_.crashed(id, candidate.personality, outcome.error().text(), false);
            if (decision.next == Next::restart && !run.crashed) {
                run.crashed = candidate.personality;
                run.wait = decision.wait;
            }
        }
        start_next(id, index);
    }
    finish_if_over(id);
}

void Matcher::finish_if_over(EntryId id) {
    const auto place = nubs_.find(id);
    if (place == nubs_.end()) return;
    Nub& nub = place->second;
    const bool over = std::none_of(nub.runs.begin(), nub.runs.end(), [&](const CategoryRun& run) {
        return run.running || (!stopped_ && !run.candidates.empty());
    });
    if (nub.state != RoundState::starting || !over) return;
    for (const CategoryRun& run : nub.runs) {
        if (!run.won && run.crashed) supervisor_.restart_after(id, run.crashed, run.wait);
    }
    nub.runs.clear();
    nub.state = RoundState::idle;
    context_.recorder.touch(Record::round, id);
    OPENDEXT_PROBE(daemon_matched);
    const bool again = std::exchange(nub.again, false);
    const BusyHold busy = std::move(nub.busy);
    if (again) {
        match(id);
    } else {
        give_back_if_free(id, nub);
        context_.registry.set_matched(id);
    }
}

bool Matcher::in_use(const PersonalityPtr& personality) const {
    // A replaced or removed copy is not matched again: the catalogue's change starts a round of its
    // own.
    return index_.contains(personality) && !suspended_.contains(personality->bundle_id);
}

void Matcher::detached(const Instance& instance) {
    if (instance.created || !instance.start_finished) return;
    const bool died = instance.end == End::process_died;
    const EntryId nub = instance.provider;
    const Entry* entry = context_.registry.find(nub);
    if (stopped_ || entry == nullptr || entry->activity != Activity::active) return;
    nubs_[nub].claimed = true;  // also one that was adopted
    if (auto& leaving = nubs_[nub].leaving; leaving.erase(instance.entry) > 0) {
        if (leaving.empty()) match(nub);
        return;
    }
    if (!in_use(instance.personality)) return supervisor_.forget(nub, instance.personality);
    if (!died && !instance.left) return give_back_if_free(nub, nubs_[nub]);
    const bool own_decision =
        instance.left &&
        (!died || supervisor_.policy_of(*instance.personality) != RestartPolicy::driverkit);
    if (own_decision) {
        supervisor_.left(nub, instance.personality, instance.failure_text());
        match(nub);
        return;
    }
    const Decision decision =
        supervisor_.crashed(nub, instance.personality, instance.failure_text(), true);
    if (decision.next == Next::quarantine) {
        match(nub);  // others may win
    } else if (decision.wait.count() == 0) {
        restart(nub, instance.personality);
    } else {
        supervisor_.restart_after(nub, instance.personality, decision.wait);
    }
}

void Matcher::restart(EntryId id, const PersonalityPtr& personality) {
    const Entry* entry = context_.registry.find(id);
    if (stopped_ || entry == nullptr || entry->activity != Activity::active) return;
    if (!in_use(personality)) return supervisor_.forget(id, personality);
    if (asleep_) {  // whoever wins then may be another one
        defer(id);
        return;
    }
    Nub& nub = nubs_[id];
    if (nub.state == RoundState::starting) {
        nub.again = true;
        return;
    }
    log_rematch(id, personality);
    nub.state = RoundState::starting;
    context_.recorder.touch(Record::round, id);
    nub.busy = BusyHold(context_.registry, id);
    CandidateList list = find_candidates(*entry, {personality}, match_context());
    log_trace(*entry, list);
    begin_with(id, std::move(list));
}

void Matcher::log_rematch(EntryId id, const PersonalityPtr& personality) {
    Nub& nub = nubs_[id];
    const uint32_t count = ++nub.rematches[personality->label()];
    context_.registry.set_property(id, "IORematchCount", count);
    context_.registry.set_property(id, "IORematchPersonality", personality->table);
    log(LogLevel::notice,
        personality->label() + " is matched again, relaunch " + std::to_string(count));
}

}  // namespace opendext::daemon
