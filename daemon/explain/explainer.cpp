// SPDX-License-Identifier: Apache-2.0
#include "daemon/explain/explainer.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "daemon/io_return.h"
#include "daemon/outcome.h"
#include "rpc/nearest_name.h"

namespace opendext::daemon {

namespace client = protocol::client;
using client::StandingState;

namespace {

uint64_t milliseconds_since(Clock::Time then, Clock::Time now) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
    return static_cast<uint64_t>(std::max<int64_t>(passed.count(), 0));
}

/// " in 2.5 s" until a time of CLOCK_REALTIME; empty where that is over.
std::string in_time(uint64_t until_ns) {
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const int64_t left = static_cast<int64_t>(until_ns / 1'000'000) - now.count();
    if (left <= 0) return {};
    return " in " + std::to_string(left / 1000) + "." + std::to_string(left / 100 % 10) + " s";
}

std::string code_text(int32_t io_return) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(io_return));
    return text;
}

}  // namespace

Result<std::vector<PersonalityPtr>> Explainer::named(const std::string& name) const {
    std::vector<PersonalityPtr> found;
    std::set<std::string> known;
    for (const PersonalityPtr& personality : catalogue_.personalities()) {
        const bool meant = name == personality->bundle_id || name == personality->label() ||
                           name == personality->name || name == personality->user_class ||
                           personality->bundle_id.ends_with("." + name);
        if (meant) found.push_back(personality);
        known.insert({personality->bundle_id, personality->label(), personality->name,
                      personality->user_class});
    }
    if (!found.empty()) return found;
    const std::string near = nearest_name(name, known);
    return Error{Errc::not_found, 0,
                 "no installed personality is called " + name +
                     (near.empty() ? "" : "; did you mean " + near + "?")};
}

std::vector<PersonalityPtr> Explainer::for_provider(const Entry& nub) const {
    std::vector<PersonalityPtr> found;
    for (PersonalityPtr& personality : catalogue_.personalities()) {
        if (nub.is_kind_of(personality->provider_class)) found.push_back(std::move(personality));
    }
    return found;
}

const Supervised* Explainer::supervised(EntryId nub, const std::string& label) const {
    for (const Supervised* one : matcher_.supervisor().all()) {
        if (one->nub == nub && one->personality->label() == label) return one;
    }
    return nullptr;
}

void Explainer::add_history(client::Standing& standing, const Supervised* supervised) const {
    const std::string label = standing.bundle_id + "/" + standing.personality;
    const Clock::Time now = context_.clock.now();
    if (const StartHistory::Record* record = matcher_.history().find(standing.provider, label)) {
        standing.last.attempts = record->attempts;
        standing.last.failures = record->failures;
        standing.last.io_return = record->io_return;
        standing.last.text = record->text;
        standing.last.age_ms = milliseconds_since(record->when, now);
    }
    if (supervised == nullptr || supervised->history.total() == 0) return;
    standing.last.crashes = supervised->history.total();
    if (standing.last.text.empty()) standing.last.text = supervised->last_reason;
}

void Explainer::look_further(client::Standing& standing, const Entry& nub,
                             const Personality& personality, bool installed) const {
    const auto is = [&](StandingState state, std::string reason, std::string fix) {
        standing.state = state;
        standing.reason = std::move(reason);
        standing.fix = std::move(fix);
    };
    const std::string logs = "opendext logs " + personality.bundle_id;
    const Instance* holder = matcher_.holder(nub, personality.category);
    if (holder != nullptr) {
        standing.driver = holder->entry;
        standing.driver_label = holder->personality->label();
    }
    const bool own = holder != nullptr && holder->personality->label() == personality.label();
    if (own && holder->running())
        return is(StandingState::runs, "its driver is " + std::string(to_string(holder->state)),
                  holder->state == InstanceState::started
                      ? "programs find it when its Start calls RegisterService"
                      : "");
    const Supervised* known = installed ? supervised(nub.id, personality.label()) : nullptr;
    if (known != nullptr && (known->standing == daemon::Standing::quarantined ||
                             known->standing == daemon::Standing::left)) {
        return is(
            StandingState::barred, known->reason,
            known->standing == daemon::Standing::quarantined
                ? "read opendext crash show, then: opendext quarantine lift " + personality.label()
                : "it comes back when the provider is registered again");
    }
    if (known != nullptr && known->standing == daemon::Standing::waiting) {
        return is(StandingState::crashed,
                  "its process ended and it waits to be started again" +
                      in_time(known->next_restart_ns) + ": " + known->last_reason,
                  "read opendext crash show, and " + logs);
    }
    if (own) {
        const bool going = holder->state == InstanceState::stopping ||
                           holder->state == InstanceState::failed ||
                           holder->state == InstanceState::dead;
        return is(StandingState::starting, "its driver is " + std::string(to_string(holder->state)),
                  going ? "it is on its way out; opendext stuck shows what it waits for"
                        : "opendext stuck shows what it waits for");
    }
    if (holder != nullptr) {
        const Verdict other = holder->personality->query().verdict(nub, matcher_.match_context());
        const std::string scores = standing.driver_label + " with score " +
                                   std::to_string(other.score) + ", this one has " +
                                   std::to_string(standing.score);
        const bool better =
            other.score > standing.score || (other.score == standing.score && !installed);
        return is(StandingState::outranked,
                  "category " + personality.category + " of " + nub.name + " is taken by " + scores,
                  better
                      ? "match more exactly, raise IOProbeScore above " +
                            std::to_string(other.score) + ", or use an IOMatchCategory of its own"
                      : "it was there first, and a driver gives its provider up only when it "
                        "ends; or use an IOMatchCategory of its own");
    }
    if (!installed) return;
    if (matcher_.is_matching(nub.id))
        return is(StandingState::starting, "a round of matching runs; its turn may come", "");
    const client::StartRecord& last = standing.last;
    if (last.failures == 0 || last.text.empty()) return;
    if (last.crashes > 0) {
        return is(StandingState::crashed, "its process ended: " + last.text,
                  "read opendext crash show, and " + logs);
    }
    is(StandingState::failed, "it was started and did not come up: " + last.text,
       "see opendext errno " + code_text(last.io_return) + " and " + logs);
}

