// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "families/hid/link/device_side.h"
#include "families/hid/link/report_link.h"

namespace opendext::hid {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<uint8_t>;

bool readable(int fd, std::chrono::milliseconds within = 20s) {
    pollfd polled{fd, POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(within.count())) > 0;
}

std::pair<UniqueFd, UniqueFd> pair_of_sockets() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// A device with users, played by a thread.
class Played {
  public:
    Played() : device(DeviceSide::make().value()) {}
    ~Played() { stop(); }

    std::unique_ptr<ReportLink> open(uint32_t user, bool exclusive = false) {
        auto [mine, theirs] = pair_of_sockets();
        EXPECT_TRUE(device->add_user({user, 0, exclusive, "test"}, std::move(theirs)).ok());
        return std::move(ReportLink::open_socket(std::move(mine))).value();
    }
    void play() {
        thread_ = std::thread([this] {
            while (!stopped_) {
                if (readable(device->fd(), 10ms)) (void)device->process();
            }
        });
    }
    void stop() {
        stopped_ = true;
        if (thread_.joinable()) thread_.join();
    }
    /// Without a thread: handles what has come, once something has.
    void step() {
        ASSERT_TRUE(readable(device->fd()));
        (void)device->process();
    }

    std::unique_ptr<DeviceSide> device;

  private:
    std::thread thread_;
    std::atomic<bool> stopped_ = false;
};

std::optional<Bytes> take(ReportLink& link) {
    const auto input = link.next_input();
    EXPECT_TRUE(input.ok()) << (input.ok() ? "" : input.error().text());
    if (!input.ok() || !*input) return std::nullopt;
    return Bytes((*input)->bytes.begin(), (*input)->bytes.end());
}

TEST(ReportLink, EveryUserGetsEveryReport) {
    Played played;
    const auto first = played.open(1), second = played.open(2);
    EXPECT_FALSE(take(*first).has_value());
    ASSERT_TRUE(played.device->send_input(77, 3, Bytes{3, 1, 2}).ok());
    for (ReportLink* link : {first.get(), second.get()}) {
        ASSERT_TRUE(readable(link->fd()));
        const auto input = link->next_input();
        ASSERT_TRUE(input.ok() && *input);
        EXPECT_EQ((*input)->timestamp, 77u);
        EXPECT_EQ((*input)->report_id, 3u);
        EXPECT_EQ(Bytes((*input)->bytes.begin(), (*input)->bytes.end()), (Bytes{3, 1, 2}));
        EXPECT_FALSE(take(*link).has_value());
        EXPECT_FALSE(readable(link->fd(), 0ms));
    }
}

TEST(ReportLink, WaitsForItselfAndForOneMoreDescriptor) {
    Played played;
    const auto link = played.open(1);
    UniqueFd also(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const uint64_t one = 1;
    const auto wait = [&](int fd) {
        const ReportLink::Ready ready = link->wait(fd);
        return std::pair(ready.link, ready.also);
    };
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{1}).ok());
    EXPECT_EQ(wait(-1), std::pair(true, false));
    EXPECT_EQ(wait(also.get()), std::pair(true, false));
    ASSERT_EQ(::write(also.get(), &one, sizeof one), 8);
    EXPECT_EQ(wait(also.get()), std::pair(true, true));
    EXPECT_EQ(wait(-1), std::pair(true, false));  // nobody asks for it any more
    EXPECT_EQ(take(*link), Bytes{1});
    EXPECT_EQ(wait(also.get()), std::pair(false, true));
    // Another one, after the first was closed.
    UniqueFd next(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    also.reset();
    EXPECT_EQ(wait(next.get()), std::pair(false, true));
    link->close();
    EXPECT_EQ(wait(next.get()), std::pair(true, true));
}

TEST(ReportLink, AnExclusiveUserIsTheOnlyOneUntilItGoes) {
    Played played;
    const auto other = played.open(1);
    auto exclusive = played.open(2, true);
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{1}).ok());
    ASSERT_TRUE(readable(exclusive->fd()));
    EXPECT_EQ(take(*exclusive), Bytes{1});
    EXPECT_FALSE(take(*other).has_value());
    exclusive.reset();
    while (played.device->users().size() > 1) played.step();
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{2}).ok());
    ASSERT_TRUE(readable(other->fd()));
    EXPECT_EQ(take(*other), Bytes{2});
}

