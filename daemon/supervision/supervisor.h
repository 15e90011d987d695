// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/context.h"
#include "daemon/matching/personality.h"
#include "daemon/supervision/rules.h"

namespace opendext::daemon {

/// How a personality stands on one nub.
enum class Standing : uint8_t {
    running,      ///< it may be started, or is
    waiting,      ///< it crashed and is restarted at a time that is known; keeps its category
    quarantined,  ///< it crashed too often; others may have its category
    left,         ///< its driver ended by its own decision; until the nub is registered again
};
[[nodiscard]] std::string_view to_string(Standing standing);

/// A personality on a nub where it crashed, or that it left.
struct Supervised {
    EntryId nub = kNoEntry;
    PersonalityPtr personality;
    RestartPolicy policy = RestartPolicy::standard;
    Standing standing = Standing::running;
    CrashHistory history;
    uint64_t last_crash_ns = 0;    ///< CLOCK_REALTIME, as the other times; 0 = never
    std::string last_reason;       ///< how the latest crash looked
    uint64_t next_restart_ns = 0;  ///< while waiting
    uint64_t since_ns = 0;         ///< of quarantine, or since it left
    std::string reason;            ///< of quarantine, or of leaving
};

/// The one place that decides what follows from the end of a driver: restart, wait, quarantine, and
/// when a quarantine ends. Knows nothing of processes; the matcher tells it of ends and carries out
/// what it says. What it knows of a nub is the nub's property OpenDextSupervision.
class Supervisor {
  public:
    struct Hooks {
        /// The wait is over: match the nub with this personality again.
        std::function<void(EntryId nub, const PersonalityPtr&)> restart;
        /// A quarantine was lifted: match the nub.
        std::function<void(EntryId nub)> lifted;
        /// Nothing comes for what is kept of a driver on this nub: a quarantine has lasted for
        /// RestartRules::keep_endpoints, or the driver is not to come back.
        std::function<void(EntryId nub, const std::string& bundle_id)> given_up;
    };
    Supervisor(Context& context, Hooks hooks) : context_(context), hooks_(std::move(hooks)) {
        describe_records();
    }

    // For a successor of opendextd (daemon/adoption/supervisor_adoption.cpp).

    /// Goes on with what a predecessor remembered; `find` gives the personality of a bundle on a
    /// nub, nullptr if it is not installed any more.
    void restore(const Ledger& ledger,
                 const std::function<PersonalityPtr(EntryId nub, const std::string& bundle_id,
                                                    const std::string& name)>& find);

    /// The driver's process died. Records it and says what follows; a quarantine has begun when
    /// this returns, a restart is the caller's (restart_after).
    [[nodiscard]] Decision crashed(EntryId nub, const PersonalityPtr& personality,
                                   const std::string& how, bool start_finished);
    /// Has the personality wait and then be restarted through the hook.
    void restart_after(EntryId nub, const PersonalityPtr& personality,
                       std::chrono::milliseconds wait);
    /// Start has succeeded.
    void started(EntryId nub, const PersonalityPtr& personality);
    /// The driver ended by its own decision (Terminate, exit(0)).
    void left(EntryId nub, const PersonalityPtr& personality, const std::string& how);
    /// The nub was registered (again): who left it may come back.
    void registered(EntryId nub);
    /// The nub is gone, and with it what happened there. `by_crash`: the driver that made it died
    /// and may make it anew.
    void gone(EntryId nub, bool by_crash);
    /// The personality is not used any more; what waits for it waits for nobody.
    void forget(EntryId nub, const PersonalityPtr& personality);
    /// The copy of the bundle is not installed any more: nothing of it waits, on whatever nub.
    void forget(const PersonalityPtr& personality);

    /// Whether a round of matching may start it.
    [[nodiscard]] bool may_start(EntryId nub, const PersonalityPtr& personality) const;
    /// Why not, for the log.
    [[nodiscard]] std::string why_not(EntryId nub, const PersonalityPtr& personality) const;
    /// Who waits for its restart in this category of the nub, or nullptr.
    [[nodiscard]] const Supervised* awaiting(EntryId nub, std::string_view category) const;
    /// Whether anybody waits for its restart on the nub.
    [[nodiscard]] bool awaits_restart(EntryId nub) const;
    /// Whether what is kept of a driver that died on the nub, or on what it stands on, may still be
    /// of use: one of them waits for its restart, or its endpoints are kept (`given_up` ends that).
    [[nodiscard]] bool successor_expected(EntryId nub) const;
    [[nodiscard]] RestartPolicy policy_of(const Personality& personality) const;

    /// Everything that is known, by nub and label.
    [[nodiscard]] std::vector<const Supervised*> all() const;
    /// Ends the quarantines of this name: a bundle identifier or its last component, a personality
    /// (BUNDLE/NAME or NAME), a nub's id in hexadecimal, or empty for all. Gives them as they were;
    /// Errc::not_found names those that there are.
    Result<std::vector<Supervised>> lift(std::string_view name);
    [[nodiscard]] Clock::Time now() const { return context_.clock.now(); }
    [[nodiscard]] const RestartRules& rules() const { return context_.restart; }

  private:
    using Key = std::pair<EntryId, std::string>;
    struct Record : Supervised {
        std::unique_ptr<Handle> timer;  ///< of the restart, or of what is kept
    };
    Record& record(EntryId nub, const PersonalityPtr& personality);
    [[nodiscard]] const Record* find(EntryId nub, const PersonalityPtr& personality) const;
    void quarantine(Record& record, std::string reason);
    void publish(EntryId nub);
    void describe_records();
    void touch(EntryId nub);
    void await_end_of_kept(Record& record);
    void log(LogLevel level, const std::string& text) {
        context_.log.write(level, "supervision", text);
    }

    Context& context_;
    Hooks hooks_;
    std::map<Key, Record> records_;
};

/// The property of a nub that says how its personalities stand: a dictionary by label.
inline constexpr const char* kSupervisionProperty = "OpenDextSupervision";
/// What people see and the property holds of one of them.
[[nodiscard]] Dictionary describe(const Supervised& supervised, const RestartRules& rules,
                                  Clock::Time now);

}  // namespace opendext::daemon
