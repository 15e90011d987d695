// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/fd.h"
#include "rpc/futex_lock.h"
#include "rpc/result.h"

/// What an event service does, as it happens: report -> element -> event. A ring of records in
/// sealed memory that the driver process writes and `opendext hid trace` reads; always on. Writing
/// costs no system call unless a reader waits. Either side may be hostile: the writer trusts
/// nothing that it finds in the memory, the reader copies a record before it looks at it and bounds
/// every field.
namespace opendext::hid {

/// All numbers little endian, as on every machine that OpenDext runs on.
inline constexpr uint64_t kTraceMagic = 0x3143415254444948;  ///< "HIDTRAC1"
inline constexpr size_t kTraceRecords = 2048;
inline constexpr size_t kTraceRecordBytes = 96;
inline constexpr size_t kTraceHeaderBytes = 64;
inline constexpr size_t kTraceBytes = kTraceHeaderBytes + kTraceRecords * kTraceRecordBytes;

enum class TraceKind : uint8_t {
    report = 1,   ///< a report came (input) or went to the device (output, feature)
    element = 2,  ///< an element has a new value
    event = 3,    ///< the driver dispatched an event, or the system one to it (led)
};
[[nodiscard]] std::string_view to_string(TraceKind kind);

/// What an event is, and which of its numbers `TraceRecord::values` holds in which order.
enum class EventKind : uint8_t {
    keyboard = 1,          ///< page, usage, value (1 down, 0 up), repeat
    relative_pointer = 2,  ///< dx, dy (16.16), buttons
    absolute_pointer = 3,  ///< x, y (16.16), buttons
    scroll = 4,            ///< dx, dy, dz (16.16)
    touch = 5,             ///< identifier, state, x, y (16.16); of state see kTouch…
    stylus = 6,            ///< identifier, state, x, y, tip pressure, tilt x, tilt y, twist
    game_control = 7,      ///< control (GameControl), value (16.16)
    led = 8,               ///< page, usage, on
};
[[nodiscard]] std::string_view to_string(EventKind kind);
/// The names of an event's numbers, in order; "" ends them.
[[nodiscard]] std::span<const std::string_view> value_names(EventKind kind);

/// Bits of `state` of a touch and of a stylus.
inline constexpr int64_t kStateInRange = 1;
inline constexpr int64_t kStateTouch = 2;  ///< of a stylus its tip
inline constexpr int64_t kStateBarrel = 4;
inline constexpr int64_t kStateEraser = 8;
inline constexpr int64_t kStateInvert = 16;

inline constexpr size_t kTraceValues = 8;

struct TraceRecord {
    TraceKind kind = TraceKind::report;
    uint64_t number = 0;      ///< counts from 0; a gap is what was lost
    uint64_t timestamp = 0;   ///< CLOCK_MONOTONIC, ns: that of the report
    uint8_t report_type = 0;  ///< IOHIDReportType: of a report, or of the report an element is in
    uint8_t report_id = 0;
    EventKind event = EventKind::keyboard;  ///< of an event
    bool delivered = false;                 ///< an event went to the kernel's input devices too
    /// Bytes of a report, of which the record has the first 64 at most.
    uint32_t length = 0;
    std::array<uint8_t, 64> bytes{};             ///< of a report
    uint32_t page = 0, usage = 0, cookie = 0;    ///< of an element
    int64_t value = 0;                           ///< of an element
    std::array<int64_t, kTraceValues> values{};  ///< of an event
    [[nodiscard]] std::span<const uint8_t> kept_bytes() const;
};

/// The driver's end. Any thread.
class TraceWriter {
  public:
    /// New memory of kTraceBytes, sealed against change of its size.
    static Result<TraceWriter> make();
    TraceWriter(TraceWriter&& other) noexcept;
    TraceWriter& operator=(TraceWriter&&) = delete;
    ~TraceWriter() = default;

    /// A duplicate for a reader, which writes there too: that it waits.
    [[nodiscard]] Result<UniqueFd> duplicate() const;

    void report(uint64_t timestamp, uint8_t type, uint8_t id, std::span<const uint8_t> bytes);
    void element(uint64_t timestamp, uint8_t type, uint8_t id, uint32_t page, uint32_t usage,
                 uint32_t cookie, int64_t value);
    void event(uint64_t timestamp, EventKind kind, bool delivered, std::span<const int64_t> values);
    /// Wakes readers that wait; once after all that one report caused.
    void flush();

  private:
    explicit TraceWriter(UniqueFd memory, Mapping mapping);
    void put(std::span<const uint64_t, kTraceRecordBytes / 8 - 1> words);

    UniqueFd memory_;
    Mapping mapping_;
    FutexLock mutex_;
    uint64_t next_ = 0;
};

/// A reader's end; one thread.
class TraceReader {
  public:
    enum class From : uint8_t {
        oldest,  ///< what the ring still has
        now,     ///< what is written from now on
    };
    /// Errc::malformed: not such memory, or it could shrink under us.
    static Result<TraceReader> open(UniqueFd memory, From from = From::oldest);

    /// The next record, nullopt if there is none yet.
    [[nodiscard]] std::optional<TraceRecord> next();
    /// Records that were overwritten before they were read.
    [[nodiscard]] uint64_t lost() const { return lost_; }
    /// Waits until there may be a record, at most `limit`; may return early.
    void wait(std::chrono::milliseconds limit);

  private:
    TraceReader(Mapping mapping, uint64_t next) : mapping_(std::move(mapping)), next_(next) {}
    [[nodiscard]] uint64_t written() const;

    Mapping mapping_;
    uint64_t next_ = 0;
    uint64_t lost_ = 0;
};

}  // namespace opendext::hid