TEST(ReportLink, RequestsAreAnswered) {
    Played played;
    Bytes feature{9, 0};
    played.device->on_request([&](const DeviceSide::Request& request) {
        if (request.kind == PacketKind::get) {
            EXPECT_EQ(request.type, ReportType::feature);
            EXPECT_EQ(request.report_id, 9u);
            return played.device->answer(request, kSuccess, feature);
        }
        feature.assign(request.bytes.begin(), request.bytes.end());
        played.device->answer(request, feature.size() == 2 ? kSuccess : kBadArgument);
    });
    const auto link = played.open(1);
    played.play();
    EXPECT_EQ(link->set(ReportType::feature, 9, Bytes{9, 5}).status, kSuccess);
    const Answer whole = link->get(ReportType::feature, 9, 64);
    EXPECT_EQ(whole.status, kSuccess);
    EXPECT_EQ(whole.bytes, (Bytes{9, 5}));
    EXPECT_EQ(link->get(ReportType::feature, 9, 1).bytes, Bytes{9});
    EXPECT_EQ(link->set(ReportType::feature, 9, Bytes{9}).status, kBadArgument);
    EXPECT_EQ(link->set(ReportType::feature, 9, Bytes(70'000)).status, kBadArgument);
}

TEST(ReportLink, ADeviceWithoutHandlerSupportsNothing) {
    Played played;
    const auto link = played.open(1);
    played.play();
    EXPECT_EQ(link->get(ReportType::input, 0, 8).status, kUnsupported);
}

TEST(ReportLink, TenThousandRequestsInARow) {
    Played played;
    uint64_t sum = 0;
    played.device->on_request([&](const DeviceSide::Request& request) {
        if (request.kind == PacketKind::set) sum += request.bytes[0];
        played.device->answer(request, kSuccess, Bytes{static_cast<uint8_t>(sum)});
    });
    const auto link = played.open(1);
    played.play();
    for (int i = 0; i < 10'000; i++) {
        ASSERT_EQ(link->set(ReportType::output, 0, Bytes{1}, 60s).status, kSuccess);
        const Answer answer = link->get(ReportType::feature, 0, 8, 60s);
        ASSERT_EQ(answer.status, kSuccess);
        ASSERT_EQ(answer.bytes, Bytes{static_cast<uint8_t>(i + 1)});
    }
}

TEST(ReportLink, ATimeOutSaysWhatWasWaitedFor) {
    Played played;
    std::vector<DeviceSide::Request> late;
    played.device->on_request([&](const auto& request) { late.push_back(request); });
    const auto link = played.open(1);
    played.play();
    const Answer answer = link->get(ReportType::feature, 4, 8, 50ms);
    EXPECT_EQ(answer.status, kTimeout);
    EXPECT_NE(answer.reason.find("get of feature report 4"), std::string::npos) << answer.reason;
    EXPECT_NE(answer.reason.find("does not answer"), std::string::npos) << answer.reason;
    played.stop();
    // The late answer goes to nobody, and not to the next request.
    ASSERT_EQ(late.size(), 1u);
    played.device->answer(late[0], kSuccess, Bytes{1});
    int finished = 0;
    Answer second;
    link->get(ReportType::feature, 5, 8, 60s, [&](Answer got) {
        ++finished;
        second = std::move(got);
    });
    while (late.size() < 2) played.step();
    EXPECT_FALSE(take(*link).has_value());
    EXPECT_EQ(finished, 0);
    played.device->answer(late[1], kSuccess, Bytes{2});
    while (finished == 0) {
        ASSERT_TRUE(readable(link->fd()));
        EXPECT_FALSE(take(*link).has_value());
    }
    EXPECT_EQ(second.bytes, Bytes{2});
}

TEST(ReportLink, ATimeOutWithoutWaiterComesThroughTheDescriptor) {
    Played played;
    const auto link = played.open(1);
    Answer answer;
    int finished = 0;
    link->set(ReportType::output, 1, Bytes{1}, 20ms, [&](Answer got) {
        ++finished;
        answer = std::move(got);
    });
    while (finished == 0) {
        ASSERT_TRUE(readable(link->fd()));
        EXPECT_FALSE(take(*link).has_value());
    }
    EXPECT_EQ(answer.status, kTimeout);
    EXPECT_FALSE(readable(link->fd(), 0ms));
}

TEST(ReportLink, InputThatCameBeforeAnAnswerIsNotLost) {
    Played played;
    played.device->on_request([&](const DeviceSide::Request& request) {
        for (uint8_t i = 0; i < 5; i++) ASSERT_TRUE(played.device->send_input(0, 0, Bytes{i}).ok());
        played.device->answer(request, kSuccess);
    });
    const auto link = played.open(1);
    played.play();
    EXPECT_EQ(link->set(ReportType::output, 0, Bytes{1}).status, kSuccess);
    for (uint8_t i = 0; i < 5; i++) {
        ASSERT_TRUE(readable(link->fd()));
        EXPECT_EQ(take(*link), Bytes{i});
    }
    EXPECT_FALSE(readable(link->fd(), 0ms));
}

TEST(ReportLink, UnplugAnswersEverythingAndInputComesFirst) {
    Played played;
    const auto link = played.open(1);
    Answer waiting;
    link->get(ReportType::input, 0, 8, 60s, [&](Answer got) { waiting = std::move(got); });
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{5}).ok());
    played.device->remove_user(1);
    ASSERT_TRUE(readable(link->fd()));
    // A request that finds the device gone does not hide what it sent before.
    EXPECT_EQ(link->set(ReportType::output, 0, Bytes{1}).status, kNoDevice);
    EXPECT_EQ(take(*link), Bytes{5});
    const auto end = link->next_input();
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code, Errc::peer_gone);
    EXPECT_EQ(waiting.status, kNoDevice);
    EXPECT_NE(waiting.reason.find("gone"), std::string::npos);
    EXPECT_EQ(link->get(ReportType::input, 0, 8).status, kNoDevice);
}

