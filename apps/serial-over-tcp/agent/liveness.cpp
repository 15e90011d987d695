// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/liveness.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace opendext::serial_tcp {

using std::chrono::milliseconds;

Liveness::Liveness(int socket, milliseconds timeout) : socket_(socket), timeout_(timeout) {
    const int on = 1;
    is_tcp_ = ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    if (!is_tcp_) return;
    // Asks after half of the time, and then three times: whole seconds is all that there is.
    const int count = 3;
    const int idle = std::max<int>(1, static_cast<int>(timeout.count() / 2000));
    const int interval = std::max<int>(1, static_cast<int>(timeout.count() / 6000));
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

Liveness::Verdict Liveness::look(Clock::time_point now) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (!is_tcp_ || ::getsockopt(socket_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return Verdict::quiet;
    if (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0) {
        waits_since_ = {};
        return Verdict::quiet;
    }
    // A closed window: the peer has told that it takes nothing for now, TCP asks it ever more
    // rarely, and no answer means nothing.
    const bool closed = info.tcpi_unacked == 0 ||
                        (size >= offsetof(tcp_info, tcpi_snd_wnd) + sizeof info.tcpi_snd_wnd &&
                         info.tcpi_snd_wnd == 0);
    if (closed || waits_since_ == Clock::time_point{}) {
        waits_since_ = now;
        return Verdict::waiting;
    }
    const auto answered = now - milliseconds(info.tcpi_last_ack_recv);
    return now - std::max(waits_since_, answered) >= timeout_ ? Verdict::gone : Verdict::waiting;
}

}  // namespace opendext::serial_tcp
