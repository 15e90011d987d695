// SPDX-License-Identifier: Apache-2.0
#include "rpc/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

namespace opendext {
namespace {

using namespace std::chrono_literals;

Message make(uint32_t kind, size_t size, size_t fds = 0) {
    Message message;
    message.kind = kind;
    message.serial = 0x123456789abcdef;
    message.body.resize(size);
    for (size_t i = 0; i < size; ++i) message.body[i] = static_cast<uint8_t>(i * 7);
    for (size_t i = 0; i < fds; ++i) message.fds.emplace_back(::memfd_create("x", MFD_CLOEXEC));
    return message;
}

size_t open_descriptors() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        static_cast<void>(entry);
        ++count;
    }
    return count;
}

class SocketTest : public testing::Test {
  protected:
    SocketTest() : ends_(std::move(Socket::pair()).value()) {}
    /// What a peer can do that does not use our code.
    void send_raw(const std::vector<uint8_t>& bytes, const std::vector<int>& fds = {}) const {
        iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
        msghdr datagram{};
        datagram.msg_iov = &part;
        datagram.msg_iovlen = 1;
        std::vector<char> control(CMSG_SPACE(sizeof(int) * fds.size()));
        if (!fds.empty()) {
            datagram.msg_control = control.data();
            datagram.msg_controllen = control.size();
            cmsghdr* head = CMSG_FIRSTHDR(&datagram);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::memcpy(CMSG_DATA(head), fds.data(), sizeof(int) * fds.size());
        }
        ASSERT_EQ(::sendmsg(ends_.first.fd(), &datagram, 0), static_cast<ssize_t>(bytes.size()));
    }
    /// magic, kind, serial, flags, body size; then the body.
    static std::vector<uint8_t> raw(uint32_t magic, uint32_t flags, uint32_t size, size_t body) {
        std::vector<uint8_t> bytes(24 + body);
        std::memcpy(bytes.data(), &magic, 4);
        std::memcpy(bytes.data() + 16, &flags, 4);
        std::memcpy(bytes.data() + 20, &size, 4);
        return bytes;
    }
    Errc receive_error() const {
        const auto received = ends_.second.receive(Socket::Wait::dont_block);
        return received.ok() ? Errc::unknown : received.error().code;
    }
    static constexpr uint32_t kMagic = 0x5458444f;
    static constexpr uint32_t kBodyInMemory = 1;
    std::pair<Socket, Socket> ends_;
};

TEST_F(SocketTest, MessagesOfEverySizeComeBackWhole) {
    for (const size_t size : {size_t{0}, size_t{1}, kMaxInlineBody - 1, kMaxInlineBody,
                              kMaxInlineBody + 1, size_t{1} << 20}) {
        ASSERT_TRUE(ends_.first.send(make(7, size)).ok());
        const Message received = std::move(ends_.second.receive_within(5s)).value();
        EXPECT_EQ(received.kind, 7u);
        EXPECT_EQ(received.serial, 0x123456789abcdefu);
        EXPECT_EQ(received.body, make(7, size).body) << size;
        EXPECT_TRUE(received.fds.empty()) << size;
    }
}

TEST_F(SocketTest, DescriptorsTravelWithSmallAndLargeBodies) {
    for (const size_t size : {size_t{10}, kMaxInlineBody + 1}) {
        Message message = make(1, size, kMaxMessageFds);
        ASSERT_EQ(::ftruncate(message.fds[3].get(), 333), 0);
        ASSERT_TRUE(ends_.first.send(message).ok());
        const Message received = std::move(ends_.second.receive_within(5s)).value();
        ASSERT_EQ(received.fds.size(), kMaxMessageFds);
        EXPECT_EQ(::lseek(received.fds[3].get(), 0, SEEK_END), 333);
        EXPECT_EQ(::fcntl(received.fds[3].get(), F_GETFD), FD_CLOEXEC);
    }
}

