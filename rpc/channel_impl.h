// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <string>

#include "rpc/channel.h"
#include "rpc/channel_layout.h"
#include "rpc/futex.h"
#include "rpc/futex_lock.h"
#include "rpc/ring.h"
#include "rpc/spin_policy.h"

namespace opendext {

class Channel::Impl {
  public:
    Impl(Mapping memory, Socket side_socket, Side side);
    ~Impl();
    /// Has to be called before anybody waits.
    Status watch_peer();

    /// begin() if there is nothing to wait for and nothing wrong; else nullptr, and begin() says.
    std::byte* begin_at_once(Lane lane, size_t size);
    Result<std::byte*> begin(Lane lane, size_t size, Wait wait);
    /// Releases what begin() took, whatever comes out.
    void commit(Lane lane, channel_layout::FrameHeader header, Wake wake);
    /// The same with what goes beside the ring.
    struct Aside {
        std::span<const uint8_t> body;
        std::span<const UniqueFd> fds;
    };
    Status commit(Lane lane, channel_layout::FrameHeader header, Wake wake, const Aside& aside,
                  Wait wait = Wait::block);
    void abandon(Lane lane) { sending(lane).mutex.unlock(); }
    void flush(Lane lane);
    Status send(const Message& message, Lane lane, Wake wake, Wait wait);

    /// receive() of a frame that is there and has nothing aside; false: receive() finds out.
    bool receive_at_once(Lane lane);
    /// Waits for the next frame; it stays there until done().
    Status receive(Lane lane, const Patience& patience);
    /// Of the frame that receive() found.
    channel_layout::FrameHeader header(Lane lane) { return receiving(lane).ring.header(); }
    std::span<const std::byte> body(Lane lane);
    bool ready(Lane lane) { return receiving(lane).ring.ready(); }
    bool set_bell(Lane lane, UniqueFd bell);
    bool arm(Lane lane);
    [[nodiscard]] uint32_t peer_cpu(Lane lane) const {
        return peer().cpu[conversation_of(lane)].load(std::memory_order_relaxed);
    }
    [[nodiscard]] PeerState peer_state(Lane lane) const;
    std::vector<UniqueFd> take_fds(Lane lane) { return std::move(receiving(lane).aside.fds); }
    void done(Lane lane);

    void close(std::string reason);
    void peer_ended();
    [[nodiscard]] bool closed() const {
        return closed_.load(std::memory_order_acquire) ||
               peer().closed.load(std::memory_order_acquire) != 0 ||
               peer_gone_.load(std::memory_order_acquire);
    }

  private:
    struct alignas(channel_layout::kLine) Sending {
        Sending(const Mapping& memory, Lane lane);
        FutexLock mutex;  ///< from begin() to commit()
        channel_layout::LaneControl& control;
        RingSender ring;
        std::atomic<int> bell{-1};  ///< how the receiver is woken, if not by its futex
        UniqueFd bell_owner;
        /// It sleeps, or is about to: its sleep word has been taken to 0.
        void wake() const;
    };
    struct alignas(channel_layout::kLine) Receiving {
        Receiving(const Mapping& memory, Lane lane);
        channel_layout::LaneControl& control;
        RingReceiver ring;
        SpinPolicy spin;
        Message aside;  ///< what came for the frame that is being looked at
        bool has_aside = false;
    };
    /// Calls and replies are one conversation of one thread on each side, events another.
    struct alignas(channel_layout::kLine) Conversation {
        std::atomic<uint32_t> published_cpu{0};
        std::atomic<bool> woke_peer{false};  ///< since the last wait
    };
    static constexpr size_t conversation_of(Lane lane) { return lane == Lane::events ? 1 : 0; }

    Sending& sending(Lane lane) { return sending_[static_cast<size_t>(lane)]; }
    Receiving& receiving(Lane lane) { return receiving_[static_cast<size_t>(lane)]; }
    Conversation& conversation(Lane lane) { return conversations_[conversation_of(lane)]; }
    [[nodiscard]] bool sends_on(Lane lane) const {
        return (lane == Lane::calls) == (side_ == static_cast<size_t>(Side::client));
    }
    [[nodiscard]] channel_layout::SideControl& own() const { return control_.sides[side_]; }
    [[nodiscard]] channel_layout::SideControl& peer() const { return control_.sides[1 - side_]; }

    void wake_own_sleepers();
    void publish_cpu(Lane lane);
    void wake_receiver(Lane lane, Sending& to, bool always);
    [[gnu::noinline]] static void publish_tail(Receiving& from);
    [[gnu::noinline]] static void drop_aside(Receiving& from);
    Status wait_for_room(Lane lane, Sending& to, uint32_t size);
    /// Waits, perhaps spinning first, until a frame is there, the channel is closed, or the limit
    /// is over. `deadline_ns` < 0: none.
    Status wait_for_frame(Lane lane, Receiving& from, const Patience& patience,
                          int64_t deadline_ns);
    bool spin(Lane lane, Receiving& from, uint32_t wanted);
    /// Lets the peer have the CPU, which is the same; true if a frame is there after.
    static bool yield(Receiving& from);
    /// Sleeps on `word` until `ready()`, or the channel is closed or the peer gone, or it is
    /// `until_ns` (< 0: no limit). True: not because of the time.
    template <typename Ready>
    bool sleep(std::atomic<uint32_t>& word, uint32_t value, int64_t until_ns, Ready ready);

    Status send_aside(Lane lane, uint64_t serial, const Aside& aside, Wait wait);
    Status receive_aside(Lane lane, Receiving& from);

    Error closed_error();
    Error corrupt(const std::string& what);

    Mapping memory_;
    Socket side_socket_;
    channel_layout::Control& control_;
    const size_t side_;
    std::array<Sending, channel_layout::kLanes> sending_;      ///< those of this side are used
    std::array<Receiving, channel_layout::kLanes> receiving_;  ///< the others
    std::array<Conversation, 2> conversations_;

    std::atomic<bool> closed_ = false;
    std::atomic<bool> peer_gone_ = false;
    uint64_t watch_number_ = 0;
    std::mutex reason_mutex_;
    std::string reason_;

    std::mutex aside_mutex_;  ///< receiving from the side socket
    std::array<std::deque<Message>, channel_layout::kLanes> kept_aside_;
    /// Messages on the side socket that another lane's frames have not asked for yet.
    static constexpr size_t kMaxKeptAside = 256;
};

}  // namespace opendext
