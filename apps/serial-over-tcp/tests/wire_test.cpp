// SPDX-License-Identifier: Apache-2.0
// Two wires joined by a socket pair, and one wire with peers that know less.
#include "apps/serial-over-tcp/agent/wire.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <span>
#include <vector>

#include "apps/serial-over-tcp/agent/tls.h"
#include "apps/serial-over-tcp/tests/certificates.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;
using telnet::LineSettings;
using telnet::Mode;
using telnet::Protocol;
using Role = telnet::Session::Role;

Stretch whole(const std::string& bytes) {
    Stretch stretch;
    stretch.pieces[0] = {const_cast<char*>(bytes.data()), bytes.size()};
    stretch.count = 1;
    stretch.size = bytes.size();
    return stretch;
}

std::string random_bytes(size_t size) {
    std::minstd_rand random(1);
    std::string bytes(size, 0);
    // The first byte says nothing of Telnet.
    for (char& byte : std::span(bytes).subspan(1)) {
        const auto value = random() >> 8;
        // Many of those that Telnet escapes.
        byte = value % 4 == 0 ? '\xff' : value % 4 == 1 ? '\r' : static_cast<char>(value >> 4);
    }
    return bytes;
}

/// One end: a wire, what its owner hears, bytes to send and those that came. Its room is two pieces
/// of a small ring, as those of a port are.
struct End final : WireOwner {
    End(int socket, const WireSetup& setup, const LineSettings& settings = {})
        : wire(socket, setup, settings, *this) {}

    LineSettings on_settings(const LineSettings& settings) override {
        line = settings;
        return settings;
    }
    void on_modem_state(uint8_t state) override { modem = state; }
    void on_line_state(uint8_t state) override { line_state |= state; }
    void on_purge(telnet::Purge what) override { purged = what; }
    void on_break() override { ++breaks; }
    void on_signature(const std::string& text) override { signature = text; }

    void fail(const Moved& moved) {
        if (moved.gone() && end.empty()) end = moved.reason;
    }
    /// One turn, as a port does it.
    void turn() {
        if (!end.empty()) return;
        fail(wire.step(has_room));
        for (int batch = 0; batch < 8 && end.empty() && wire.open(); ++batch) {
            bool moved = false;
            if (!to_send.empty()) {
                const Moved sent = wire.send(whole(to_send));
                fail(sent);
                to_send.erase(0, sent.bytes);
                moved |= sent.moved();
            }
            if (has_room && end.empty()) {
                Stretch room;
                room.pieces = {iovec{ring.data() + 100, ring.size() - 100},
                               iovec{ring.data(), 100}};
                room.count = 2;
                room.size = ring.size();
                const Moved got = wire.receive(room);
                fail(got);
                const size_t first = std::min(got.bytes, ring.size() - 100);
                received.append(ring.data() + 100, first);
                received.append(ring.data(), got.bytes - first);
                moved |= got.moved();
            }
            if (!moved) break;
        }
    }

    Wire wire;
    LineSettings line;
    uint8_t modem = 0;
    uint8_t line_state = 0;
    std::optional<telnet::Purge> purged;
    int breaks = 0;
    std::string signature;
    std::string to_send;
    std::string received;
    std::string end;
    bool has_room = true;
    std::vector<char> ring = std::vector<char>(700);
};

