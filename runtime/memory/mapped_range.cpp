// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "runtime/memory/memory_ivars.h"

namespace opendext::runtime {
namespace {

uint64_t page_size() {
    static const auto size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    return size;
}
uint64_t page_down(uint64_t value) {
    return value & ~(page_size() - 1);
}
uint64_t page_up(uint64_t value) {
    return page_down(value + page_size() - 1);
}

}  // namespace

MappedRange::MappedRange(MappedRange&& other) noexcept
    : reserved_(std::exchange(other.reserved_, nullptr)),
      reserved_size_(std::exchange(other.reserved_size_, 0)),
      data_(std::exchange(other.data_, nullptr)) {}

MappedRange& MappedRange::operator=(MappedRange&& other) noexcept {
    std::swap(reserved_, other.reserved_);
    std::swap(reserved_size_, other.reserved_size_);
    std::swap(data_, other.data_);
    return *this;
}

MappedRange::~MappedRange() {
    if (reserved_ != nullptr) munmap(reserved_, reserved_size_);
}

Result<MappedRange> MappedRange::map(const std::vector<MemoryPiece>& pieces, bool writable,
                                     uint64_t alignment, size_t guard) {
    if ((alignment & (alignment - 1)) != 0)
        return Error{Errc::invalid, 0, "the alignment is no power of two"};
    if (alignment > (uint64_t{1} << 40))
        return Error{Errc::invalid, 0, "the alignment is too large"};
    if (pieces.empty()) return Error{Errc::invalid, 0, "there is no memory to map"};
    const uint64_t head = pieces.front().offset - page_down(pieces.front().offset);
    uint64_t size = head;
    for (size_t i = 0; i < pieces.size(); ++i) {
        const bool starts_inside = i > 0 && page_down(pieces[i].offset) != pieces[i].offset;
        size += pieces[i].length;
        if (starts_inside || (i + 1 < pieces.size() && page_down(size) != size)) {
            return Error{Errc::invalid, 0, "the parts do not meet at page boundaries"};
        }
    }
    size = page_up(size);
    if (alignment < page_size()) alignment = page_size();
    MappedRange range;
    range.reserved_size_ = size + 2 * guard + (alignment - page_size());
    void* reserved = mmap(nullptr, range.reserved_size_, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return Error::system("mmap");
    range.reserved_ = reserved;
    const uint64_t first = reinterpret_cast<uint64_t>(reserved) + guard;
    uint64_t at = (first + alignment - 1) & ~(alignment - 1);
    range.data_ = reinterpret_cast<std::byte*>(at + head);
    const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    for (const MemoryPiece& piece : pieces) {
        const uint64_t start = page_down(piece.offset);
        const uint64_t length = page_up(piece.offset + piece.length) - start;
        if (length == 0) continue;
        if (mmap(reinterpret_cast<void*>(at), length, access, MAP_SHARED | MAP_FIXED,
                 piece.backing->fd.get(), static_cast<off_t>(start)) == MAP_FAILED) {
            return Error::system("mmap");
        }
        at += length;
    }
    return range;
}

}  // namespace opendext::runtime
