// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"
#include "rpc/socket.h"

namespace opendext {

/// The rings of a channel. `replies` and `events` are two, so that a thread that waits for its
/// reply is woken by the reply and by nothing else.
enum class Lane : uint8_t {
    calls = 0,    ///< client -> driver
    replies = 1,  ///< driver -> client: what a calling thread waits for
    events = 2,   ///< driver -> client: what comes by itself
};

class Channel;

/// Room for one frame in a ring, to be filled in place and given to Channel::commit(). It holds the
/// lane for this thread: short, and no other begin() on that lane before. Destroyed without commit:
/// nothing was sent.
class Draft {
  public:
    Draft(Draft&& other) noexcept
        : channel_(std::exchange(other.channel_, nullptr)),
          bytes_(other.bytes_),
          serial_(other.serial_),
          kind_(other.kind_),
          lane_(other.lane_) {}
    Draft& operator=(Draft&&) = delete;
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        if (channel_ != nullptr) abandon();
    }

    /// The body, 16-aligned; what it holds is not defined. All of it is sent.
    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    /// Makes the frame smaller than what was reserved.
    void shrink(size_t size) { bytes_ = bytes_.first(size); }

    /// Only a Channel makes one.
    class Key {
        friend class Channel;
        Key() = default;
    };
    Draft(Key, Channel* channel, Lane lane, uint16_t kind, uint64_t serial,
          std::span<std::byte> bytes)
        : channel_(channel), bytes_(bytes), serial_(serial), kind_(kind), lane_(lane) {}

  private:
    friend class Channel;
    void abandon();

    Channel* channel_;
    std::span<std::byte> bytes_;
    uint64_t serial_;
    uint16_t kind_;
    Lane lane_;
};

/// A received frame. Its bytes lie in the shared ring (or, if the peer sent them aside, in memory
/// of the channel): the peer may change them at any time, so each value is copied once
/// (rpc/shared_bytes.h) and the copy checked. One frame a lane at a time; done() or the destructor
/// gives its room back.
class Frame {
  public:
    Frame(Frame&& other) noexcept
        : channel_(std::exchange(other.channel_, nullptr)),
          bytes_(other.bytes_),
          serial_(other.serial_),
          kind_(other.kind_),
          lane_(other.lane_) {}
    Frame& operator=(Frame&&) = delete;
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    ~Frame() { done(); }

    [[nodiscard]] uint16_t kind() const { return kind_; }
    [[nodiscard]] uint64_t serial() const { return serial_; }
    [[nodiscard]] Lane lane() const { return lane_; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    /// The descriptors that came with it; empty the second time.
    [[nodiscard]] std::vector<UniqueFd> take_fds();
    /// As a Message for decode() (rpc/fields.h), with the descriptors. For what is rare.
    [[nodiscard]] Message message();
    /// bytes() are not to be used any more. More than once.
    void done() {
        bytes_ = {};
        if (channel_ != nullptr) give_back();
    }

    /// Only a Channel makes one.
    class Key {
        friend class Channel;
        Key() = default;
    };
    Frame(Key, Channel* channel, Lane lane, uint16_t kind, uint64_t serial,
          std::span<const std::byte> bytes)
        : channel_(channel), bytes_(bytes), serial_(serial), kind_(kind), lane_(lane) {}

  private:
    friend class Channel;
    void give_back();

    Channel* channel_;
    std::span<const std::byte> bytes_;
    uint64_t serial_;
    uint16_t kind_;
    Lane lane_;
};

/// How a receiver waits.
struct Patience {
    /// It wants to be woken only when so many frames are there (or the ring is half full, or the
    /// sender says Wake::at_once). Only while that many are sure to come.
    uint32_t wanted = 1;
    /// > 0: wants `wanted` frames for this long only, then any. For one that empties a lane and
    /// would be woken for each frame of a stream: a frame that comes after a rest is not delayed.
    std::chrono::microseconds linger{0};
    /// < 0: for ever; 0: only what is there. Else Errc::timed_out after that.
    std::chrono::nanoseconds limit{-1};
};

/// The connection of one user client: three rings in one sealed memfd, and a side socket that
/// carries only descriptors, what is too large for a ring, and the fact that the peer is gone.
/// opendextd makes both and hands each side its end; no call passes through opendextd.
///
/// Wake-ups are futexes in the shared memory, made only when the other side sleeps; a receiver
/// spins briefly where that pays (rpc/spin_policy.h). Every index and length read from the memory
/// is copied once and then checked; a value that cannot be closes the channel with a reason, never
/// the process. What is sent before a close is received.
///
/// Threads: any number of senders a lane, one receiver at a time a lane; the two receiving lanes of
/// the client are independent of each other. The end of the peer process is noticed at once
/// (rpc/peer_watch.h).
class Channel {
  public:
    enum class Side { client, driver };
    enum class Wait { block, dont_block };
    enum class Wake {
        later,    ///< a flush() or a commit with another Wake follows: only then it is sure to be
                  ///< seen
        now,      ///< wakes the receiver if it sleeps and has now what it wants
        at_once,  ///< wakes it whatever it wants
    };
    /// The largest body that lies in a ring. Larger ones go by send(Message).
    static constexpr size_t kMaxFrameBody = 16 * 1024;

