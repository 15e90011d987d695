// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"
#include "rpc/socket.h"

namespace opendext {

/// The connection of one user client: two byte rings in one sealed memfd, and a side socket that
/// carries only descriptors and the fact that the peer is gone. opendextd makes both and hands each
/// side its end; no call passes through opendextd.
///
/// Wake-ups are futexes in the shared memory, made only when the other side sleeps. Every index and
/// length read from the memory is copied once and then checked; a value that cannot be closes the
/// channel with a reason, never the process. Messages are `Message`s: the same encode/decode as on
/// sockets.
class Channel {
  public:
    enum class Side { client, driver };

    /// The shared memory of a new channel.
    static Result<UniqueFd> create_memory();
    /// Maps `memory` as one side. `side_socket` is that side's end of a Socket pair.
    static Result<std::unique_ptr<Channel>> attach(UniqueFd memory, Socket side_socket, Side side);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// Queues the message; waits while the ring is full. Any thread. Errc::peer_gone once closed by
    /// either side.
    Status send(const Message& message);
    /// The same without waiting: Errc::no_space if the ring has no room now, or if the message is
    /// one that travels on the side socket (large, or with descriptors); nothing was sent then. Any
    /// thread.
    Status try_send(const Message& message);
    /// The next message; waits until there is one. One thread at a time. Errc::peer_gone once
    /// closed, with the reason.
    Result<Message> receive();
    /// Ends the channel for both sides and wakes every waiter. Any thread, more than once.
    void close(std::string reason);
    [[nodiscard]] bool closed() const;

  private:
    class Impl;
    explicit Channel(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace opendext