TEST(ReportLink, UnplugEndsAThreadThatWaits) {
    Played played;
    const auto link = played.open(1);
    std::thread waiter(
        [&] { EXPECT_EQ(link->get(ReportType::input, 0, 8, 60s).status, kNoDevice); });
    played.step();  // the request has come
    played.device->remove_user(1);
    waiter.join();
}

TEST(ReportLink, CloseAbortsWhatWaits) {
    Played played;
    auto link = played.open(1);
    std::vector<int32_t> statuses;
    for (int i = 0; i < 3; i++) {
        link->get(ReportType::input, 0, 8, 60s,
                  [&](Answer answer) { statuses.push_back(answer.status); });
    }
    std::thread waiter(
        [&] { EXPECT_EQ(link->get(ReportType::input, 0, 8, 60s).status, kAborted); });
    std::atomic<int> requests = 0;
    played.device->on_request([&](const auto&) { ++requests; });
    while (requests < 4) played.step();
    link->close();
    waiter.join();
    EXPECT_EQ(statuses, (std::vector<int32_t>(3, kAborted)));
    EXPECT_FALSE(link->next_input().ok());
    EXPECT_EQ(link->get(ReportType::input, 0, 8).status, kAborted);
    link->close();
}

TEST(ReportLink, AFullLinkLosesInputAndCountsIt) {
    Played played;
    const auto link = played.open(1);
    constexpr int kReports = 20'000;
    for (int i = 0; i < kReports; i++) ASSERT_TRUE(played.device->send_input(0, 0, Bytes{1}).ok());
    const auto users = played.device->users();
    ASSERT_EQ(users.size(), 1u);
    EXPECT_GT(users[0].dropped, 0u);
    EXPECT_EQ(users[0].sent + users[0].dropped, static_cast<uint64_t>(kReports));
    uint64_t got = 0;
    while (take(*link)) ++got;
    EXPECT_EQ(got, users[0].sent);
}

TEST(ReportLink, RequestsWaitForADeviceThatIsSlow) {
    Played played;
    const auto link = played.open(1);
    constexpr int kRequests = 1000;  // more than a socket takes
    int answered = 0;
    for (int i = 0; i < kRequests; i++) {
        link->set(ReportType::output, 0, Bytes(512), 60s, [&](Answer answer) {
            EXPECT_EQ(answer.status, kSuccess);
            ++answered;
        });
    }
    played.device->on_request(
        [&](const auto& request) { played.device->answer(request, kSuccess); });
    played.play();
    while (answered < kRequests) {
        ASSERT_TRUE(readable(link->fd()));
        EXPECT_FALSE(take(*link).has_value());
    }
}

