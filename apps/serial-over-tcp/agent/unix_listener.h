// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>

#include "apps/serial-over-tcp/agent/remote.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {

/// The file of a listening Unix socket: goes with this object, unless somebody has put another one
/// in its place.
class UnixSocketFile {
  public:
    UnixSocketFile() = default;
    UnixSocketFile(UnixSocketFile&& other) noexcept;
    UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;
    UnixSocketFile(const UnixSocketFile&) = delete;
    UnixSocketFile& operator=(const UnixSocketFile&) = delete;
    ~UnixSocketFile();

    /// Lets `socket` listen at the file, which gets `mode` (never more, not even for a moment). A
    /// socket file that nobody listens on any more is replaced; everything else that has the name
    /// stays, and is an error that says what it is.
    static Result<UnixSocketFile> listen(int socket, const SocketAddress& address, mode_t mode,
                                         int backlog);

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace opendext::serial_tcp