TEST_F(SocketTest, TooMuchIsNotSent) {
    EXPECT_EQ(ends_.first.send(make(1, 0, kMaxMessageFds + 1)).error().code, Errc::invalid);
    EXPECT_EQ(ends_.first.send(make(1, kMaxBody + 1)).error().code, Errc::invalid);
}

TEST_F(SocketTest, NothingWaitsGivesNothing) {
    const auto received = ends_.second.receive(Socket::Wait::dont_block);
    ASSERT_TRUE(received.ok());
    EXPECT_FALSE(received.value().has_value());
    EXPECT_EQ(ends_.second.receive_within(10ms).error().code, Errc::timed_out);
}

TEST_F(SocketTest, AFullQueueIsToldFromAClosedSocket) {
    Status sent = success();
    while (sent.ok()) sent = ends_.first.send(make(1, 1000), Socket::Wait::dont_block);
    EXPECT_EQ(sent.error().code, Errc::no_space);
    ends_.second.close();
    EXPECT_EQ(ends_.first.send(make(1, 1)).error().code, Errc::peer_gone);
}

TEST_F(SocketTest, WhatWasSentBeforeTheEndIsReceivedBeforeTheEnd) {
    ASSERT_TRUE(ends_.first.send(make(5, 3)).ok());
    ends_.first.close();
    EXPECT_EQ(ends_.second.receive_within(5s).value().kind, 5u);
    EXPECT_EQ(ends_.second.receive().error().code, Errc::peer_gone);
    EXPECT_EQ(ends_.second.receive().error().code, Errc::peer_gone);
}

TEST_F(SocketTest, DatagramsThatAreNoMessagesAreRefused) {
    const std::vector<std::vector<uint8_t>> bad{
        {1},                               // shorter than a header
        raw(0xdeadbeef, 0, 0, 0),          // not ours
        raw(kMagic, 0, 5, 4),              // body shorter than said
        raw(kMagic, 0, 4, 5),              // longer than said
        raw(kMagic, 0, 0xffffffff, 4),     // larger than anything allowed
        raw(kMagic, kBodyInMemory, 4, 0),  // body in memory, but no memory
        raw(kMagic, 0, 40000, 40000),      // larger than a datagram may be
    };
    for (size_t i = 0; i < bad.size(); ++i) {
        send_raw(bad[i]);
        EXPECT_EQ(receive_error(), Errc::malformed) << i;
    }
    ASSERT_TRUE(ends_.first.send(make(1, 1)).ok());
    EXPECT_TRUE(ends_.second.receive_within(5s).ok()) << "the socket itself is not harmed";
}