TEST(ReportLink, TooManyRequestsAreRefused) {
    Played played;
    const auto link = played.open(1);
    int refused = 0, aborted = 0;
    for (int i = 0; i < 1030; i++) {
        link->get(ReportType::input, 0, 8, 60s,
                  [&](Answer answer) { ++(answer.status == kNoResources ? refused : aborted); });
    }
    EXPECT_FALSE(take(*link).has_value());
    EXPECT_EQ(refused, 6);
    link->close();
    EXPECT_EQ(aborted, 1024);
}

TEST(ReportLink, ManyThreadsShareALink) {
    Played played;
    played.device->on_request([&](const DeviceSide::Request& request) {
        played.device->answer(
            request, kSuccess,
            request.bytes.empty() ? Bytes{static_cast<uint8_t>(request.report_id)} : Bytes{});
    });
    const auto link = played.open(1);
    played.play();
    std::atomic<bool> stop = false;
    std::thread poller([&] {
        while (!stop) {
            if (readable(link->fd(), 10ms)) (void)link->next_input();
        }
    });
    std::vector<std::thread> threads;
    for (uint8_t id = 1; id <= 4; id++) {
        threads.emplace_back([&, id] {
            for (int i = 0; i < 500; i++) {
                const Answer answer = link->get(ReportType::feature, id, 8, 60s);
                ASSERT_EQ(answer.status, kSuccess) << answer.reason;
                ASSERT_EQ(answer.bytes, Bytes{id});
            }
        });
    }
    for (auto& thread : threads) thread.join();
    stop = true;
    poller.join();
}

TEST(ReportLink, GarbageFromTheDeviceEndsTheLink) {
    const Bytes garbage[] = {
        {1, 2, 3},
        Bytes(kPacketHeader, 0xff),
        encode_packet({PacketKind::set, ReportType::output, 0, 1, 0, 0, 0, {}}),
    };
    for (const Bytes& packet : garbage) {
        auto [mine, theirs] = pair_of_sockets();
        const auto link = std::move(ReportLink::open_socket(std::move(mine))).value();
        ASSERT_EQ(::send(theirs.get(), packet.data(), packet.size(), 0),
                  static_cast<ssize_t>(packet.size()));
        const auto input = link->next_input();
        ASSERT_FALSE(input.ok());
        EXPECT_EQ(input.error().code, Errc::malformed) << input.error().text();
        EXPECT_TRUE(readable(theirs.get()));  // hung up
    }
}

TEST(DeviceSide, AUserThatBreaksTheProtocolLosesItsLink) {
    Played played;
    std::vector<std::pair<uint32_t, bool>> news;
    played.device->on_user(
        [&](const auto& user, bool present) { news.emplace_back(user.number, present); });
    auto [mine, theirs] = pair_of_sockets();
    ASSERT_TRUE(played.device->add_user({7, 1, false, "bad"}, std::move(theirs)).ok());
    ASSERT_EQ(::send(mine.get(), "x", 1, 0), 1);
    while (!played.device->users().empty()) played.step();
    EXPECT_EQ(news, (std::vector<std::pair<uint32_t, bool>>{{7, true}, {7, false}}));
}

/// What opendextd does when a user opens the device; the user's end.
UniqueFd open_over(const UniqueFd& socket, const UserOpened& who) {
    auto [user_end, device_end] = pair_of_sockets();
    const auto packet = encode_opened(who);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    iovec part{const_cast<uint8_t*>(packet.data()), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = device_end.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    EXPECT_GT(::sendmsg(socket.get(), &message, 0), 0);
    return std::move(user_end);
}

TEST(DeviceSide, TakesUsersFromItsControlSocket) {
    Played played;
    auto [mine, theirs] = pair_of_sockets();
    ASSERT_TRUE(played.device->take_control(std::move(theirs)).ok());
    UniqueFd user_end = open_over(mine, {3, 42, true, "someone"});
    played.step();
    const auto users = played.device->users();
    ASSERT_EQ(users.size(), 1u);
    EXPECT_EQ(users[0].number, 3u);
    EXPECT_EQ(users[0].pid, 42);
    EXPECT_TRUE(users[0].exclusive);
    EXPECT_EQ(users[0].name, "someone");
    const auto link = std::move(ReportLink::open_socket(std::move(user_end))).value();
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{8}).ok());
    EXPECT_EQ(take(*link), Bytes{8});
    mine.reset();
    ASSERT_TRUE(readable(played.device->fd()));
    const Status end = played.device->process();
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code, Errc::peer_gone);
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{9}).ok());  // links go on
    EXPECT_EQ(take(*link), Bytes{9});
}

