// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext {

/// What is sent over a control socket: a kind, a number that pairs a reply with its request, a body
/// written by a Writer, and descriptors. `kind` is an enumerator of the protocol that the socket
/// speaks (rpc/protocol/…).
struct Message {
    uint32_t kind = 0;
    uint64_t serial = 0;
    std::vector<uint8_t> body;
    std::vector<UniqueFd> fds;
};

/// At most so many descriptors travel with one message.
inline constexpr size_t kMaxMessageFds = 64;
/// Bodies up to this size lie in the datagram; larger ones travel in a sealed memfd (invisible to
/// users of Socket).
inline constexpr size_t kMaxInlineBody = 32 * 1024;
/// A larger body is refused on both sides.
inline constexpr size_t kMaxBody = 64 * 1024 * 1024;

/// One end of a Unix SOCK_SEQPACKET connection, the carrier of every control message. Not
/// thread-safe for two receivers at a time; sends may come from several threads (the kernel keeps
/// datagrams whole).
class Socket {
  public:
    Socket() = default;
    explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}

    /// Two connected ends, close-on-exec, blocking.
    static Result<std::pair<Socket, Socket>> pair();
    /// Connects to the listening socket at `path`; paths longer than sun_path allows work too.
    static Result<Socket> connect(const std::filesystem::path& path);

    enum class Wait { block, dont_block };
    /// Sends the whole message. `dont_block`: Errc::no_space if the peer's queue is full.
    /// Errc::peer_gone if the peer closed.
    Status send(const Message& message, Wait wait = Wait::block) const;
    /// The next message. `dont_block`: nullopt if none waits. Errc::peer_gone at end of stream;
    /// Errc::malformed if the datagram is not one of ours (the connection should then be closed).
    [[nodiscard]] Result<std::optional<Message>> receive(Wait wait = Wait::block) const;
    /// Blocks until a message arrives or `timeout` is over (Errc::timed_out).
    [[nodiscard]] Result<Message> receive_within(std::chrono::milliseconds timeout) const;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool valid() const { return fd_.valid(); }
    [[nodiscard]] UniqueFd take_fd() { return std::move(fd_); }
    void close() { fd_.reset(); }

  private:
    UniqueFd fd_;
};

/// A listening SOCK_SEQPACKET socket bound to a path (of any length); unlinked by its owner, not
/// here.
class Listener {
  public:
    static Result<Listener> bind(const std::filesystem::path& path, mode_t mode);
    /// The next connection, or nullopt if none waits.
    [[nodiscard]] Result<std::optional<Socket>> accept() const;
    [[nodiscard]] int fd() const { return fd_.get(); }
    explicit Listener(UniqueFd fd) : fd_(std::move(fd)) {}
    [[nodiscard]] UniqueFd take_fd() { return std::move(fd_); }

  private:
    UniqueFd fd_;
};

/// Who is at the other end, as the kernel says it (SO_PEERCRED at connect time).
struct PeerCredentials {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};
Result<PeerCredentials> peer_credentials(const Socket& socket);

}  // namespace opendext
