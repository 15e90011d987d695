// SPDX-License-Identifier: Apache-2.0
#include "runtime/dma/address_space.h"

#include <DriverKit/IOLib.h>

namespace opendext::runtime {
namespace {

constexpr uint64_t kFourGigabytes = uint64_t{1} << 32;
/// Address 0 and its neighbours are nobody's: a device that was never programmed reaches nothing.
constexpr uint64_t kLowest = uint64_t{1} << 16;
/// As far as an x86 IOMMU with four levels reaches.
constexpr uint64_t kMostBits = 48;

}  // namespace

IoAddressSpace& IoAddressSpace::shared() {
    static IoAddressSpace space;
    return space;
}

uint64_t IoAddressSpace::place(uint64_t size, uint64_t from, uint64_t to) const {
    const uint64_t gap = IOVMPageSize;  // a device that runs over the end of a range is caught
    uint64_t at = from;
    auto next = ranges_.lower_bound(from);
    if (next != ranges_.begin()) {
        const Range& before = std::prev(next)->second;
        if (before.end + gap > at) at = before.end + gap;
    }
    for (; next != ranges_.end(); ++next) {
        if (next->second.first_page >= at && next->second.first_page - at >= size + gap) break;
        at = next->second.end + gap;
    }
    return at < to && to - at >= size ? at : 0;
}

Result<uint64_t> IoAddressSpace::add(uint64_t device, MemoryPiece piece, uint64_t bits,
                                     uint64_t direction) {
    const uint64_t page = IOVMPageSize;
    const uint64_t head = piece.offset % page;
    const uint64_t size = (head + piece.length + page - 1) & ~(page - 1);
    const uint64_t to = uint64_t{1} << (bits < kMostBits ? bits : kMostBits);
    const std::lock_guard lock(mutex_);
    // A device that can reach higher gets high addresses, so that a driver that cuts them to 32
    // bits is found out.
    uint64_t at = to > kFourGigabytes ? place(size, kFourGigabytes, to) : 0;
    if (at == 0) at = place(size, kLowest, to < kFourGigabytes ? to : kFourGigabytes);
    if (at == 0) {
        return Error{Errc::no_space, 0,
                     "no bus address of " + std::to_string(bits) + " bits is left"};
    }
    ranges_.emplace(at + head, Range{device, std::move(piece), direction, at, at + size});
    return at + head;
}

void IoAddressSpace::remove(uint64_t address) {
    const std::lock_guard lock(mutex_);
    ranges_.erase(address);
}

Result<IoAddressSpace::Found> IoAddressSpace::find(uint64_t device, uint64_t address) {
    const std::lock_guard lock(mutex_);
    auto found = ranges_.upper_bound(address);
    if (found != ranges_.begin()) {
        const auto& [start, range] = *std::prev(found);
        const uint64_t skip = address - start;
        if (skip < range.piece.length && range.device == device) {
            return Found{{range.piece.backing, range.piece.offset + skip, range.piece.length - skip,
                          range.piece.writable},
                         range.direction};
        }
    }
    return Error{Errc::not_found, 0, "nothing is prepared at that bus address"};
}

size_t IoAddressSpace::size() {
    const std::lock_guard lock(mutex_);
    return ranges_.size();
}

}  // namespace opendext::runtime
