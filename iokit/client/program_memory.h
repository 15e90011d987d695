// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>

#include "rpc/fd.h"
#include "rpc/protocol/user_client.h"
#include "rpc/socket.h"

namespace opendext::client {

/// Memory of this program that drivers ask for (IOUserClient::CreateMemoryDescriptorFromClient).
/// The driver cannot look into the program: what it gets is memory that this library made. Any
/// thread.
///
/// Copied: the bytes as they are at the time. Shared: whole pages that the program allocated become
/// pages of shared memory in their place, once and for all; addresses stay. What other threads
/// write into them in the moment of the exchange may be lost. Other memory (of files, of the stack,
/// not of whole pages) cannot be shared: kIOReturnUnsupported or kIOReturnNotAligned.
class ProgramMemory {
  public:
    static ProgramMemory& instance();

    /// The answer to a driver's request, with its descriptors.
    Message answer(const protocol::user_client::CopyMemory& request, uint64_t serial);

    /// Bytes that one request may ask for.
    static constexpr uint64_t kMaxBytes = uint64_t{1} << 30;

  private:
    struct Shared {
        uint64_t length = 0;
        UniqueFd memory;
        uint64_t inode = 0;
    };
    using Segment = protocol::user_client::Segment;

    Result<UniqueFd> copy(const std::vector<Segment>& segments);
    /// The memory that lies at the segment and its offset there.
    Result<std::pair<UniqueFd, uint64_t>> share(const Segment& segment);

    std::mutex mutex_;
    std::map<uint64_t, Shared> shared_;  // by address
};

}  // namespace opendext::client
