// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext {

/// Counters in shared memory by which a reader tells, without asking, whether what it was told of
/// registry entries still holds. opendextd counts a change before anybody hears of it. A reader
/// notes the counters, asks, and keeps the answer: as long as the counters are the same, so is the
/// answer.
///
/// Entries share counters (a change of one may look like a change of another, never the other way
/// round), so that the memory stays small whatever the size of the registry.
struct ChangeCounters {
    static constexpr size_t kEntryCounters = 8190;
    std::atomic<uint64_t> tree;   ///< entries came or went, or were joined otherwise
    std::atomic<uint64_t> names;  ///< an entry that has others below it was named anew
    std::atomic<uint64_t> entries[kEntryCounters];

    [[nodiscard]] static size_t index(uint64_t id) { return id % kEntryCounters; }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(sizeof(ChangeCounters) == size_t{64} * 1024);

/// The writer's side: opendextd's. One thread.
class ChangeBoard {
  public:
    /// Memory that nobody else can ever write to or resize.
    static Result<std::unique_ptr<ChangeBoard>> create();
    ~ChangeBoard();
    ChangeBoard(const ChangeBoard&) = delete;
    ChangeBoard& operator=(const ChangeBoard&) = delete;

    void entry_changed(uint64_t id) { count(counters_->entries[ChangeCounters::index(id)]); }
    void tree_changed() { count(counters_->tree); }
    void names_changed() { count(counters_->names); }
    /// For readers.
    [[nodiscard]] Result<UniqueFd> duplicate() const;

  private:
    ChangeBoard(UniqueFd memory, ChangeCounters* counters)
        : memory_(std::move(memory)), counters_(counters) {}
    static void count(std::atomic<uint64_t>& counter) {
        counter.fetch_add(1, std::memory_order_release);
    }
    UniqueFd memory_;
    ChangeCounters* counters_;
};

/// A reader's side. Any thread.
class ChangeView {
  public:
    /// Errc::malformed unless it is memory of the right size that cannot shrink.
    static Result<std::shared_ptr<ChangeView>> map(const UniqueFd& memory);
    ~ChangeView();
    ChangeView(const ChangeView&) = delete;
    ChangeView& operator=(const ChangeView&) = delete;

    [[nodiscard]] uint64_t entry(uint64_t id) const {
        return counters_->entries[ChangeCounters::index(id)].load(std::memory_order_acquire);
    }
    [[nodiscard]] uint64_t tree() const { return counters_->tree.load(std::memory_order_acquire); }
    [[nodiscard]] uint64_t names() const {
        return counters_->names.load(std::memory_order_acquire);
    }
    /// The writer is gone: the counters stand still and mean nothing any more.
    void end() { ended_.store(true, std::memory_order_release); }
    [[nodiscard]] bool ended() const { return ended_.load(std::memory_order_acquire); }

  private:
    explicit ChangeView(const ChangeCounters* counters) : counters_(counters) {}
    const ChangeCounters* counters_;
    std::atomic<bool> ended_ = false;
};

}  // namespace opendext
