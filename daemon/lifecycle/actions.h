// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/adoption/recorder.h"
#include "rpc/protocol/common.h"

namespace opendext::daemon {

/// Actions that travelled from one driver process to another, or to a family. The owner's number
/// has kDriverAction, the number that everybody else sees has kForeignAction; neither is ever a
/// registry entry id.
class ActionTable {
  public:
    static constexpr uint64_t kDriverAction = uint64_t{1} << 62;
    static constexpr uint64_t kForeignAction = uint64_t{1} << 63;
    /// Actions that one process may have abroad; a further one is refused.
    static constexpr size_t kMaxOfProcess = 65536;

    /// `aborted(owner, number)`: nobody else holds the owner's action any more.
    explicit ActionTable(std::function<void(uint64_t owner, uint64_t number)> aborted)
        : aborted_(std::move(aborted)) {}

    /// The foreign number of an action that process `owner` calls `number`; 0 if it has too many.
    uint64_t import(uint64_t owner, uint64_t number);
    struct Owner {
        uint64_t process = 0;
        uint64_t number = 0;
    };
    /// nullptr if there is no such action any more.
    [[nodiscard]] const Owner* find(uint64_t foreign) const;
    /// Notes that `process` was handed the action.
    void hand_out(uint64_t foreign, uint64_t process);
    [[nodiscard]] bool holds(uint64_t process, uint64_t foreign) const;
    void drop(uint64_t process, uint64_t foreign);
    void process_gone(uint64_t process);
    /// For a successor of opendextd: tells `recorder` of every change, and puts actions back whose
    /// processes `lives` says are there. New numbers begin with `first`.
    void record(Recorder& recorder);
    void restore(const Ledger& ledger, uint64_t first,
                 const std::function<bool(uint64_t process)>& lives);
    [[nodiscard]] size_t size() const { return actions_.size(); }

  private:
    struct Action {
        Owner owner;
        std::set<uint64_t> holders;
    };
    void forget(uint64_t foreign);
    void touch(uint64_t foreign) {
        if (recorder_ != nullptr) recorder_->touch(Record::action, foreign);
    }

    std::function<void(uint64_t, uint64_t)> aborted_;
    Recorder* recorder_ = nullptr;
    uint64_t next_ = 1;
    std::map<uint64_t, Action> actions_;
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> by_owner_;
};

}  // namespace opendext::daemon
