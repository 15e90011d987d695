// SPDX-License-Identifier: Apache-2.0
#include "rpc/mapped_range.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace opendext {
namespace {

/// No mapping and no alignment is larger: sums of a few of them cannot overflow.
constexpr uint64_t kLargest = uint64_t{1} << 46;

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

/// Bytes from the first page to the last one.
Result<uint64_t> mapped_size(std::span<const MemorySpan> spans) {
    uint64_t size = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
        const MemorySpan& span = spans[i];
        if (span.length == 0 || span.length > kLargest || span.offset > kLargest)
            return Error{Errc::invalid, 0, "the range is empty or too large"};
        const uint64_t head = span.offset - page_down(span.offset);
        const bool ends_inside = page_up(span.offset + span.length) != span.offset + span.length;
        if ((i > 0 && head != 0) || (i + 1 < spans.size() && ends_inside)) {
            return Error{Errc::unsupported, 0, "the parts do not meet at page boundaries"};
        }
        size += page_up(head + span.length);
        if (size > kLargest) return Error{Errc::invalid, 0, "the range is too large"};
    }
    return size;
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

Result<MappedRange> MappedRange::map(std::span<const MemorySpan> spans, const Options& options) {
    uint64_t alignment = options.alignment;
    if ((alignment & (alignment - 1)) != 0)
        return Error{Errc::invalid, 0, "the alignment is no power of two"};
    if (alignment > kLargest || options.guard > kLargest)
        return Error{Errc::invalid, 0, "the alignment is too large"};
    if (spans.empty()) return Error{Errc::invalid, 0, "there is no memory to map"};
    const uint64_t size = OD_TRY(mapped_size(spans));
    const uint64_t guard = page_up(options.guard);
    if (alignment < page_size()) alignment = page_size();

    const uint64_t head = spans.front().offset - page_down(spans.front().offset);
    const uint64_t fixed = options.fixed_address;
    MappedRange range;
    range.reserved_size_ = size + 2 * guard;
    if (fixed == 0) {
        range.reserved_size_ += alignment - page_size();
    } else if (fixed % page_size() != head || (fixed - head) % alignment != 0 ||
               fixed - head < guard || fixed > kLargest * 2) {
        return Error{Errc::invalid, 0, "the memory cannot lie at that address"};
    }
    void* wanted = fixed == 0 ? nullptr : reinterpret_cast<void*>(fixed - head - guard);
    const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* reserved = mmap(wanted, range.reserved_size_, PROT_NONE,
                          wanted == nullptr ? how : how | MAP_FIXED_NOREPLACE, -1, 0);
    if (reserved == MAP_FAILED) {
        if (errno == EEXIST) return Error{Errc::exists, 0, "something lies at that address"};
        return Error::system("mmap");
    }
    range.reserved_ = reserved;
    if (wanted != nullptr && reserved != wanted)  // kernels before 4.17 take it for a hint
        return Error{Errc::exists, 0, "something lies at that address"};

    const uint64_t first = reinterpret_cast<uint64_t>(reserved) + guard;
    uint64_t at = (first + alignment - 1) & ~(alignment - 1);
    range.data_ = reinterpret_cast<std::byte*>(at + head);
    for (const MemorySpan& span : spans) {
        const uint64_t start = page_down(span.offset);
        const uint64_t length = page_up(span.offset + span.length) - start;
        const int access = span.writable ? PROT_READ | PROT_WRITE : PROT_READ;
        void* const place = reinterpret_cast<void*>(at);
        void* mapped =
            mmap(place, length, access, MAP_SHARED | MAP_FIXED, span.fd, static_cast<off_t>(start));
        if (mapped == MAP_FAILED && errno == EPERM && span.writable && span.shown != nullptr) {
            // An old size of 0 makes a second mapping of the same pages.
            auto* pages = const_cast<std::byte*>(span.shown - (span.offset - start));
            mapped = mremap(pages, 0, length, MREMAP_MAYMOVE | MREMAP_FIXED, place);
        }
        if (mapped == MAP_FAILED) return Error::system("mmap");
        at += length;
    }
    return range;
}

}  // namespace opendext
