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
#include "daemon/matching/index.h"

namespace opendext::daemon {

/// Where the matching of one nub stands.
enum class RoundState : uint8_t {
    idle,
    starting,  ///< candidates are being started, one for each category at a time
};
[[nodiscard]] std::string_view to_string(RoundState state);

/// Rounds of matching: what starts when a nub is registered, when the catalogue changes and when a
/// driver died. One winner for each match category; when a candidate fails, the next one; the round
/// is over when every category has its driver or no candidate is left.
class Matcher {
  public:
    Matcher(Context& context, Families& families, PersonalityIndex& index, Lifecycle& lifecycle);

    /// The nub was registered (again). Joins a round that is running.
    void match(EntryId nub);
    /// Every registered nub that one of these personalities could fit.
    void match_nubs_of(const std::vector<PersonalityPtr>& personalities);
    /// An instance left its nub: frees the category, re-matches after a crash.
    void detached(const Instance& instance);
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

  private:
    struct CategoryRun {
        std::string name;
        std::deque<Candidate> candidates;
        bool running = false;
        /// The best candidate whose process died before Start had finished.
        PersonalityPtr crashed;
        bool won = false;
    };
    struct Nub {
        RoundState state = RoundState::idle;
        bool again = false;
        std::vector<CategoryRun> runs;
        BusyHold busy;
        std::map<std::string, uint32_t> relaunches;     ///< by personality label
        std::map<std::string, uint32_t> start_crashes;  ///< by personality label
        std::unique_ptr<Handle> retry;
    };

    void begin(EntryId id);
    void begin_with(EntryId id, CandidateList list);
    void start_next(EntryId id, size_t run);
    void ended(EntryId id, size_t run, const Candidate& candidate, const Status& outcome);
    void finish_if_over(EntryId id);
    void defer(EntryId id);
    void retry_crashed(EntryId id, Nub& nub, const PersonalityPtr& personality);
    void rematch(EntryId id, const PersonalityPtr& personality);
    /// The driver that has the category on this nub, or nullptr.
    [[nodiscard]] const Instance* holder(const Entry& nub, const std::string& category) const;
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
    std::map<EntryId, Nub> nubs_;
    std::set<std::string> suspended_;
    std::set<std::string> said_;  ///< what is logged once
    bool stopped_ = false;
    bool asleep_ = false;
    std::set<EntryId> deferred_;
};

}  // namespace opendext::daemon
