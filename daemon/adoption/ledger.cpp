// SPDX-License-Identifier: Apache-2.0
#include "daemon/adoption/ledger.h"
#include "rpc/probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

namespace opendext::daemon {
namespace {

constexpr uint64_t kMagic = 0x4c5458444f000003;  // the number of the form is in the low bytes
constexpr size_t kHeadSize = 4096;
constexpr uint64_t kSecondHalf = uint64_t{1} << 63;
constexpr uint64_t kVoid = ~uint64_t{0};
constexpr size_t kAlign = 8;

struct RecordHead {
    uint32_t size;  ///< of the bytes behind; 0: the record is removed
    uint32_t kind;
    uint64_t first;
    uint64_t second;
};

constexpr size_t room(size_t size) {
    return sizeof(RecordHead) + (size + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

struct Ledger::Head {
    uint64_t magic;
    uint64_t half;                 ///< size of one
    std::atomic<uint64_t> extent;  ///< bytes that count, kSecondHalf; kVoid: none
    std::atomic<uint32_t> attempts;
};

Ledger::Ledger(UniqueFd memory, uint8_t* base, size_t half)
    : memory_(std::move(memory)), base_(base), half_size_(half) {}

Ledger::Ledger(Ledger&& other) noexcept
    : memory_(std::move(other.memory_)),
      base_(std::exchange(other.base_, nullptr)),
      half_size_(other.half_size_),
      active_(other.active_),
      end_(other.end_),
      valid_(other.valid_),
      full_(other.full_),
      places_(std::move(other.places_)) {}

Ledger::~Ledger() {
    if (base_ != nullptr) ::munmap(base_, kHeadSize + 2 * half_size_);
}

Ledger::Head& Ledger::head() const {
    return *reinterpret_cast<Head*>(base_);
}

uint8_t* Ledger::half(size_t number) const {
    return base_ + kHeadSize + number * half_size_;
}

Result<uint8_t*> Ledger::map(const UniqueFd& memory, size_t size) {
    void* base =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory.get(), 0);
    if (base == MAP_FAILED) return Error::system("cannot map the ledger");
    return static_cast<uint8_t*>(base);
}

Result<Ledger> Ledger::create(size_t half) {
    UniqueFd memory(::memfd_create("opendext-ledger", MFD_CLOEXEC));
    if (!memory) return Error::system("cannot make memory for the ledger");
    const size_t size = kHeadSize + 2 * half;
    if (::ftruncate(memory.get(), static_cast<off_t>(size)) != 0)
        return Error::system("cannot make memory for the ledger");
    uint8_t* base = OD_TRY(map(memory, size));
    Ledger ledger(std::move(memory), base, half);
    new (base) Head{kMagic, half, 0, 0};
    return ledger;
}

Result<Ledger> Ledger::open(UniqueFd memory) {
    struct stat status{};
    if (::fstat(memory.get(), &status) != 0) return Error::system("cannot look at the ledger");
    const auto size = static_cast<size_t>(status.st_size);
    if (size < kHeadSize) return Error{Errc::malformed, 0, "the ledger is too small"};
    uint8_t* base = OD_TRY(map(memory, size));
    Ledger ledger(std::move(memory), base, (size - kHeadSize) / 2);
    if (ledger.head().magic != kMagic)
        return Error{Errc::unsupported, 0, "the ledger was written by another version"};
    if (ledger.head().half != ledger.half_size_)
        return Error{Errc::malformed, 0, "the ledger has another size than it says"};
    OD_TRY(ledger.read());
    return ledger;
}

Status Ledger::read() {
    const uint64_t extent = head().extent.load(std::memory_order_acquire);
    if (extent == kVoid)
        return Error{Errc::no_space, 0, "the ledger was full; not everything is in it"};
    active_ = (extent & kSecondHalf) != 0 ? 1 : 0;
    const size_t length = extent & ~kSecondHalf;
    if (length > half_size_) return Error{Errc::malformed, 0, "the ledger says too much"};
    const uint8_t* log = half(active_);
    while (end_ < length) {
        RecordHead record{};
        if (length - end_ < sizeof record) return Error{Errc::malformed, 0, "half a record"};
        std::memcpy(&record, log + end_, sizeof record);
        if (length - end_ < room(record.size)) return Error{Errc::malformed, 0, "half a record"};
        const Key key{record.kind, record.first, record.second};
        const auto earlier = places_.find(key);
        if (earlier != places_.end()) valid_ -= room(earlier->second.size);
        if (record.size == 0) {
            if (earlier != places_.end()) places_.erase(earlier);
        } else {
            places_[key] = {end_, record.size};
            valid_ += room(record.size);
        }
        end_ += room(record.size);
    }
    return success();
}

void Ledger::append(const Key& key, std::span<const uint8_t> bytes) {
    if (full_) return;
    if (bytes.size() > UINT32_MAX / 2 || half_size_ - end_ < room(bytes.size())) {
        full_ = true;
        return;
    }
    const RecordHead record{static_cast<uint32_t>(bytes.size()), key.kind, key.first, key.second};
    uint8_t* place = half(active_) + end_;
    std::memcpy(place, &record, sizeof record);
    if (!bytes.empty()) std::memcpy(place + sizeof record, bytes.data(), bytes.size());
    end_ += room(bytes.size());
}

void Ledger::put(const Key& key, std::span<const uint8_t> bytes) {
    const std::span<const uint8_t> earlier = find(key);
    if (earlier.size() == bytes.size() &&
        std::memcmp(earlier.data(), bytes.data(), bytes.size()) == 0)
        return;
    if (!earlier.empty()) valid_ -= room(earlier.size());
    const size_t offset = end_;
    append(key, bytes);
    if (full_) return;
    places_[key] = {offset, bytes.size()};
    valid_ += room(bytes.size());
}

void Ledger::erase(const Key& key) {
    const auto place = places_.find(key);
    if (place == places_.end()) return;
    valid_ -= room(place->second.size);
    places_.erase(place);
    append(key, {});
}

bool Ledger::commit() {
    if (!full_ && end_ > kSmall && valid_ < end_ / 2) return compact(), !full_;
    const uint64_t extent = full_ ? kVoid : end_ | (active_ == 1 ? kSecondHalf : 0);
    // The kernel orders nothing else here: a killed process's stores are all there, in this order.
    if (head().extent.load(std::memory_order_relaxed) != extent)
        head().extent.store(extent, std::memory_order_release);
    return !full_;
}

/// Copies what counts to the other half and changes over.
void Ledger::compact() {
    const uint8_t* from = half(active_);
    const size_t old = active_;
    const size_t used = end_;
    active_ = 1 - active_;
    end_ = 0;
    for (auto& [key, place] : places_) {
        const size_t offset = end_;
        append(key, {from + place.offset + sizeof(RecordHead), place.size});
        place.offset = offset;
    }
    head().extent.store(full_ ? kVoid : end_ | (active_ == 1 ? kSecondHalf : 0),
                        std::memory_order_release);
    OPENDEXT_PROBE(daemon_compacted);
    (void)::fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      static_cast<off_t>(kHeadSize + old * half_size_), static_cast<off_t>(used));
}

std::span<const uint8_t> Ledger::find(const Key& key) const {
    const auto place = places_.find(key);
    if (place == places_.end()) return {};
    return {half(active_) + place->second.offset + sizeof(RecordHead), place->second.size};
}

void Ledger::visit(uint32_t kind,
                   const std::function<void(const Key&, std::span<const uint8_t>)>& visit) const {
    for (auto place = places_.lower_bound({kind, 0, 0});
         place != places_.end() && place->first.kind == kind; ++place) {
        visit(place->first,
              {half(active_) + place->second.offset + sizeof(RecordHead), place->second.size});
    }
}

uint32_t Ledger::begin_attempt() {
    return head().attempts.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Ledger::attempt_succeeded() {
    head().attempts.store(0, std::memory_order_relaxed);
}

}  // namespace opendext::daemon
