// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/protocol/client.h"

/// The answer to GetSnapshots: many entries in one message, so that a program that reads what it
/// iterates over asks now and then instead of once an entry. What entries have in common (class
/// chains, the paths of their parents) is in the message once. It is written straight from the
/// registry and read in place.
namespace opendext::protocol::client {

class SnapshotWriter {
  public:
    /// A chain of classes, most derived first, or the path of a parent ("IOService:/A/B", "" for
    /// an entry that is below nothing), for the entries that follow; gives its number.
    uint32_t chain(const std::vector<std::string>& classes);
    uint32_t parent(std::string_view path);

    /// Begins an entry with chains and parents given before; property() as often as needed, each
    /// key once; then end().
    void begin(uint64_t id, uint32_t chain, uint32_t parent, std::string_view name,
               std::string_view location);
    void property(std::string_view key, const Value& value);
    void end();

    [[nodiscard]] size_t size() const { return body_.bytes().size(); }
    [[nodiscard]] Message finish(uint64_t serial);

  private:
    uint32_t chains_ = 0;
    uint32_t parents_ = 0;
    Writer body_;
    Writer properties_;  ///< of the entry that was begun
};

/// One entry; views into the message.
struct Snapshot {
    uint64_t id = 0;
    const std::vector<std::string>* classes = nullptr;
    std::string_view parent;  ///< path of the parent in the IOService plane, "" if there is none
    std::string_view name;
    std::string_view location;
    std::span<const uint8_t> properties;

    /// nullopt: no such property; Errc::malformed.
    [[nodiscard]] Result<std::optional<Value>> property(std::string_view key) const;
    [[nodiscard]] Result<Dictionary> all_properties() const;
};

class Snapshots {
  public:
    /// Errc::malformed if the bytes do not parse; the values of properties are only looked at when
    /// they are asked for.
    static Result<Snapshots> parse(Message message);
    Snapshots(Snapshots&&) = default;
    Snapshots& operator=(Snapshots&&) = default;
    Snapshots(const Snapshots&) = delete;
    Snapshots& operator=(const Snapshots&) = delete;
    ~Snapshots() = default;

    /// In the order in which they were asked for.
    [[nodiscard]] const std::vector<Snapshot>& entries() const { return entries_; }

  private:
    Snapshots() = default;
    std::vector<uint8_t> body_;
    std::vector<std::unique_ptr<std::vector<std::string>>> chains_;
    std::vector<std::string_view> parents_;
    std::vector<Snapshot> entries_;
};

}  // namespace opendext::protocol::client
