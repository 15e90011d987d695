// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "rpc/age.h"
#include "rpc/channel.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::runtime {

/// Sends to a client program on one lane and does not wait for it, since the queue of a driver
/// serves others too: what does not fit the ring is kept and sent by a thread of its own, in order.
/// A client that lets too much pile up loses the connection. Any thread.
class LaneSender {
  public:
    /// What may pile up for a client that does not read.
    static constexpr size_t kMaxKept = 8 * 1024 * 1024;
    /// From here on pace() waits: for a client that takes kLeastTaken within kPatience. One that
    /// does not is not waited for again before it has taken everything.
    static constexpr size_t kCrowded = 1024 * 1024;
    static constexpr size_t kLeastTaken = 64 * 1024;
    static constexpr std::chrono::milliseconds kPatience{500};

    /// What a sender needs of its connection.
    class Owner {
      public:
        /// Keeps the sender alive on the thread that empties it.
        virtual std::shared_ptr<Owner> keep() = 0;
        /// The connection ends.
        virtual void fail(const Error& error) = 0;

        virtual ~Owner() = default;
    };
    LaneSender(Channel& channel, Lane lane, Owner& owner)
        : channel_(channel), lane_(lane), owner_(owner) {}

    /// `fill` writes a body of `size` bytes, in the ring if that has room.
    template <typename Fill>
    void send(protocol::user_client::Kind kind, uint64_t serial, size_t size, const Fill& fill) {
        const auto number = static_cast<uint16_t>(kind);
        // What this thread sent before is in the ring or has set sending_kept_.
        if (try_send(number, serial, size, fill)) [[likely]]
            return;
        Lock lock(mutex_);
        // Perhaps only another thread was sending just then.
        for (int i = 0; i < kTries; ++i) {
            if (try_send(number, serial, size, fill)) return;
        }
        Message message;
        message.kind = number;
        message.serial = serial;
        message.body.resize(size);
        fill(std::as_writable_bytes(std::span(message.body)));
        keep(lock, std::move(message));
    }
    /// For what is rare, or has descriptors.
    void send(Message message);
    /// Before what a driver sends by itself, as much as it likes: keeps it from outrunning a client
    /// that takes its messages, if not as fast.
    void pace() {
        if (crowded_.load(std::memory_order_relaxed)) wait_while_crowded();
    }

    /// What has no room in the ring.
    struct Kept {
        size_t messages = 0;
        uint64_t age_ms = 0;  ///< since there has been any
    };
    [[nodiscard]] Kept kept() const {
        const Lock lock(mutex_);
        return {kept_.size(), sending_kept_ ? age_ms(kept_since_) : 0};
    }

  private:
    using Lock = std::unique_lock<std::mutex>;
    static constexpr int kTries = 100;

    /// True: it is sent, or nothing can be sent any more.
    template <typename Fill>
    bool try_send(uint16_t kind, uint64_t serial, size_t size, const Fill& fill) {
        if (size > Channel::kMaxFrameBody || sending_kept_.load(std::memory_order_acquire))
            [[unlikely]]
            return false;
        auto draft = channel_.begin(lane_, kind, serial, size, Channel::Wait::dont_block);
        if (draft.ok()) [[likely]] {
            fill(draft->bytes());
            const Status sent = channel_.commit(std::move(*draft));
            if (!sent.ok()) [[unlikely]]
                owner_.fail(sent.error());
            return true;
        }
        if (draft.error().code == Errc::no_space) return false;
        owner_.fail(draft.error());
        return true;
    }
    void keep(Lock& lock, Message message);
    void failed(Lock& lock, const Error& error);
    void send_kept();
    void wait_while_crowded();

    Channel& channel_;
    const Lane lane_;
    Owner& owner_;
    mutable std::mutex mutex_;
    std::deque<Message> kept_;
    int64_t kept_since_ = 0;
    size_t kept_bytes_ = 0;
    size_t taken_bytes_ = 0;             // of what was kept
    std::atomic<bool> crowded_ = false;  // kept_bytes_ > kCrowded, and the client is waited for
    bool stalled_ = false;
    std::condition_variable room_;
    std::atomic<bool> sending_kept_{false};  // a thread empties kept_; changed with the mutex
};

}  // namespace opendext::runtime
