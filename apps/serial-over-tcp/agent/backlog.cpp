// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/backlog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace opendext::serial_tcp {
namespace {

constexpr uint64_t kMagic = 0x31676f6c6b636162;
constexpr size_t kBytesAt = 4096;
/// What front() gives at most.
constexpr size_t kFront = size_t{64} << 10;

template <typename T>
T load(const T& value) {
    return __atomic_load_n(&value, __ATOMIC_ACQUIRE);
}
template <typename T>
void store(T& place, T value) {
    __atomic_store_n(&place, value, __ATOMIC_RELEASE);
}

}  // namespace

/// The first page of the file. Positions run freely; the place of one is its rest by the capacity.
struct Backlog::Header {
    uint64_t magic;
    uint64_t capacity;
    uint64_t head;  ///< of the oldest byte
    uint64_t tail;  ///< behind the newest; storing it commits what was put
    uint64_t dropped;
    uint32_t bias;     ///< ring position of the tail = tail + bias
    uint32_t in_step;  ///< the bias means something
};

Backlog::Header& Backlog::header() const {
    return *memory_.at<Header>(0);
}
std::byte* Backlog::bytes() const {
    return memory_.data() + kBytesAt;
}

Result<Backlog> Backlog::open(const std::filesystem::path& file, uint64_t capacity,
                              WhenFull when_full, Use use) {
    const std::string what = "buffer of " + std::to_string(capacity) + " bytes in " + file.string();
    std::error_code error;
    std::filesystem::create_directory(file.parent_path(), error);
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    const UniqueFd fd(::open(file.c_str(), use == Use::fresh ? flags | O_TRUNC : flags, 0600));
    if (!fd) return Error::system(what);
    const size_t size = kBytesAt + capacity;
    struct stat now{};
    // What is there already was written by a process that may have been killed at any point; with
    // another size it is none of ours.
    if (::fstat(fd.get(), &now) != 0) return Error::system(what);
    if (static_cast<uint64_t>(now.st_size) != size && ::ftruncate(fd.get(), 0) != 0)
        return Error::system(what);
    // Without the space a store into the mapping would end this process.
    if (const int failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size)); failed != 0) {
        ::unlink(file.c_str());
        return Error::system(what, failed);
    }
    Backlog backlog;
    backlog.memory_ = OD_TRY(Mapping::map(fd.get(), 0, size, Mapping::Access::read_write));
    backlog.capacity_ = capacity;
    backlog.when_full_ = when_full;
    Header& header = backlog.header();
    if (header.magic != kMagic || header.capacity != capacity)
        header = {kMagic, capacity, 0, 0, 0, 0, 0};
    // Killed while more than all of it was replaced.
    if (header.tail - header.head > capacity) header.head = header.tail - capacity;
    return backlog;
}

uint64_t Backlog::size() const {
    return header().tail - header().head;
}
uint64_t Backlog::dropped() const {
    return header().dropped;
}

std::optional<uint32_t> Backlog::position() const {
    if (load(header().in_step) == 0) return std::nullopt;
    return static_cast<uint32_t>(header().tail) + header().bias;
}

void Backlog::passed() {
    if (header().in_step != 0) store(header().in_step, 0U);
}

/// Copies bytes[from, from + count) to position `at`.
void Backlog::copy_in(uint64_t at, const Stretch& bytes, size_t from, size_t count) {
    for (int i = 0; i < bytes.count && count != 0; ++i) {
        const iovec& piece = bytes.pieces[static_cast<size_t>(i)];
        const size_t skip = std::min(from, piece.iov_len);
        from -= skip;
        const auto* source = static_cast<const std::byte*>(piece.iov_base) + skip;
        size_t left = std::min(piece.iov_len - skip, count);
        while (left != 0) {
            const uint64_t place = at % capacity_;
            const size_t part = std::min<uint64_t>(left, capacity_ - place);
            std::memcpy(this->bytes() + place, source, part);
            at += part;
            source += part;
            left -= part;
            count -= part;
        }
    }
}

size_t Backlog::put(const Stretch& bytes, uint32_t position) {
    Header& header = this->header();
    size_t count = bytes.size;
    if (when_full_ == WhenFull::block) count = std::min<uint64_t>(count, capacity_ - size());
    if (count == 0) return 0;
    const uint64_t tail = header.tail;
    const uint64_t end = tail + count;
    if (header.in_step == 0) {
        header.bias = position - static_cast<uint32_t>(tail);
        store(header.in_step, 1U);
    }
    if (end - header.head > capacity_) {
        // Of what was kept, and where the new bytes alone are too many, of these too.
        header.dropped += end - header.head - capacity_;
        store(header.head, std::max(header.head, std::min(tail, end - capacity_)));
    }
    const size_t skip = count > capacity_ ? count - capacity_ : 0;
    copy_in(tail + skip, bytes, skip, count - skip);
    store(header.tail, end);
    if (end - header.head > capacity_) store(header.head, end - capacity_);
    return count;
}

Stretch Backlog::front() const {
    Stretch stretch;
    stretch.size = std::min<uint64_t>(size(), kFront);
    if (stretch.size == 0) return stretch;
    const uint64_t place = header().head % capacity_;
    const size_t first = std::min<uint64_t>(stretch.size, capacity_ - place);
    stretch.pieces[0] = {bytes() + place, first};
    stretch.count = 1;
    if (first < stretch.size) {
        stretch.pieces[1] = {bytes(), stretch.size - first};
        stretch.count = 2;
    }
    return stretch;
}

void Backlog::pop(size_t count) {
    store(header().head, header().head + std::min<uint64_t>(count, size()));
}

}  // namespace opendext::serial_tcp