client::Standing Explainer::standing(const Entry& nub, const Personality& personality,
                                     bool installed) const {
    client::Standing standing =
        stand(nub, personality, {matcher_.match_context(), context_.classes, context_.policy});
    if (installed) add_history(standing, supervised(nub.id, personality.label()));
    if (standing.state == StandingState::mismatched) return standing;
    const auto info = installed ? catalogue_.find(personality.bundle_id) : std::nullopt;
    if (info && !info->enabled) {
        standing.state = StandingState::disabled;
        standing.reason = "the extension is " + info->state;
        standing.fix = info->awaiting_approval
                           ? "systemextensionsctl approve " + personality.bundle_id
                           : "wait until that is over, or install it again";
        return standing;
    }
    if (standing.state == StandingState::refused) return standing;
    look_further(standing, nub, personality, installed);
    return standing;
}

void Explainer::give_rank(client::Standing& standing, const Entry& nub) const {
    if (standing.state == StandingState::mismatched) return;
    const CandidateList list =
        find_candidates(nub, matcher_.index().for_nub(nub), matcher_.match_context());
    standing.rank = 1;
    const std::string label = standing.bundle_id + "/" + standing.personality;
    for (const CandidateList::Category& category : list.categories) {
        if (category.name != standing.category) continue;
        for (const Candidate& candidate : category.candidates) {
            if (candidate.personality->label() == label || candidate.score < standing.score) return;
            ++standing.rank;
        }
    }
}

client::Explained Explainer::explain(const client::Explain& request) const {
    client::Explained answer;
    answer.policy = to_string(context_.policy);
    const Entry* nub = nullptr;
    if (request.provider != kNoEntry) {
        nub = context_.registry.find(request.provider);
        if (nub == nullptr || !nub->service) {
            answer.outcome = {kIOReturnNotFound, nub == nullptr ? "there is no such registry entry"
                                                                : "the entry is no service"};
            return answer;
        }
    }
    const bool installed = request.loose.empty();
    std::vector<PersonalityPtr> personalities;
    for (const client::LoosePersonality& loose : request.loose) {
        Result<Personality> read = read_loose(loose);
        if (!read.ok()) {
            answer.standings.push_back(unreadable(loose, read.error()));
            continue;
        }
        personalities.push_back(std::make_shared<const Personality>(std::move(read).value()));
    }
    if (installed && !request.personality.empty()) {
        Result<std::vector<PersonalityPtr>> found = named(request.personality);
        if (!found.ok()) {
            answer.outcome = outcome_of(found.error());
            return answer;
        }
        personalities = std::move(found).value();
    } else if (installed && nub != nullptr) {
        personalities = for_provider(*nub);
    }
    for (const PersonalityPtr& personality : personalities) {
        std::vector<const Entry*> providers{nub};
        if (nub == nullptr)
            providers = providers_for(*personality, matcher_.match_context(), request.nearest);
        if (providers.size() > kMostProviders) {
            providers.resize(kMostProviders);
            answer.truncated = true;
        }
        std::vector<client::Standing> of_one;
        for (const Entry* provider : providers) {
            of_one.push_back(standing(*provider, *personality, installed));
            if (nub == nullptr) give_rank(of_one.back(), *provider);
        }
        answer.standings.insert(answer.standings.end(), std::make_move_iterator(of_one.begin()),
                                std::make_move_iterator(of_one.end()));
    }
    if (nub != nullptr) rank(answer.standings);
    if (answer.standings.size() > kMostStandings) {
        answer.standings.resize(kMostStandings);
        answer.truncated = true;
    }
    return answer;
}

}  // namespace opendext::daemon
