// SPDX-License-Identifier: Apache-2.0
// Two ends that speak TLS, and somebody between them who changes bytes as the input says. Whatever
// is done to the bytes: what an end receives is the beginning of what the other sent, and neither
// end runs on for ever. The first byte chooses the protocol, whether callers need a certificate,
// and which way is changed.
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/tls.h"
#include "apps/serial-over-tcp/agent/wire.h"
#include "apps/serial-over-tcp/tests/certificates.h"
#include "rpc/fd.h"

using namespace opendext;
using namespace opendext::serial_tcp;

namespace {

constexpr size_t kStream = 40'000;  // a few records

struct Contexts {
    std::shared_ptr<TlsContext> connect, listen, listen_strict;
};

Contexts make_contexts() {
    char name[] = "/tmp/tls-fuzzer-XXXXXX";
    const std::filesystem::path folder = ::mkdtemp(name);
    const TestCertificate ca({.name = "ca", .ca = true});
    const std::string trusted = ca.write(folder, "ca");
    const std::string own = TestCertificate({}, &ca).write(folder, "own");
    const std::string key = (folder / "own.key").string();
    const auto made = [](const TlsOptions& options, TlsContext::Role role) {
        auto context = TlsContext::make(options, role, "localhost");
        if (!context.ok()) std::abort();
        return *context;
    };
    Contexts all;
    all.connect = made({true, trusted, "", own, key, ""}, TlsContext::Role::connect);
    all.listen = made({true, "", "", own, key, ""}, TlsContext::Role::listen);
    all.listen_strict = made({true, "", "", own, key, trusted}, TlsContext::Role::listen);
    std::filesystem::remove_all(folder);
    return all;
}

struct End final : WireOwner {
    End(int socket, const WireSetup& setup, char first) : wire(socket, setup, {}, *this) {
        for (size_t i = 0; i < kStream; ++i) stream += static_cast<char>(first + i * 31 % 64);
    }
    /// One turn: whether anything moved.
    bool turn() {
        if (over) return false;
        over = wire.step(true).gone();
        bool moved = false;
        if (!over && wire.open() && sent < stream.size()) {
            Stretch bytes;
            bytes.pieces[0] = {stream.data() + sent, stream.size() - sent};
            bytes.count = 1;
            bytes.size = stream.size() - sent;
            const Moved went = wire.send(bytes);
            over = went.gone();
            sent += went.bytes;
            moved = went.moved();
        }
        while (!over && wire.open()) {
            Stretch room;
            std::array<char, 3000> memory;
            room.pieces[0] = {memory.data(), memory.size()};
            room.count = 1;
            room.size = memory.size();
            const Moved got = wire.receive(room);
            over = got.gone();
            received.append(memory.data(), got.bytes);
            if (!got.moved()) break;
            moved |= got.bytes != 0;
        }
        return moved;
    }
    Wire wire;
    std::string stream;
    size_t sent = 0;
    std::string received;
    bool over = false;
};

/// Passes bytes on, and does to them what the input says: each step is a distance and what to do
/// there.
class Between {
  public:
    Between(const uint8_t* script, size_t size) : script_(script), left_(size) { next(); }

    bool pass(int from, int to, bool changed) {
        std::array<uint8_t, 16384> bytes;
        const ssize_t got = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got <= 0) return false;
        std::string out;
        for (size_t i = 0; i < static_cast<size_t>(got); ++i) {
            if (!changed || distance_ != 0) {
                distance_ -= changed && distance_ != kNever ? 1 : 0;
                out += static_cast<char>(bytes[i]);
                continue;
            }
            switch (action_ & 3) {
                case 0:  // another byte
                    out += static_cast<char>(bytes[i] ^ (1U << ((action_ >> 2) & 7)));
                    break;
                case 1:  // one is missing
                    break;
                case 2:  // some come twice
                    for (size_t j = i - std::min<size_t>(i, action_ >> 2); j <= i; ++j)
                        out += static_cast<char>(bytes[j]);
                    break;
                default:  // the input's own bytes
                    out += static_cast<char>(bytes[i]);
                    for (uint8_t n = action_ >> 2; n != 0 && left_ != 0; --n, --left_)
                        out += static_cast<char>(*script_++);
            }
            touched = true;
            next();
        }
        // An end that does not read what is sent to it has to be no reason to wait.
        (void)!::send(to, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return true;
    }
    bool touched = false;

  private:
    static constexpr size_t kNever = SIZE_MAX;
    void next() {
        distance_ = kNever;
        if (left_ < 3) return;
        distance_ = script_[0] + size_t{256} * (script_[1] & 63);
        action_ = script_[2];
        script_ += 3;
        left_ -= 3;
    }
    const uint8_t* script_;
    size_t left_;
    size_t distance_ = kNever;
    uint8_t action_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static const bool quiet = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
    static const Contexts contexts = make_contexts();
    if (size == 0 || !quiet) return 0;
    const uint8_t choice = bytes[0];
    int pair[4];
    for (int i = 0; i < 4; i += 2) {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair + i) != 0)
            std::abort();
    }
    const UniqueFd client_socket(pair[0]);
    UniqueFd client_side(pair[1]);
    const UniqueFd server_socket(pair[2]);
    UniqueFd server_side(pair[3]);

    WireSetup setup;
    setup.protocol = (choice & 1) != 0 ? telnet::Protocol::rfc2217 : telnet::Protocol::raw;
    setup.settle_after = setup.answer_limit = std::chrono::milliseconds(0);
    setup.tls = contexts.connect;
    End client(client_socket.get(), setup, 'A');
    setup.role = telnet::Session::Role::server;
    setup.tls = (choice & 2) != 0 ? contexts.listen_strict : contexts.listen;
    End server(server_socket.get(), setup, '0');

    Between between(bytes + 1, size - 1);
    const bool to_server = (choice & 4) != 0;
    bool moves = true;
    for (int turn = 0; moves; ++turn) {
        if (turn == 10'000) std::abort();
        moves = client.turn();
        moves |= between.pass(client_side.get(), server_side.get(), to_server);
        moves |= server.turn();
        moves |= between.pass(server_side.get(), client_side.get(), !to_server);
    }
    for (const auto& [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
        if (!from->stream.starts_with(to->received)) std::abort();
        if (!between.touched && to->received != from->stream) std::abort();
    }
    // Both ends close: neither waits for more.
    client_side.reset();
    server_side.reset();
    for (End* end : {&client, &server}) {
        for (int turn = 0; turn < 100 && !end->over; ++turn) end->turn();
        if (!end->over) std::abort();
        const End& other = end == &client ? server : client;
        if (!other.stream.starts_with(end->received)) std::abort();
    }
    return 0;
}
