// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/context.h"
#include "daemon/families.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/matching/history.h"
#include "daemon/matching/index.h"
#include "daemon/supervision/supervisor.h"

namespace opendext::daemon {

/// Where the matching of one nub stands.
enum class RoundState : uint8_t {
    idle,
    starting,  ///< candidates are being started, one for each category at a time
};
[[nodiscard]] std::string_view to_string(RoundState state);

/// Rounds of matching: what starts when a nub is registered, when the catalogue changes and when a
/// driver ended. One winner for each match category; when a candidate fails, the next one; the
/// round is over when every category has its driver or no candidate is left. What follows from a
/// death the supervisor decides.
class Matcher {
  public:
    Matcher(Context& context, Families& families, PersonalityIndex& index, Lifecycle& lifecycle,
            Supervisor& supervisor);

    /// The nub was registered (again). Joins a round that is running.
    void match(EntryId nub);
    /// Every registered nub that one of these personalities could fit.
    void match_nubs_of(const std::vector<PersonalityPtr>& personalities);
    /// The same for personalities that are new, where newcomers compete.
    void match_nubs_of_new(const std::vector<PersonalityPtr>& personalities);
    /// They were taken out of the index: what they did is not held against another copy, and what
    /// waits for them waits no more. Before match_nubs_of().
    void removed(const std::vector<PersonalityPtr>& personalities);
    /// An instance left its nub: frees the category, for itself after a crash, or for the next
    /// candidate.
    void detached(const Instance& instance);
    /// The wait after a crash is over.
    void restart(EntryId nub, const PersonalityPtr& personality);
    /// Personalities of the bundle start nothing until resumed (an upgrade waits for the old
    /// instances).
    void suspend(const std::string& bundle_id) { suspended_.insert(bundle_id); }
    void resume(const std::string& bundle_id) { suspended_.erase(bundle_id); }
    /// The realm ends: nothing is started any more.
    void stop() { stopped_ = true; }
    /// Nothing is started while the system sleeps; a nub that would have been matched says so
    /// (IOServiceMatchDeferred) and is matched when the system is awake again.
    void set_asleep(bool asleep);

    [[nodiscard]] MatchContext match_context() const;

    // For who asks why a driver does not run.
    /// The driver that has the category on this nub, or nullptr.
    [[nodiscard]] const Instance* holder(const Entry& nub, const std::string& category) const;
    /// A round of matching runs on the nub.
    [[nodiscard]] bool is_matching(EntryId nub) const;
    [[nodiscard]] const StartHistory& history() const { return history_; }
    [[nodiscard]] const PersonalityIndex& index() const { return index_; }
    [[nodiscard]] const Supervisor& supervisor() const { return supervisor_; }
    [[nodiscard]] Supervisor& supervisor() { return supervisor_; }

  private:
    struct CategoryRun {
        std::string name;
        std::deque<Candidate> candidates;
        bool running = false;
        /// The best candidate that died before Start had finished and may be tried again.
        PersonalityPtr crashed;
        std::chrono::milliseconds wait{0};
        bool won = false;
    };
    struct Nub {
        RoundState state = RoundState::idle;
        bool again = false;
        bool claimed = false;  ///< its family was asked for it (Family::claim_device)
        /// Its drivers that were ended for newcomers; the round begins when they have left.
        std::set<EntryId> leaving;
        std::vector<CategoryRun> runs;
        BusyHold busy;
        std::map<std::string, uint32_t> rematches;  ///< by personality label
    };

    /// Ends the drivers of the nub in whose category one of these fits; the round begins when they
    /// have left.
    void contest(const Entry& nub, const std::vector<PersonalityPtr>& newcomers);
    void begin(EntryId id);
    void begin_with(EntryId id, CandidateList list);
    void claim(EntryId id);
    void claimed(EntryId id, const Status& status);
    void start_runs(EntryId id);
    void start_next(EntryId id, size_t run);
    /// Hands a nub that nobody has to whom it was claimed from.
    void give_back_if_free(EntryId id, Nub& nub);
    void ended(EntryId id, size_t run, const Candidate& candidate, const Status& outcome);
    void finish_if_over(EntryId id);
    void defer(EntryId id);
    void log_rematch(EntryId id, const PersonalityPtr& personality);
    [[nodiscard]] bool ended_by_crash(EntryId id) const;
    /// Whether the personality is still one that is used.
    [[nodiscard]] bool in_use(const PersonalityPtr& personality) const;
    void tell_category_taken(const Entry& nub, const CandidateList::Category& category,
                             const Instance& holder);
    void log_trace(const Entry& nub, const CandidateList& list);
    void log(LogLevel level, const std::string& text) {
        context_.log.write(level, "matching", text);
    }

    Context& context_;
    Families& families_;
    PersonalityIndex& index_;
    Lifecycle& lifecycle_;
    Supervisor& supervisor_;
    std::map<EntryId, Nub> nubs_;
    StartHistory history_;
    std::set<std::string> suspended_;
    std::set<std::string> said_;  ///< what is logged once
    bool stopped_ = false;
    bool asleep_ = false;
    std::set<EntryId> deferred_;
};

}  // namespace opendext::daemon
