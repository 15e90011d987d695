// SPDX-License-Identifier: Apache-2.0
// Bytes of a peer against one connection, as a port owns it: rooms of several sizes, pieces, an end
// in the middle. What comes out has to be what a Telnet session that gets all bytes at once makes
// of them. The first byte chooses role, protocol and how the connection is settled; the second
// pieces and room.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/wire.h"
#include "rpc/fd.h"

using namespace opendext;
using namespace opendext::serial_tcp;

namespace {

/// What a session makes of the bytes, without sockets and pieces.
struct Reference final : telnet::SessionOwner {
    void on_data(telnet::Bytes bytes) override {
        data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    void on_mode(telnet::Mode) override {}
    telnet::LineSettings on_settings(const telnet::LineSettings& settings) override {
        return settings;
    }
    void on_modem_state(uint8_t) override {}
    void on_line_state(uint8_t) override {}
    void on_suspend(bool) override {}
    void on_purge(telnet::Purge) override {}
    void on_break() override {}
    void on_signature(const std::string&) override {}
    std::string data;
};

struct Owner final : WireOwner {};

class Port {
  public:
    Port(int socket, const WireSetup& setup, size_t room)
        : wire_(socket, setup, {}, owner_), room_(room) {}

    /// One turn of the owner: false once the connection is over.
    bool turn(bool receives) {
        if (over_) return false;
        over_ = wire_.step(receives).gone();
        while (!over_ && receives && wire_.open()) {
            Stretch room;
            const size_t first = room_.size() / 3;
            room.pieces = {iovec{room_.data() + first, room_.size() - first},
                           iovec{room_.data(), first}};
            room.count = 2;
            room.size = room_.size();
            const Moved got = wire_.receive(room);
            over_ = got.gone();
            if (got.bytes > room.size) std::abort();
            const size_t behind = std::min(got.bytes, room_.size() - first);
            received.append(room_.data() + first, behind);
            received.append(room_.data(), got.bytes - behind);
            if (!got.moved()) break;
        }
        return !over_;
    }
    std::string received;

  private:
    Owner owner_;
    Wire wire_;
    std::vector<char> room_;
    bool over_ = false;
};

/// What the wire has answered; gives how many bytes.
size_t drain(int socket) {
    std::array<char, 65536> bytes;
    size_t total = 0;
    for (ssize_t got; (got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0;)
        total += static_cast<size_t>(got);
    return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static const bool quiet = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
    if (size < 2 || !quiet) return 0;
    const uint8_t choice = bytes[0];
    const size_t piece = 1 + (bytes[1] & 15) * (bytes[1] & 15);
    const size_t room = size_t{3} << (bytes[1] >> 4);
    bytes += 2;
    size -= 2;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        std::abort();
    const UniqueFd near(ends[0]);
    UniqueFd far(ends[1]);

    WireSetup setup;
    setup.protocol = static_cast<telnet::Protocol>(choice & 3);
    setup.role = (choice & 4) != 0 ? telnet::Session::Role::server : telnet::Session::Role::client;
    // A silent peer is raw at once, or is waited for longer than this takes.
    const bool settles = (choice & 8) != 0;
    setup.settle_after = setup.answer_limit = std::chrono::milliseconds(settles ? 0 : 1'000'000);
    const bool reads = (choice & 16) != 0;  // it takes what it is answered
    // Every so many pieces the owner has no room.
    const size_t deaf = 1 + (choice >> 5);

    Reference reference;
    telnet::Session session(setup.protocol, setup.role, reference, "fuzz");
    std::string answers;
    session.start({}, answers);
    if (settles) session.settle_for_raw();
    session.feed({bytes, size}, answers);
    session.settle_for_raw();

    Port port(near.get(), setup, room);
    size_t answered = 0;
    size_t count = 0;
    bool alive = true;
    for (size_t at = 0; at < size && alive;) {
        const size_t wanted = std::min(piece, size - at);
        const ssize_t sent = ::send(far.get(), bytes + at, wanted, MSG_DONTWAIT);
        if (sent > 0) at += static_cast<size_t>(sent);
        alive = port.turn(++count % deaf != 0 || sent <= 0);
        if (reads || sent <= 0) answered += drain(far.get());
    }
    // The peer ends in order: all that it sent comes out, then the connection is over.
    ::shutdown(far.get(), SHUT_WR);
    const size_t turns = 64 + size / 16;
    for (size_t i = 0; i < turns && alive; ++i) {
        alive = port.turn(true);
        answered += drain(far.get());
    }
    // A peer that is still expected to say how it speaks is not heard to its end.
    const bool settled = settles || session.settled();
    if (settled && alive) std::abort();
    if (settled && port.received != reference.data) std::abort();
    if (!reference.data.starts_with(port.received)) std::abort();
    if (answered > 1024 + 64 * size) std::abort();
    return 0;
}