TEST(DeviceSide, WhoIsOnTheControlSocketGetsTheNextReport) {
    Played played;
    std::vector<uint32_t> news;
    played.device->on_user([&](const auto& user, bool) { news.push_back(user.number); });
    auto [mine, theirs] = pair_of_sockets();
    ASSERT_TRUE(played.device->take_control(std::move(theirs)).ok());
    const auto first =
        std::move(ReportLink::open_socket(open_over(mine, {1, 42, false, "first"}))).value();
    const auto second =
        std::move(ReportLink::open_socket(open_over(mine, {2, 42, false, "second"}))).value();
    // Nothing has polled the socket.
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{8}).ok());
    EXPECT_EQ(take(*first), Bytes{8});
    EXPECT_EQ(take(*second), Bytes{8});
    EXPECT_TRUE(news.empty()) << "on_user is process()'s to call";
    played.step();
    EXPECT_EQ(news, (std::vector<uint32_t>{1, 2}));
}

TEST(DeviceSide, SaysInProcessThatItsControlSocketHungUpWhileItSent) {
    Played played;
    auto [mine, theirs] = pair_of_sockets();
    ASSERT_TRUE(played.device->take_control(std::move(theirs)).ok());
    mine.reset();
    ASSERT_TRUE(played.device->send_input(0, 0, Bytes{8}).ok());
    ASSERT_TRUE(readable(played.device->fd()));
    const Status end = played.device->process();
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code, Errc::peer_gone);
    EXPECT_TRUE(played.device->process().ok()) << "it says so once";
}

TEST(DeviceSide, UsersThatComeAndGoLeaveNothing) {
    Played played;
    const auto descriptors = [] { return UniqueFd(::dup(0)).get(); };
    const int before = descriptors();
    for (uint32_t i = 1; i <= 5000; i++) {
        auto link = played.open(i);
        link.reset();
        while (!played.device->users().empty()) played.step();
    }
    EXPECT_EQ(descriptors(), before);
}

TEST(Wire, BadPacketsAreRefusedWithTheReason) {
    const auto packet = encode_packet({PacketKind::input, ReportType::input, 1, 0, 5, 0, 0, {}});
    ASSERT_TRUE(decode_packet(packet).ok());
    const auto refused = [](Bytes bytes, size_t at, uint8_t value, std::string_view reason) {
        bytes[at] = value;
        const auto result = decode_packet(bytes);
        ASSERT_FALSE(result.ok()) << reason;
        EXPECT_NE(result.error().text().find(reason), std::string::npos) << result.error().text();
    };
    refused(packet, 0, 0, "kind 0");
    refused(packet, 0, 6, "kind 6");
    refused(packet, 4, 3, "report type 3");
    refused(packet, 9, 1, "report id 257");
    refused(packet, 28, 1, "0 bytes follow its header, not 1");
    refused(packet, 30, 1, "length 65536");
    EXPECT_FALSE(decode_packet(std::span(packet).first(31)).ok());
    EXPECT_FALSE(decode_packet({}).ok());
}

TEST(InputGate, SaysWhoHasTheDeviceAndCannotBeWrittenByUsers) {
    InputGate gate = std::move(InputGate::make(true)).value();
    const UniqueFd user = std::move(gate.for_user()).value();
    const uint32_t value = 1;
    EXPECT_LT(::pwrite(user.get(), &value, sizeof value, 0), 0);
    gate.set_exclusive_user(5);
    uint32_t words[2]{};
    ASSERT_EQ(::pread(user.get(), words, sizeof words, 0), 8);
    EXPECT_EQ(words[0], 5u);
    EXPECT_EQ(words[1], 1u);
    const auto adopted = InputGate::adopt(UniqueFd(::dup(gate.fd())));
    ASSERT_TRUE(adopted.ok());
    EXPECT_EQ(adopted->exclusive_user(), 5u);
}

}  // namespace
}  // namespace opendext::hid
