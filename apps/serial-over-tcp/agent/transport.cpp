// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/transport.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "rpc/plain_calls.h"

namespace opendext::serial_tcp {
namespace {

msghdr message(std::span<const iovec> pieces) {
    msghdr header{};
    header.msg_iov = const_cast<iovec*>(pieces.data());
    header.msg_iovlen = pieces.size();
    return header;
}

Moved failed() {
    if (errno == EAGAIN) return Moved::block();
    // Keep-alive: the peer, or the way to it, is away.
    return Moved::over(errno == ETIMEDOUT ? "no answer while the link rested" : kPeerGone);
}

}  // namespace

Moved PlainTransport::send(std::span<const iovec> bytes) {
    const msghdr header = message(bytes);
    ssize_t sent = -1;
    do {
        sent = plain::sendmsg(socket_, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? failed() : Moved::some(static_cast<size_t>(sent));
}

Moved PlainTransport::receive(std::span<const iovec> room) {
    msghdr header = message(room);
    ssize_t got = -1;
    do {
        got = plain::recvmsg(socket_, &header, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return failed();
    return got == 0 ? Moved::over(kPeerGone) : Moved::some(static_cast<size_t>(got));
}

short PlainTransport::events(bool receive, bool send) const {
    return static_cast<short>((receive ? POLLIN : 0) | (send ? POLLOUT : 0));
}

}  // namespace opendext::serial_tcp
