// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/memory/memory_ivars.h"

namespace opendext::runtime {
namespace {

/// Calls `step(piece, offset in its file, bytes, done)` for each stretch of a range, until one
/// moves fewer bytes than it should. Returns how many were moved.
template <typename Step>
size_t walk(const MemoryPieces& pieces, uint64_t offset, size_t length, const Step& step) {
    size_t done = 0;
    for (const MemoryPiece& piece : pieces) {
        if (offset >= piece.length) {
            offset -= piece.length;
            continue;
        }
        const auto here = std::min<uint64_t>(piece.length - offset, length - done);
        const size_t moved = step(piece, piece.offset + offset, static_cast<size_t>(here), done);
        done += moved;
        offset = 0;
        if (done == length || moved < here) break;
    }
    return done;
}

/// Repeats a partial read or write of a file until all is done.
template <typename Call>
size_t all_of(size_t length, const Call& call) {
    size_t done = 0;
    while (done < length) {
        const ssize_t moved = call(done, length - done);
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0) break;
        done += static_cast<size_t>(moved);
    }
    return done;
}

}  // namespace

uint64_t total_length(const MemoryPieces& pieces) {
    uint64_t length = 0;
    for (const MemoryPiece& piece : pieces) length += piece.length;
    return length;
}

MemoryPieces cut(const MemoryPieces& pieces, uint64_t offset, uint64_t length) {
    MemoryPieces part;
    walk(pieces, offset, length, [&](const MemoryPiece& piece, uint64_t at, size_t bytes, size_t) {
        part.push_back({piece.backing, at, bytes, piece.writable});
        return bytes;
    });
    return part;
}

size_t read_bytes(const MemoryPieces& pieces, uint64_t offset, void* to, size_t length) {
    return walk(pieces, offset, length,
                [&](const MemoryPiece& piece, uint64_t at, size_t bytes, size_t done) {
                    char* target = static_cast<char*>(to) + done;
                    if (const std::byte* shown = piece.backing->at(at, bytes)) {
                        memcpy(target, shown, bytes);
                        return bytes;
                    }
                    return all_of(bytes, [&](size_t skip, size_t rest) {
                        return pread(piece.backing->fd.get(), target + skip, rest,
                                     static_cast<off_t>(at + skip));
                    });
                });
}

size_t write_bytes(const MemoryPieces& pieces, uint64_t offset, const void* from, size_t length) {
    return walk(pieces, offset, length,
                [&](const MemoryPiece& piece, uint64_t at, size_t bytes, size_t done) {
                    const char* source = static_cast<const char*>(from) + done;
                    std::byte* shown = piece.backing->at(at, bytes);
                    if (shown != nullptr && piece.backing->shown_writable) {
                        memcpy(shown, source, bytes);
                        return bytes;
                    }
                    return all_of(bytes, [&](size_t skip, size_t rest) {
                        return pwrite(piece.backing->fd.get(), source + skip, rest,
                                      static_cast<off_t>(at + skip));
                    });
                });
}

Result<MappedRange> map_pieces(const MemoryPieces& pieces, bool read_only,
                               const MappedRange::Options& options) {
    std::vector<MemorySpan> spans;
    for (const MemoryPiece& piece : pieces) {
        const MemoryBacking& backing = *piece.backing;
        const std::byte* shown =
            backing.shown_writable ? backing.at(piece.offset, piece.length) : nullptr;
        spans.push_back(
            {backing.fd.get(), piece.offset, piece.length, piece.writable && !read_only, shown});
    }
    return MappedRange::map(spans, options);
}

}  // namespace opendext::runtime
