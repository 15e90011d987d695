// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/adoption/ledger.h"
#include "rpc/fields.h"

namespace opendext::daemon {

/// What the ledger has records of, and what their numbers are. Numbers are part of the ledger's
/// form: a new meaning gets a new one.
enum class Record : uint32_t {
    entry = 1,        ///< registry entry id
    instance = 2,     ///< registry entry id
    process = 3,      ///< number of the driver process
    classes = 4,      ///< number of the driver process: the classes that it has registered
    known = 5,        ///< number of the driver process, foreign entry that it may name
    connection = 6,   ///< number of the connection
    round = 7,        ///< nub that is being matched
    power = 8,        ///< registry entry id
    system = 9,       ///< 0: whether the system sleeps
    item = 10,        ///< number of the state item
    watch = 11,       ///< number of the driver process, source
    action = 12,      ///< foreign number of the action
    deaths = 13,      ///< nub: what the supervisor remembers of it
    unsent = 14,      ///< number of the driver process (0: the keeper), number of the message
    handled = 15,     ///< number of the driver process: its last message that was seen to
    extensions = 16,  ///< 0: the installed copies that are matched
    panic_log = 17,   ///< number of the driver process, which of its panic logs
    interrupt = 18,   ///< number of the attachment
    crash = 19,       ///< number of the driver process: its report is not complete on disk
    opened = 20,      ///< registry entry id: who has it open (FamilyHost::open_provider)
};
inline constexpr Record kLastRecord = Record::opened;
/// In the place of the number of a driver process.
inline constexpr uint64_t kKeeper = 0;

/// Keeps the ledger up to date. Parts of opendextd say what they would write of an object, and
/// touch what changed; it is written and committed when the event loop settles.
class Recorder {
  public:
    /// The bytes of a record; empty if there is no such object (any more).
    using Describe = std::function<std::vector<uint8_t>(uint64_t first, uint64_t second)>;

    void describe(Record kind, Describe describe) { describers_[kind] = std::move(describe); }
    /// The object came, changed or went.
    void touch(Record kind, uint64_t first, uint64_t second = 0) {
        if (ledger_ != nullptr) touched_.insert({static_cast<uint32_t>(kind), first, second});
    }
    /// From now on everything is written to `ledger`, which outlives this.
    void write_to(Ledger* ledger) { ledger_ = ledger; }
    [[nodiscard]] bool active() const { return ledger_ != nullptr; }
    /// Writes what was touched. False: the ledger is full; nothing is recorded any more.
    [[nodiscard]] bool commit();

  private:
    Ledger* ledger_ = nullptr;
    std::map<Record, Describe> describers_;
    std::set<Ledger::Key> touched_;
};

/// A struct that names its fields (rpc/fields.h), as the bytes of a record.
template <typename T>
[[nodiscard]] std::vector<uint8_t> record_of(T content) {
    Writer writer;
    FieldWriter io(writer);
    content.fields(io);
    return writer.take();
}

template <typename T>
[[nodiscard]] Result<T> read_record(std::span<const uint8_t> bytes) {
    Reader reader(bytes);
    FieldReader io(reader);
    T content;
    content.fields(io);
    OD_TRY(reader.finish("record"));
    return content;
}

}  // namespace opendext::daemon
