// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/trace.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>

#include "rpc/futex.h"

namespace opendext::hid {
namespace {

// The memory: a header, then the ring. Record n lies at place n % kTraceRecords; its first word is
// n + 1 once it is whole, 0 while it is being written. All accesses are atomic words, so that a
// reader beside the writer sees old or new ones and throws a mixture away.
constexpr size_t kMagicAt = 0;
constexpr size_t kCapacityAt = 8;                     // u32 records, u32 bytes of one
constexpr size_t kWrittenAt = 16;                     // u64
constexpr size_t kSignalAt = 24;                      // u32: changes when readers are woken
constexpr size_t kWaitersAt = 28;                     // u32: not 0 while somebody may wait
constexpr size_t kWords = kTraceRecordBytes / 8 - 1;  // behind the number
constexpr uint64_t kLayout = kTraceRecords | uint64_t{kTraceRecordBytes} << 32;

using Words = std::array<uint64_t, kWords>;

std::atomic<uint64_t>& word(const Mapping& mapping, size_t offset) {
    return *mapping.at<std::atomic<uint64_t>>(offset);
}
std::atomic<uint32_t>& half_word(const Mapping& mapping, size_t offset) {
    return *mapping.at<std::atomic<uint32_t>>(offset);
}
size_t place_of(uint64_t number) {
    return kTraceHeaderBytes + number % kTraceRecords * kTraceRecordBytes;
}

// Words of a record: time; head; then by kind.
constexpr size_t kTime = 0;
constexpr size_t kHead = 1;  // kind, report type, report id, event, delivered, 0, 0, 0
constexpr size_t kSize = 2;  // of a report: its length
constexpr size_t kData = 3;  // 64 bytes of a report, or 8 values
static_assert(kData + kTraceValues <= kWords);

uint64_t head(TraceKind kind, uint8_t type, uint8_t id, uint8_t event = 0, bool delivered = false) {
    return static_cast<uint64_t>(kind) | uint64_t{type} << 8 | uint64_t{id} << 16 |
           uint64_t{event} << 24 | uint64_t{delivered} << 32;
}

TraceRecord record_of(uint64_t number, const Words& words) {
    TraceRecord record;
    const auto byte = [&](unsigned index) {
        return static_cast<uint8_t>(words[kHead] >> (8 * index));
    };
    record.number = number;
    record.timestamp = words[kTime];
    record.kind = static_cast<TraceKind>(byte(0));
    record.report_type = byte(1);
    record.report_id = byte(2);
    record.event = static_cast<EventKind>(byte(3));
    record.delivered = byte(4) != 0;
    record.length = static_cast<uint32_t>(words[kSize]);
    std::memcpy(record.bytes.data(), &words[kData], record.bytes.size());
    std::memcpy(record.values.data(), &words[kData], sizeof record.values);
    record.page = static_cast<uint32_t>(words[kData]);
    record.usage = static_cast<uint32_t>(words[kData + 1]);
    record.cookie = static_cast<uint32_t>(words[kData + 2]);
    record.value = std::bit_cast<int64_t>(words[kData + 3]);
    return record;
}

}  // namespace

std::string_view to_string(TraceKind kind) {
    switch (kind) {
        case TraceKind::report:
            return "report";
        case TraceKind::element:
            return "element";
        case TraceKind::event:
            return "event";
    }
    return "unknown";
}

std::string_view to_string(EventKind kind) {
    switch (kind) {
        case EventKind::keyboard:
            return "keyboard";
        case EventKind::relative_pointer:
            return "relative-pointer";
        case EventKind::absolute_pointer:
            return "absolute-pointer";
        case EventKind::scroll:
            return "scroll";
        case EventKind::touch:
            return "touch";
        case EventKind::stylus:
            return "stylus";
        case EventKind::game_control:
            return "game-control";
        case EventKind::led:
            return "led";
    }
    return "unknown";
}

std::span<const std::string_view> value_names(EventKind kind) {
    static constexpr std::string_view keyboard[] = {"page", "usage", "value", "repeat"};
    static constexpr std::string_view relative[] = {"dx", "dy", "buttons"};
    static constexpr std::string_view absolute[] = {"x", "y", "buttons"};
    static constexpr std::string_view scroll[] = {"dx", "dy", "dz"};
    static constexpr std::string_view touch[] = {"identifier", "state", "x", "y"};
    static constexpr std::string_view stylus[] = {"identifier", "state",  "x",      "y",
                                                  "pressure",   "tilt-x", "tilt-y", "twist"};
    static constexpr std::string_view game[] = {"control", "value"};
    static constexpr std::string_view led[] = {"page", "usage", "on"};
    switch (kind) {
        case EventKind::keyboard:
            return keyboard;
        case EventKind::relative_pointer:
            return relative;
        case EventKind::absolute_pointer:
            return absolute;
        case EventKind::scroll:
            return scroll;
        case EventKind::touch:
            return touch;
        case EventKind::stylus:
            return stylus;
        case EventKind::game_control:
            return game;
        case EventKind::led:
            return led;
    }
    return {};
}

std::span<const uint8_t> TraceRecord::kept_bytes() const {
    return std::span(bytes).first(std::min<size_t>(length, bytes.size()));
}

TraceWriter::TraceWriter(UniqueFd memory, Mapping mapping)
    : memory_(std::move(memory)), mapping_(std::move(mapping)) {}

TraceWriter::TraceWriter(TraceWriter&& other) noexcept
    : memory_(std::move(other.memory_)), mapping_(std::move(other.mapping_)), next_(other.next_) {}

Result<TraceWriter> TraceWriter::make() {
    UniqueFd memory = OD_TRY(make_sealed_memory("hid-trace", kTraceBytes));
    Mapping mapping =
        OD_TRY(Mapping::map(memory.get(), 0, kTraceBytes, Mapping::Access::read_write));
    // A page that is not there yet costs more than the report that comes to it. A kernel
    // before 5.14 does not know this, and has the pages when they are written.
    (void)::madvise(mapping.data(), kTraceBytes, MADV_POPULATE_WRITE);
    word(mapping, kCapacityAt).store(kLayout, std::memory_order_relaxed);
    word(mapping, kMagicAt).store(kTraceMagic, std::memory_order_release);
    return TraceWriter(std::move(memory), std::move(mapping));
}

Result<UniqueFd> TraceWriter::duplicate() const {
    return memory_.duplicate();
}

void TraceWriter::put(std::span<const uint64_t, kWords> words) {
    const std::lock_guard lock(mutex_);
    const size_t at = place_of(next_);
    word(mapping_, at).store(0, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (size_t i = 0; i < kWords; ++i)
        word(mapping_, at + 8 * (i + 1)).store(words[i], std::memory_order_relaxed);
    word(mapping_, at).store(++next_, std::memory_order_release);
    word(mapping_, kWrittenAt).store(next_, std::memory_order_release);
}

void TraceWriter::report(uint64_t timestamp, uint8_t type, uint8_t id,
                         std::span<const uint8_t> bytes) {
    Words words{timestamp, head(TraceKind::report, type, id), bytes.size()};
    std::ranges::copy(bytes.first(std::min<size_t>(bytes.size(), 64)),
                      reinterpret_cast<uint8_t*>(&words[kData]));
    put(words);
}

void TraceWriter::element(uint64_t timestamp, uint8_t type, uint8_t id, uint32_t page,
                          uint32_t usage, uint32_t cookie, int64_t value) {
    put(Words{timestamp, head(TraceKind::element, type, id), 0, page, usage, cookie,
              std::bit_cast<uint64_t>(value)});
}

void TraceWriter::event(uint64_t timestamp, EventKind kind, bool delivered,
                        std::span<const int64_t> values) {
    Words words{timestamp, head(TraceKind::event, 0, 0, static_cast<uint8_t>(kind), delivered)};
    std::ranges::transform(values.first(std::min(values.size(), kTraceValues)), &words[kData],
                           [](int64_t value) { return std::bit_cast<uint64_t>(value); });
    put(words);
}

void TraceWriter::flush() {
    // Pairs with the fence of wait(): either the reader sees the new records or we see the reader.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (half_word(mapping_, kWaitersAt).load(std::memory_order_relaxed) == 0) return;
    half_word(mapping_, kWaitersAt).store(0, std::memory_order_relaxed);
    half_word(mapping_, kSignalAt).fetch_add(1, std::memory_order_release);
    futex_wake(half_word(mapping_, kSignalAt));
}

Result<TraceReader> TraceReader::open(UniqueFd memory, From from) {
    const size_t size = OD_TRY(sealed_memory_size(memory.get()));
    if (size < kTraceBytes) {
        return Error{Errc::malformed, 0,
                     "a HID trace has " + std::to_string(kTraceBytes) + " bytes, this memory has " +
                         std::to_string(size)};
    }
    Mapping mapping =
        OD_TRY(Mapping::map(memory.get(), 0, kTraceBytes, Mapping::Access::read_write));
    if (word(mapping, kMagicAt).load(std::memory_order_acquire) != kTraceMagic ||
        word(mapping, kCapacityAt).load(std::memory_order_relaxed) != kLayout) {
        return Error{Errc::malformed, 0,
                     "the memory does not begin as a HID trace of this version does"};
    }
    TraceReader reader(std::move(mapping), 0);
    const uint64_t written = reader.written();
    if (from == From::now) {
        reader.next_ = written;
    } else if (written > kTraceRecords) {
        reader.next_ = written - kTraceRecords;  // what was overwritten before is not lost to us
    }
    return reader;
}

uint64_t TraceReader::written() const {
    return word(mapping_, kWrittenAt).load(std::memory_order_acquire);
}

std::optional<TraceRecord> TraceReader::next() {
    // A record that is overwritten while it is read was lost; a writer that is a whole ring ahead
    // again and again could keep us here, so after a few such records we say that there is none.
    for (int tries = 0; tries < 8; ++tries) {
        const uint64_t written = this->written();
        if (written < next_ || written == next_) return std::nullopt;
        if (written - next_ > kTraceRecords) {
            lost_ += written - next_ - kTraceRecords;
            next_ = written - kTraceRecords;
        }
        const size_t at = place_of(next_);
        const uint64_t number = word(mapping_, at).load(std::memory_order_acquire);
        Words words;
        for (size_t i = 0; i < kWords; ++i)
            words[i] = word(mapping_, at + 8 * (i + 1)).load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        const bool whole =
            number == next_ + 1 && word(mapping_, at).load(std::memory_order_relaxed) == number;
        const uint64_t mine = next_++;
        if (whole) return record_of(mine, words);
        ++lost_;
    }
    return std::nullopt;
}

void TraceReader::wait(std::chrono::milliseconds limit) {
    auto& signal = half_word(mapping_, kSignalAt);
    const uint32_t before = signal.load(std::memory_order_acquire);
    half_word(mapping_, kWaitersAt).store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (written() > next_) return;
    futex_sleep(signal, before, std::chrono::nanoseconds(limit).count());
}

}  // namespace opendext::hid
