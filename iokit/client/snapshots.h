// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "iokit/client/daemon.h"
#include "rpc/change_board.h"
#include "rpc/protocol/snapshots.h"

namespace opendext::client {

/// What opendextd told of one entry. Valid when it was given out.
class EntrySnapshot {
  public:
    EntrySnapshot(std::shared_ptr<const wire::Snapshots> owner, const wire::Snapshot& entry)
        : owner_(std::move(owner)), entry_(&entry) {}
    const wire::Snapshot* operator->() const { return entry_; }
    /// "IOService:/A/B@1"; Errc::not_found for an entry that is below nothing.
    [[nodiscard]] Result<std::string> path() const;

  private:
    std::shared_ptr<const wire::Snapshots> owner_;
    const wire::Snapshot* entry_;
};

/// Entries that a program goes through one after the other.
using EntryList = std::shared_ptr<const std::vector<uint64_t>>;

/// The entries that a thread is reading. A program that goes through many of them and reads each
/// would ask opendextd once an entry; instead the first question brings the entries that follow in
/// the list that the thread goes through (the more of them are used, the more come), and they are
/// given out as long as the counters of changes (rpc/change_board.h) say that they still hold. So
/// an answer is what opendextd would have said when it was given.
///
/// One for each thread, so that nothing is shared. It keeps one message of entries that lie ahead
/// and one of a single entry.
class ReadAhead {
  public:
    static ReadAhead& of_thread();

    /// The thread goes on with `list` after its element `position`.
    void at(EntryList list, size_t position);
    /// The entry as it is, or as it was if it left the registry lately. Errc::kern
    /// (kIOReturnNotFound) if nobody knows it.
    Result<EntrySnapshot> get(uint64_t id);

    static constexpr size_t kMostEntries = 4096;
    static constexpr uint32_t kMostBytes = 512 * 1024;

  private:
    /// One answer, with what the counters were before it was asked for.
    struct Answer {
        std::shared_ptr<const ChangeView> changes;
        std::shared_ptr<const wire::Snapshots> entries;
        std::vector<uint64_t> counters;  ///< of each entry
        uint64_t names = 0;
        uint64_t process = 0;  ///< a forked child cannot see that its parent's connection ended
        size_t next = 0;       ///< where the next one wanted probably is
        size_t used = 0;
        size_t covered = 0;  ///< so many of the entries asked for are in it, or gone
    };
    static std::optional<EntrySnapshot> find(Answer& answer, uint64_t id);
    Result<Answer> ask(std::span<const uint64_t> ids);
    /// Where `id` is in the list, if the thread goes through it.
    [[nodiscard]] std::optional<size_t> place_of(uint64_t id) const;

    EntryList list_;
    size_t position_ = 0;   ///< of the entry that the iterator gave last
    size_t ahead_end_ = 0;  ///< behind the last entry of ahead_
    Answer ahead_;
    Answer single_;
};

}  // namespace opendext::client
