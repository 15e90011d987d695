// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::daemon {

/// Records that outlive opendextd: shared memory that the keeper holds, which only opendextd writes
/// and only its successor reads (docs/design/adoption.md).
///
///     head | half 0 | half 1
///
/// A half is a log of records; the head's one word says which half counts and how far. Changes
/// count from commit() on, all of them or none, whenever the process is killed.
class Ledger {
  public:
    /// Names a record. What the numbers mean is the matter of its kind.
    struct Key {
        uint32_t kind = 0;
        uint64_t first = 0;
        uint64_t second = 0;
        auto operator<=>(const Key&) const = default;
    };

    /// `half`: bytes that one half can take; memory is used as it fills.
    static Result<Ledger> create(size_t half = kHalf);
    /// The ledger of a predecessor. Errc::unsupported: it has another form; Errc::malformed.
    static Result<Ledger> open(UniqueFd memory);
    Ledger(Ledger&& other) noexcept;
    Ledger& operator=(Ledger&&) = delete;
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;
    ~Ledger();

    /// Replaces the record; the bytes must not be empty.
    void put(const Key& key, std::span<const uint8_t> bytes);
    void erase(const Key& key);
    /// False: there is no room any more. From then on nothing is recorded, and a successor is told
    /// that the ledger is void.
    [[nodiscard]] bool commit();

    /// The bytes of a record, empty if there is none. Valid until the next put, erase or commit.
    [[nodiscard]] std::span<const uint8_t> find(const Key& key) const;
    /// Every record of the kind, in the order of its numbers. Nothing may change meanwhile.
    void visit(uint32_t kind,
               const std::function<void(const Key&, std::span<const uint8_t>)>& visit) const;
    [[nodiscard]] size_t records() const { return places_.size(); }
    [[nodiscard]] size_t used() const { return end_; }

    /// Attempts to take the ledger over that have not come to success.
    uint32_t begin_attempt();
    void attempt_succeeded();

    [[nodiscard]] Result<UniqueFd> duplicate() const { return memory_.duplicate(); }

    static constexpr size_t kHalf = size_t{512} << 20;
    /// Below this size nothing is compacted.
    static constexpr size_t kSmall = size_t{1} << 20;

  private:
    struct Head;
    struct Place {
        size_t offset = 0;  ///< of the record in the half
        size_t size = 0;    ///< of its bytes
    };
    Ledger(UniqueFd memory, uint8_t* base, size_t half);
    static Result<uint8_t*> map(const UniqueFd& memory, size_t size);
    [[nodiscard]] Head& head() const;
    [[nodiscard]] uint8_t* half(size_t number) const;
    [[nodiscard]] Status read();
    void append(const Key& key, std::span<const uint8_t> bytes);
    void compact();

    UniqueFd memory_;
    uint8_t* base_ = nullptr;
    size_t half_size_ = 0;
    size_t active_ = 0;  ///< half that is written
    size_t end_ = 0;     ///< of what is written in it, committed or not
    size_t valid_ = 0;   ///< bytes of records that count
    bool full_ = false;
    std::map<Key, Place> places_;
};

}  // namespace opendext::daemon