class WireTest : public testing::Test {
  protected:
    WireTest() {
        ::signal(SIGPIPE, SIG_IGN);
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        near.reset(fds[0]);
        far.reset(fds[1]);
    }
    static WireSetup setup(Protocol protocol, Role role) {
        WireSetup setup;
        setup.protocol = protocol;
        setup.role = role;
        setup.settle_after = milliseconds(50);
        setup.answer_limit = milliseconds(200);
        return setup;
    }
    /// Turns of both until `done`, or nothing more comes of it.
    template <typename Condition>
    static bool run(End& one, End* other, Condition done) {
        const auto end = Wire::Clock::now() + std::chrono::seconds(20);
        while (!done()) {
            if (Wire::Clock::now() > end) return false;
            one.turn();
            if (other != nullptr) other->turn();
        }
        return true;
    }
    std::string say(const std::string& bytes) {
        EXPECT_EQ(::write(far.get(), bytes.data(), bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
        return bytes;
    }
    std::string hear() {
        char buffer[4096];
        const ssize_t got = ::read(far.get(), buffer, sizeof buffer);
        return {buffer, static_cast<size_t>(std::max<ssize_t>(got, 0))};
    }
    UniqueFd near;
    UniqueFd far;
};

class EveryProtocol : public WireTest, public testing::WithParamInterface<Protocol> {};

TEST_P(EveryProtocol, CarriesEveryByteBothWays) {
    End client(near.get(), setup(GetParam(), Role::client));
    End server(far.get(), setup(GetParam(), Role::server));
    const std::string up = random_bytes(300'000);
    const std::string down = random_bytes(200'000);
    client.to_send = up;
    server.to_send = down;
    ASSERT_TRUE(run(client, &server,
                    [&] {
                        return server.received.size() >= up.size() &&
                               client.received.size() >= down.size();
                    }))
        << client.end << server.end << server.received.size();
    EXPECT_TRUE(server.received == up);
    EXPECT_TRUE(client.received == down);
}

INSTANTIATE_TEST_SUITE_P(All, EveryProtocol,
                         testing::Values(Protocol::raw, Protocol::telnet, Protocol::rfc2217,
                                         Protocol::automatic),
                         [](const auto& info) { return telnet::to_string(info.param); });

TEST_F(WireTest, SetsTheServersLineAndHearsOfIt) {
    LineSettings wanted;
    wanted.baud_rate = 57600;
    wanted.data_size = 7;
    wanted.parity = telnet::Parity::even;
    End client(near.get(), setup(Protocol::rfc2217, Role::client), wanted);
    End server(far.get(), setup(Protocol::rfc2217, Role::server));
    ASSERT_TRUE(run(client, &server, [&] { return client.wire.confirmed() == wanted; }));
    EXPECT_EQ(server.line, wanted);
    EXPECT_FALSE(server.signature.empty());
    wanted.dtr = false;
    wanted.break_on = true;
    client.wire.set(wanted);
    client.wire.purge(telnet::Purge::both);
    ASSERT_TRUE(run(client, &server, [&] { return server.purged.has_value(); }));
    EXPECT_EQ(server.line, wanted);
    server.wire.tell_modem_state(telnet::modem::kClearToSend);
    server.wire.tell_line_state(telnet::line::kParityError);
    ASSERT_TRUE(run(client, &server, [&] { return client.line_state != 0; }));
    EXPECT_EQ(client.modem & 0xf0, telnet::modem::kClearToSend);
    EXPECT_EQ(client.line_state, telnet::line::kParityError);
}

TEST_F(WireTest, AnswersThePeerWhileNobodyHasRoom) {
    End client(near.get(), setup(Protocol::rfc2217, Role::client));
    End server(far.get(), setup(Protocol::rfc2217, Role::server));
    server.has_room = false;
    client.to_send = "early";
    ASSERT_TRUE(run(client, &server, [&] { return client.wire.confirmed().has_value(); }));
    EXPECT_EQ(server.received, "");
    server.has_room = true;
    ASSERT_TRUE(run(client, &server, [&] { return server.received == "early"; }));
}

TEST_F(WireTest, SendsNothingWhileThePeerSuspends) {
    End client(near.get(), setup(Protocol::rfc2217, Role::client));
    End server(far.get(), setup(Protocol::rfc2217, Role::server));
    ASSERT_TRUE(run(client, &server, [&] { return client.wire.confirmed().has_value(); }));
    server.wire.suspend(true);
    server.turn();
    client.turn();
    EXPECT_TRUE(client.wire.send(whole("held")).blocked());
    EXPECT_EQ(client.wire.events(true, true) & POLLOUT, 0) << "it would wake for nothing";
    server.wire.suspend(false);
    client.to_send = "held";
    ASSERT_TRUE(run(client, &server, [&] { return server.received == "held"; }));
}

TEST_F(WireTest, KeepsToPlainTelnetWhereEverythingElseIsRefused) {
    End client(near.get(), setup(Protocol::rfc2217, Role::client));
    client.turn();
    // DONT to every WILL, WONT to every DO.
    std::string answer;
    const std::string asked = hear();
    EXPECT_EQ(client.wire.text(), "Telnet negotiation");
    for (size_t at = 0; at + 2 < asked.size(); at += 3)
        answer += {'\xff', asked[at + 1] == '\xfb' ? '\xfe' : '\xfc', asked[at + 2]};
    say(answer + "ok");
    client.to_send = "\xff\r";
    ASSERT_TRUE(run(client, nullptr, [&] { return client.received == "ok"; }));
    EXPECT_EQ(client.wire.mode(), Mode::telnet);
    EXPECT_FALSE(client.wire.confirmed());
    client.turn();
    EXPECT_EQ(hear(), std::string("\xff\xff\r\0", 4)) << "not binary: CR is CR NUL";
}

TEST_F(WireTest, TakesBytesOfAPeerThatKnowsNothingOfTelnet) {
    End client(near.get(), setup(Protocol::rfc2217, Role::client));
    say("login: ");
    ASSERT_TRUE(run(client, nullptr, [&] { return client.received == "login: "; }));
    EXPECT_EQ(client.wire.mode(), Mode::telnet);
}

TEST_F(WireTest, SettlesForRawWithASilentPeer) {
    End client(near.get(), setup(Protocol::automatic, Role::client));
    EXPECT_EQ(client.wire.state(), Wire::State::deciding);
    EXPECT_NE(client.wire.deadline(), Wire::Clock::time_point{});
    client.to_send = "\xff";
    ASSERT_TRUE(run(client, nullptr, [&] { return client.to_send.empty(); }));
    EXPECT_EQ(client.wire.mode(), Mode::raw);
    EXPECT_EQ(hear(), "\xff");
}

TEST_F(WireTest, DeliversWhatCameBeforeTheEnd) {
    End server(near.get(), setup(Protocol::telnet, Role::server));
    server.has_room = false;
    say("last words");
    far.reset();
    server.turn();
    server.turn();
    EXPECT_EQ(server.end, "");
    EXPECT_FALSE(server.wire.drained());
    server.has_room = true;
    ASSERT_TRUE(run(server, nullptr, [&] { return !server.end.empty(); }));
    EXPECT_EQ(server.received, "last words");
    EXPECT_EQ(server.end, kPeerGone);
    EXPECT_EQ(server.wire.state(), Wire::State::gone);
}

TEST_F(WireTest, StopsHearingAPeerThatTakesNoAnswers) {
    const int small = 1;
    ::setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    End server(near.get(), setup(Protocol::telnet, Role::server));
    std::string questions;
    for (int i = 0; i < 1000; ++i) questions += "\xff\xf6";  // are you there?
    size_t said = 0;
    for (int round = 0; round < 2000; ++round) {
        const ssize_t wrote = ::write(far.get(), questions.data(), questions.size());
        if (wrote > 0) said += static_cast<size_t>(wrote);
        server.turn();
        ASSERT_EQ(server.end, "");
        if (wrote < 0 && (server.wire.events(true, false) & POLLIN) == 0) break;
    }
    EXPECT_EQ(server.wire.events(true, false) & POLLIN, 0) << said;
    EXPECT_LT(said, 1'000'000u);
}

// --- TLS

class TlsTest : public WireTest {
  protected:
    TlsTest() {
        std::string name = testing::TempDir() + "wire-tls-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        ca_file = ca.write(folder, "ca");
    }
    ~TlsTest() override { std::filesystem::remove_all(folder); }

    TlsOptions listening(const TestCertificate& certificate, const std::string& name) {
        TlsOptions options;
        options.on = true;
        options.certificate = certificate.write(folder, name);
        options.key = folder / (name + ".key");
        return options;
    }
    TlsOptions connecting() {
        TlsOptions options;
        options.on = true;
        options.ca = ca_file;
        return options;
    }
    WireSetup secured(Protocol protocol, Role role, const TlsOptions& options,
                      const std::string& host = "localhost") {
        WireSetup made = setup(protocol, role);
        auto context = TlsContext::make(
            options, role == Role::client ? TlsContext::Role::connect : TlsContext::Role::listen,
            host);
        EXPECT_TRUE(context.ok()) << context.error().text();
        if (context.ok()) made.tls = *context;
        return made;
    }
    /// Both ends' verdicts of a handshake that fails.
    std::pair<std::string, std::string> refuse(const TlsOptions& client_options,
                                               const TlsOptions& server_options) {
        End client(near.get(), secured(Protocol::raw, Role::client, client_options));
        End server(far.get(), secured(Protocol::raw, Role::server, server_options));
        EXPECT_TRUE(
            run(client, &server, [&] { return !client.end.empty() && !server.end.empty(); }));
        EXPECT_EQ(client.received + server.received, "");
        return {client.end, server.end};
    }
    std::filesystem::path folder;
    TestCertificate ca{{.name = "test CA", .ca = true}};
    TestCertificate own{{.name = "localhost"}, &ca};
    std::string ca_file;
};

TEST_F(TlsTest, CarriesEveryByteBothWays) {
    for (const Protocol protocol : {Protocol::raw, Protocol::rfc2217}) {
        int fds[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        near.reset(fds[0]);
        far.reset(fds[1]);
        End client(near.get(), secured(protocol, Role::client, connecting()));
        End server(far.get(), secured(protocol, Role::server, listening(own, "own")));
        EXPECT_EQ(client.wire.text(), "TLS handshake");
        const std::string up = random_bytes(400'000);
        const std::string down = random_bytes(300'000);
        client.to_send = up;
        server.to_send = down;
        ASSERT_TRUE(run(client, &server,
                        [&] {
                            return server.received.size() >= up.size() &&
                                   client.received.size() >= down.size();
                        }))
            << client.end << server.end;
        EXPECT_TRUE(server.received == up);
        EXPECT_TRUE(client.received == down);
    }
}

TEST_F(TlsTest, EncryptsWhatGoesOverTheSocket) {
    End client(near.get(), secured(Protocol::raw, Role::client, connecting()));
    client.turn();
    const std::string hello = hear();
    ASSERT_FALSE(hello.empty());
    EXPECT_EQ(hello[0], 22) << "a handshake record";
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
    const TestCertificate other({.name = "elsewhere.example"}, &ca);
    EXPECT_EQ(refuse(connecting(), listening(other, "other")).first,
              "TLS: the certificate is not for localhost");
    TlsOptions named = connecting();
    named.name = "elsewhere.example";
    EXPECT_TRUE(TlsContext::make(named, TlsContext::Role::connect, "localhost").ok());
}

TEST_F(TlsTest, TakesTheNameThatTheUserGives) {
    const TestCertificate other({.name = "elsewhere.example"}, &ca);
    TlsOptions named = connecting();
    named.name = "elsewhere.example";
    End client(near.get(), secured(Protocol::raw, Role::client, named));
    End server(far.get(), secured(Protocol::raw, Role::server, listening(other, "other")));
    client.to_send = "hello";
    ASSERT_TRUE(run(client, &server, [&] { return server.received == "hello"; })) << client.end;
}

TEST_F(TlsTest, RefusesAnExpiredCertificate) {
    const TestCertificate old({.valid_from = -7200, .valid_to = -3600}, &ca);
    const auto [client, server] = refuse(connecting(), listening(old, "old"));
    EXPECT_EQ(client, "TLS: the certificate has expired");
    EXPECT_EQ(server.substr(0, 5), "TLS: ") << server;
}

TEST_F(TlsTest, RefusesAnUnknownCa) {
    const TestCertificate other_ca({.name = "other CA", .ca = true});
    const TestCertificate foreign({}, &other_ca);
    EXPECT_EQ(refuse(connecting(), listening(foreign, "foreign")).first,
              "TLS: the certificate is of an unknown CA");
}

TEST_F(TlsTest, RefusesASelfSignedCertificate) {
    const TestCertificate self{TestCertificate::Wish{}};
    EXPECT_EQ(refuse(connecting(), listening(self, "self")).first,
              "TLS: the certificate is of an unknown CA");
}

TEST_F(TlsTest, DemandsCertificatesOfCallers) {
    TlsOptions strict = listening(own, "own");
    strict.client_ca = ca_file;
    const auto [client, server] = refuse(connecting(), strict);
    EXPECT_EQ(server, "TLS: the caller has no certificate");
    EXPECT_NE(client, "");
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
    TlsOptions known = connecting();
    const TestCertificate caller({.name = "caller"}, &ca);
    known.certificate = caller.write(folder, "caller");
    known.key = folder / "caller.key";
    End welcome(near.get(), secured(Protocol::raw, Role::client, known));
    End host(far.get(), secured(Protocol::raw, Role::server, strict));
    welcome.to_send = "hello";
    ASSERT_TRUE(run(welcome, &host, [&] { return host.received == "hello"; }))
        << welcome.end << host.end;
}

TEST_F(TlsTest, SaysThatThePeerDoesNotSpeakTls) {
    End client(near.get(), secured(Protocol::raw, Role::client, connecting()));
    say("SSH-2.0-OpenSSH\r\n");
    ASSERT_TRUE(run(client, nullptr, [&] { return !client.end.empty(); }));
    EXPECT_EQ(client.end, "TLS: the peer does not speak TLS");
}

TEST_F(TlsTest, GivesUpOnASilentPeer) {
    WireSetup impatient = secured(Protocol::raw, Role::client, connecting());
    impatient.handshake_limit = milliseconds(50);
    End client(near.get(), impatient);
    ASSERT_TRUE(run(client, nullptr, [&] { return !client.end.empty(); }));
    EXPECT_EQ(client.end, "TLS handshake: no answer");
}

TEST_F(TlsTest, SaysThatThePeerClosedInTheHandshake) {
    End client(near.get(), secured(Protocol::raw, Role::client, connecting()));
    client.turn();
    far.reset();
    ASSERT_TRUE(run(client, nullptr, [&] { return !client.end.empty(); }));
    EXPECT_EQ(client.end, "TLS: the peer closed during the handshake");
}

TEST_F(TlsTest, SaysPeerGoneAtTheEnd) {
    End client(near.get(), secured(Protocol::raw, Role::client, connecting()));
    {
        End server(far.get(), secured(Protocol::raw, Role::server, listening(own, "own")));
        server.to_send = "bye";
        ASSERT_TRUE(run(client, &server, [&] { return client.received == "bye"; }));
    }
    far.reset();
    ASSERT_TRUE(run(client, nullptr, [&] { return !client.end.empty(); }));
    EXPECT_EQ(client.end, kPeerGone);
}

TEST_F(TlsTest, NamesTheOptionThatIsWrong) {
    const auto problem = [](const TlsOptions& options, TlsContext::Role role,
                            const std::string& host = "localhost") {
        const auto made = TlsContext::make(options, role, host);
        return made.ok() ? std::string("none") : made.error().text();
    };
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    using R = TlsContext::Role;
    TlsOptions options;
    options.on = true;
    EXPECT_TRUE(has(problem(options, R::listen), "--tls-cert FILE"));
    EXPECT_TRUE(has(problem(options, R::connect, ""), "--tls-name"));
    EXPECT_EQ(problem(options, R::connect), "none") << "the system's CAs";
    options.ca = "/nowhere/ca.pem";
    EXPECT_TRUE(has(problem(options, R::connect), "--tls-ca /nowhere/ca.pem: No such file"));
    TlsOptions mixed = listening(own, "own");
    mixed.key = listening(TestCertificate({}, &ca), "second").key;
    EXPECT_TRUE(has(problem(mixed, R::listen), "--tls-key "));
    mixed = listening(own, "own");
    mixed.ca = ca_file;
    EXPECT_TRUE(has(problem(mixed, R::listen), "--tls-client-ca"));
    mixed = connecting();
    mixed.certificate = own.write(folder, "own");
    EXPECT_TRUE(has(problem(mixed, R::connect), "--tls-key"));
}

}  // namespace
}  // namespace opendext::serial_tcp