TEST_F(SocketTest, ABodyInMemoryIsCheckedBeforeItIsRead) {
    const UniqueFd small = std::move(make_sealed_memory("x", 100)).value();
    send_raw(raw(kMagic, kBodyInMemory, 101, 0), {small.get()});
    EXPECT_EQ(receive_error(), Errc::malformed);
    const UniqueFd unsealed(::memfd_create("x", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(unsealed.get(), 4096), 0);
    send_raw(raw(kMagic, kBodyInMemory, 10, 0), {unsealed.get()});
    EXPECT_EQ(receive_error(), Errc::malformed);
    const UniqueFd file(::open("/dev/zero", O_RDWR | O_CLOEXEC));
    send_raw(raw(kMagic, kBodyInMemory, 10, 0), {file.get()});
    EXPECT_EQ(receive_error(), Errc::malformed);
}

TEST_F(SocketTest, RefusedMessagesLeakNoDescriptor) {
    const UniqueFd memory = std::move(make_sealed_memory("x", 100)).value();
    const std::vector<int> many(kMaxMessageFds + 1, memory.get());
    const std::vector<int> too_many(100, memory.get());
    const size_t before = open_descriptors();
    send_raw(raw(kMagic, 0, 0, 0), many);
    EXPECT_EQ(receive_error(), Errc::malformed);
    send_raw(raw(kMagic, 0, 0, 0), too_many);
    EXPECT_EQ(receive_error(), Errc::malformed);
    send_raw(raw(kMagic, 0, 7, 0), {memory.get()});
    EXPECT_EQ(receive_error(), Errc::malformed);
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(SocketTest, AProcessWithoutRoomForDescriptorsStillGetsTheMessage) {
    ASSERT_TRUE(ends_.first.send(make(7, 9, 2)).ok());
    ASSERT_TRUE(ends_.first.send(make(8, 9)).ok());
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const UniqueFd next(::dup(0));
    ASSERT_TRUE(next);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    auto first = ends_.second.receive_within(5s);
    auto second = ends_.second.receive_within(5s);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(first.ok()) << first.error().text();
    EXPECT_EQ(first->kind, 7U);
    EXPECT_TRUE(first->fds.empty());
    ASSERT_TRUE(second.ok()) << "the connection goes on: " << second.error().text();
    EXPECT_EQ(second->kind, 8U);
}

TEST_F(SocketTest, SendersOfSeveralThreadsDoNotMix) {
    constexpr int kEach = 200;
    std::vector<std::thread> threads;
    for (uint32_t kind = 1; kind <= 4; ++kind) {
        threads.emplace_back([this, kind] {
            for (int i = 0; i < kEach; ++i)
                EXPECT_TRUE(ends_.first.send(make(kind, kind * 100)).ok());
        });
    }
    std::map<uint32_t, int> received;
    for (int i = 0; i < 4 * kEach; ++i) {
        const Message message = std::move(ends_.second.receive_within(20s)).value();
        EXPECT_EQ(message.body, make(message.kind, message.kind * 100).body);
        ++received[message.kind];
    }
    for (std::thread& thread : threads) thread.join();
    for (uint32_t kind = 1; kind <= 4; ++kind) EXPECT_EQ(received[kind], kEach);
}

class ListenerTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/opendext-rpc-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

TEST_F(ListenerTest, AcceptsAtPathsOfAnyLength) {
    for (const auto& folder :
         {folder_ / "short", folder_ / std::string(200, 'a') / std::string(200, 'b')}) {
        std::filesystem::create_directories(folder);
        const Result<Listener> listener = Listener::bind(folder / "sock", 0600);
        ASSERT_TRUE(listener.ok()) << listener.error().text();
        EXPECT_EQ(std::filesystem::status(folder / "sock").permissions(),
                  std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        EXPECT_FALSE(listener->accept().value().has_value());
        const Result<Socket> client = Socket::connect(folder / "sock");
        ASSERT_TRUE(client.ok()) << client.error().text();
        const std::optional<Socket> server = std::move(listener->accept()).value();
        ASSERT_TRUE(server.has_value());
        EXPECT_TRUE(client->send(make(3, 3)).ok());
        EXPECT_EQ(server->receive_within(5s).value().kind, 3u);
        const PeerCredentials peer = peer_credentials(*server).value();
        EXPECT_EQ(peer.pid, ::getpid());
        EXPECT_EQ(peer.uid, ::getuid());
    }
}

TEST_F(ListenerTest, ErrorsNameThePath) {
    const Result<Socket> none = Socket::connect(folder_ / "none");
    ASSERT_FALSE(none.ok());
    EXPECT_NE(none.error().text().find((folder_ / "none").string()), std::string::npos);
    const Result<Listener> first = Listener::bind(folder_ / "sock", 0600);
    ASSERT_TRUE(first.ok());
    EXPECT_FALSE(Listener::bind(folder_ / "sock", 0600).ok()) << "a name that is taken";
    const Result<Listener> name = Listener::bind(folder_ / std::string(150, 'n'), 0600);
    ASSERT_FALSE(name.ok());
    EXPECT_NE(name.error().text().find("too long"), std::string::npos);
}

}  // namespace
}  // namespace opendext
