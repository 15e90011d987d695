// SPDX-License-Identifier: Apache-2.0
// What does not go through a ring: descriptors and large bodies travel on the side socket, and the
// ring holds a frame in their place, so that order is kept. Both receiving lanes of a client read
// that one socket: whoever finds a message of the other lane keeps it for it.
#include <poll.h>

#include <cstring>

#include "rpc/channel_impl.h"

namespace opendext {
namespace {

/// A sender looks so often whether the channel was closed while the peer does not read.
constexpr int kSliceMs = 100;

/// A message whose descriptors belong to somebody else.
class Borrowed {
  public:
    Borrowed(Lane lane, uint64_t serial, std::span<const uint8_t> body,
             std::span<const UniqueFd> fds) {
        message_.kind = static_cast<uint32_t>(lane);
        message_.serial = serial;
        message_.body.assign(body.begin(), body.end());
        for (const UniqueFd& fd : fds) message_.fds.emplace_back(fd.get());
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() {
        for (UniqueFd& fd : message_.fds) (void)fd.release();
    }
    [[nodiscard]] const Message& get() const { return message_; }

  private:
    Message message_;
};

}  // namespace

Status Channel::Impl::send_aside(Lane lane, uint64_t serial, const Aside& aside, Wait wait) {
    const Borrowed message(lane, serial, aside.body, aside.fds);
    for (;;) {
        Status sent = side_socket_.send(message.get(), Socket::Wait::dont_block);
        if (sent.ok()) return success();
        if (sent.error().code != Errc::no_space) {
            if (sent.error().code == Errc::peer_gone) close("the other side ended");
            return sent;
        }
        if (wait == Wait::dont_block) return sent;
        // The peer reads it when it comes to the frames that were sent before.
        Sending& to = sending(lane);
        to.ring.publish(std::memory_order_seq_cst);
        wake_receiver(lane, to, true);
        pollfd writable{side_socket_.fd(), POLLOUT, 0};
        ::poll(&writable, 1, kSliceMs);
        if (closed()) return closed_error();
    }
}

Status Channel::Impl::receive_aside(Lane lane, Receiving& from) {
    const std::lock_guard lock(aside_mutex_);
    std::deque<Message>& kept = kept_aside_[static_cast<size_t>(lane)];
    while (kept.empty()) {
        Result<std::optional<Message>> received = side_socket_.receive(Socket::Wait::dont_block);
        if (!received.ok()) return corrupt(received.error().text());
        if (!received.value()) return corrupt("a message on the side socket is missing");
        const uint32_t of = received.value()->kind;
        if (of >= kept_aside_.size() || sends_on(static_cast<Lane>(of)))
            return corrupt("a message on the side socket is of no lane");
        if (kept_aside_[of].size() >= kMaxKeptAside)
            return corrupt("too much on the side socket that no frame speaks of");
        kept_aside_[of].push_back(std::move(**received));
    }
    from.aside = std::move(kept.front());
    from.has_aside = true;
    kept.pop_front();
    if (from.aside.serial != from.ring.header().serial)
        return corrupt("a message on the side socket belongs to another frame");
    return success();
}

Status Channel::Impl::send(const Message& message, Lane lane, Wake wake, Wait wait) {
    if (message.body.size() > kMaxBody || message.fds.size() > kMaxMessageFds ||
        message.kind > UINT16_MAX) {
        return Error{Errc::invalid, 0, "message is too large to send"};
    }
    const bool large = message.body.size() > kMaxFrameBody;
    const size_t size = large ? 0 : message.body.size();
    std::byte* const body = OD_TRY(begin(lane, size, wait));
    if (size != 0) std::memcpy(body, message.body.data(), size);
    const channel_layout::FrameHeader header{
        static_cast<uint32_t>(size), static_cast<uint16_t>(message.kind), 0, message.serial};
    if (large || !message.fds.empty()) {
        const auto body_aside = large ? std::span(message.body) : std::span<const uint8_t>();
        return commit(lane, header, wake, {body_aside, message.fds}, wait);
    }
    commit(lane, header, wake);
    return success();
}

}  // namespace opendext
