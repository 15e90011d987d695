// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "rpc/channel.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::runtime {

/// Sends to a client program on one lane and never waits for it, since the queue of a driver serves
/// others too: what does not fit the ring is kept and sent by a thread of its own, in order. A
/// client that lets too much pile up loses the connection. Any thread.
class LaneSender {
  public:
    /// What may pile up for a client that does not read.
    static constexpr size_t kMaxKept = 8 * 1024 * 1024;

    /// What a sender needs of its connection.
    class Owner {
      public:
        /// Keeps the sender alive on the thread that empties it.
        virtual std::shared_ptr<Owner> keep() = 0;
        /// Nothing more can be sent.
        virtual void send_failed(const Error& error) = 0;

        virtual ~Owner() = default;
    };
    LaneSender(Channel& channel, Lane lane, Owner& owner)
        : channel_(channel), lane_(lane), owner_(owner) {}

    /// `fill` writes a body of `size` bytes, in the ring if that has room.
    template <typename Fill>
    void send(protocol::user_client::Kind kind, uint64_t serial, size_t size, const Fill& fill) {
        const auto number = static_cast<uint16_t>(kind);
        std::unique_lock lock(mutex_);
        if (!sending_kept_ && size <= Channel::kMaxFrameBody) {
            auto draft = channel_.begin(lane_, number, serial, size, Channel::Wait::dont_block);
            if (draft.ok()) {
                fill(draft->bytes());
                const Status sent = channel_.commit(std::move(draft).value());
                lock.unlock();
                if (!sent.ok()) owner_.send_failed(sent.error());
                return;
            }
            if (draft.error().code != Errc::no_space) return failed(lock, draft.error());
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

  private:
    using Lock = std::unique_lock<std::mutex>;
    void keep(Lock& lock, Message message);
    void failed(Lock& lock, const Error& error);
    void send_kept();

    Channel& channel_;
    const Lane lane_;
    Owner& owner_;
    std::mutex mutex_;
    std::deque<Message> kept_;
    size_t kept_bytes_ = 0;
    bool sending_kept_ = false;  // a thread empties kept_
};

}  // namespace opendext::runtime
