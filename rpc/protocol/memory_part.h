// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "rpc/fd.h"
#include "rpc/protocol/common.h"

namespace opendext::protocol {

/// Joined memory has at most so many ranges when it travels.
inline constexpr size_t kMaxMemoryParts = 1024;

/// The part names a descriptor of the message, and lies within it; the file is sealed, so that
/// stays true. Errc::malformed if not.
inline Status check_part(const MemoryPart& part, const std::vector<UniqueFd>& fds) {
    if (part.fd_index >= fds.size() || !fds[part.fd_index])
        return Error{Errc::malformed, 0, "memory without its descriptor"};
    const size_t size = OD_TRY(sealed_memory_size(fds[part.fd_index].get()));
    if (part.length == 0 || part.offset > size || part.length > size - part.offset)
        return Error{Errc::malformed, 0, "memory out of range"};
    return success();
}

/// All ranges of a memory descriptor, checked: the first one and those behind it.
inline Result<std::vector<MemoryPart>> checked_parts(MemoryPart first,
                                                     const std::vector<MemoryPart>& more,
                                                     const std::vector<UniqueFd>& fds) {
    if (more.size() >= kMaxMemoryParts)
        return Error{Errc::malformed, 0, "memory of too many parts"};
    std::vector<MemoryPart> parts{first};
    parts.insert(parts.end(), more.begin(), more.end());
    for (const MemoryPart& part : parts) OD_TRY(check_part(part, fds));
    return parts;
}

}  // namespace opendext::protocol
