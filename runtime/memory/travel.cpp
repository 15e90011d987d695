// SPDX-License-Identifier: Apache-2.0
// Memory descriptors on their way to and from other processes.
#include <fcntl.h>

#include <algorithm>
#include <map>

#include "rpc/protocol/memory_part.h"
#include "runtime/memory/memory_ivars.h"

namespace opendext::runtime {
namespace {

Status seal(int fd, Leaves how) {
    constexpr int kNoWriting = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL |
                       (how == Leaves::read_only ? F_SEAL_FUTURE_WRITE : 0);
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) return Error::system("cannot ask for the seals of memory");
    if (how == Leaves::writable && (seals & kNoWriting) != 0) {
        return Error{Errc::not_permitted, 0,
                     "a program has this memory for reading only, so no other can have it for "
                     "writing from now on: use a descriptor of its own for that type"};
    }
    if ((seals & wanted) == wanted) return success();
    // Another process may have sealed what it made in its own way, against shrinking in any case.
    if (::fcntl(fd, F_ADD_SEALS, wanted) == 0 || how != Leaves::read_only) return success();
    return Error{Errc::not_permitted, 0,
                 "this memory can be written by others already (a program mapped it for writing, "
                 "or another process made it), so it cannot be given for reading only"};
}

}  // namespace

Result<std::vector<protocol::MemoryPart>> to_parts(IOMemoryDescriptor* memory,
                                                   std::vector<UniqueFd>& fds, Leaves how) {
    const MemoryPieces pieces = pieces_of(memory);
    if (pieces.empty()) return Error{Errc::invalid, 0, "the memory descriptor is empty"};
    if (pieces.size() > protocol::kMaxMemoryParts)
        return Error{Errc::invalid, 0, "the memory descriptor has too many parts"};
    std::vector<protocol::MemoryPart> parts;
    std::map<const MemoryBacking*, uint32_t> known;
    for (const MemoryPiece& piece : pieces) {
        const auto [at, is_new] =
            known.emplace(piece.backing.get(), static_cast<uint32_t>(fds.size()));
        if (is_new) {
            OD_TRY(seal(piece.backing->fd.get(), how));
            fds.push_back(OD_TRY(piece.backing->fd.duplicate()));
        }
        parts.push_back({at->second, piece.offset, piece.length});
    }
    return parts;
}

Result<IOMemoryDescriptor*> from_parts(const protocol::MemoryPart& first,
                                       const std::vector<protocol::MemoryPart>& more,
                                       uint64_t options, std::vector<UniqueFd>& fds) {
    const auto parts = OD_TRY(protocol::checked_parts(first, more, fds));
    if (parts.size() == 1) {
        return static_cast<IOMemoryDescriptor*>(OD_TRY(make_foreign_memory(
            std::move(fds[first.fd_index]), first.offset, first.length, options)));
    }
    std::map<uint32_t, std::shared_ptr<MemoryBacking>> backings;
    MemoryPieces pieces;
    for (const protocol::MemoryPart& part : parts) {
        auto& backing = backings[part.fd_index];
        if (backing == nullptr) {
            const size_t size = OD_TRY(sealed_memory_size(fds[part.fd_index].get()));
            backing = std::make_shared<MemoryBacking>();
            backing->fd = std::move(fds[part.fd_index]);
            backing->size = size;
        }
        pieces.push_back(
            {backing, part.offset, part.length, (options & 3) != kIOMemoryDirectionOut});
    }
    IOMemoryDescriptor* memory = make_descriptor(std::move(pieces), options);
    if (memory == nullptr) return Error::kern(kIOReturnNoMemory, "IOMemoryDescriptor");
    return memory;
}

}  // namespace opendext::runtime