    /// The shared memory of a new channel.
    static Result<UniqueFd> create_memory();
    /// Maps `memory` as one side. `side_socket` is that side's end of a Socket pair.
    static Result<std::unique_ptr<Channel>> attach(UniqueFd memory, Socket side_socket, Side side);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// Reserves room for a frame with a body of `size` bytes (at most kMaxFrameBody) on a lane that
    /// this side sends on. Errc::peer_gone once closed by either side; with `dont_block`
    /// Errc::no_space if there is no room now or another thread is sending.
    [[nodiscard]] Result<Draft> begin(Lane lane, uint16_t kind, uint64_t serial, size_t size,
                                      Wait wait = Wait::block);
    /// Sends it. The descriptors are sent first, so that they are there when the frame is seen;
    /// that may wait for the peer.
    Status commit(Draft&& draft, Wake wake = Wake::now, std::span<const UniqueFd> fds = {});
    /// What was committed with Wake::later is now to wake the receiver.
    void flush(Lane lane);

    /// The next frame of a lane that this side receives on; waits until there is one.
    /// Errc::peer_gone once closed, with the reason.
    [[nodiscard]] Result<Frame> receive(Lane lane, const Patience& patience = {});
    /// Whether receive() would return at once: a load. For who receives on that lane.
    [[nodiscard]] bool ready(Lane lane) const;

    /// For a receiver with an event loop, which polls a socket instead of waiting in receive(): the
    /// sender wakes it with a byte on `bell`, the other end of that socket, and never waits for it.
    /// Once a lane: false if it has a bell.
    [[nodiscard]] bool set_bell(Lane lane, UniqueFd bell);
    /// That receiver is about to wait for its bell. False: there is something to receive, or the
    /// channel is closed; it will not ring.
    [[nodiscard]] bool arm(Lane lane);
    /// Somebody who knows says that the peer is gone: as if the side socket had told. What the peer
    /// sent before is received.
    void peer_ended();
    /// 1 + the CPU on which the peer was seen last on this lane; 0: not known.
    [[nodiscard]] uint32_t peer_cpu(Lane lane) const;
    /// What the peer is about on a lane that this side sends on, for people: it may lie.
    struct PeerState {
        int64_t sleeps_since =
            0;                ///< it waits for a frame: begun_now() (rpc/age.h); 0: it does not
        uint32_t unread = 0;  ///< bytes in the ring that it has not taken
    };
    [[nodiscard]] PeerState peer_state(Lane lane) const;

    /// Messages, for what is rare: encoded by rpc/fields.h, of any size up to kMaxBody. They are
    /// frames like others, in order with them. `kind` up to 65535.
    Status send(const Message& message, Lane lane, Wake wake = Wake::now);
    /// The same on the lane that this side answers on: calls or replies.
    Status send(const Message& message) { return send(message, own_lane()); }
    /// Without waiting: Errc::no_space if the ring has no room now, or if the message is one that
    /// travels on the side socket (large, or with descriptors); nothing was sent then.
    Status try_send(const Message& message, Lane lane);
    Status try_send(const Message& message) { return try_send(message, own_lane()); }
    /// The next frame of calls or replies as a message.
    Result<Message> receive();

    /// Ends the channel for both sides and wakes every waiter. Any thread, more than once.
    void close(std::string reason);
    [[nodiscard]] bool closed() const;

  private:
    friend class Draft;
    friend class Frame;
    class Impl;
    Channel(std::unique_ptr<Impl> impl, Side side);
    [[nodiscard]] Lane own_lane() const {
        return side_ == Side::client ? Lane::calls : Lane::replies;
    }

    std::unique_ptr<Impl> impl_;
    const Side side_;
};

}  // namespace opendext
