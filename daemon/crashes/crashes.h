// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "crash/stacks.h"
#include "daemon/crashes/stack_budget.h"
#include "daemon/crashes/stack_taker.h"
#include "daemon/log/log.h"
#include "rpc/protocol/keeper.h"

namespace opendext::daemon {

class DriverProcess;
class Ledger;
class Recorder;
struct CrashReport;

/// What is known of driver processes that die, or should: from the moment when one says that it
/// crashes to the report in the realm. A report is written when a process has ended, a moment
/// later so that its restart does not wait for that, and again when its stacks have their names.
class Crashes {
  public:
    /// How long the stacks of a process may take, and how long one that crashes may then live on.
    static constexpr std::chrono::milliseconds kStacks{10000};
    static constexpr std::chrono::milliseconds kLastBreath{20000};

    Crashes(EventLoop& loop, Log& log, Recorder& recorder, std::filesystem::path folder,
            uint32_t stacks_per_minute);
    ~Crashes();

    /// The stacks of a process that does not crash (yet). They come into its report too, should it
    /// be killed.
    void take_stacks(const DriverProcess& process,
                     std::function<void(const Result<crash::Stacks>&)> done);

    /// A driver process said that it crashes (driver::Crashed). A text: what is wrong with that.
    [[nodiscard]] std::optional<std::string> crashing(DriverProcess& process, Message message);
    /// The sandbox refused a system call of process `pid`.
    void refused(int32_t pid, const protocol::keeper::Refused& refusal);
    /// The process, which has ended, ran into these limits of its control group.
    void limits_hit(const protocol::keeper::LimitsHit& hit);
    /// The process has ended in order: nothing is kept of it.
    void forget(const DriverProcess& process);
    /// The process has ended otherwise. Writes the report, which lacks what only this object knows;
    /// gives its id, empty if it could not be written.
    std::string write(const DriverProcess& process, CrashReport report);
    /// Goes on with the reports that a predecessor of opendextd had not completed.
    void restore(const Ledger& ledger);

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    /// Processes whose stacks are not complete yet, dead or alive.
    [[nodiscard]] size_t pending() const { return taker_.pending(); }

  private:
    struct Case;
    Case& case_of(const DriverProcess& process);
    void taken(uint64_t number, Result<crash::Stacks> result);
    void complete(Case& one);
    void write_soon(uint64_t number);
    void write_now(uint64_t number);
    void over(uint64_t number);
    void write_file(Case& one);

    EventLoop& loop_;
    Log& log_;
    Recorder& recorder_;
    std::filesystem::path folder_;
    StackTaker taker_;
    StackBudget budget_;
    std::map<uint64_t, std::unique_ptr<Case>> cases_;  ///< by number of the process
    /// By pid, since the keeper knows no other name: what the sandbox refused.
    std::map<int32_t, std::map<std::string, std::pair<uint32_t, std::string>>> refused_;
    /// What the keeper told last; the end of that process comes next.
    protocol::keeper::LimitsHit limits_hit_;
};

}  // namespace opendext::daemon
