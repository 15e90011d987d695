// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstring>

#include "RuntimeTestDriver.h"
#include "rpc/channel.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/user_client.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kClient = 200;
constexpr uint64_t kConnection = 9;

enum Selector : uint64_t {
    kSum,
    kReverse,
    kLarge,
    kKeepCompletion,
    kComplete,
    kTooMuch,
    kNoFunction,
    kUnknown
};

/// A client program with an open user client.
class UserClient : public testing::Test {
  protected:
    UserClient() {
        Events::shared().clear();
        const auto ok = [](const Invocation&) { return InvocationResult{}; };
        daemon_.on(IOService_RegisterService_ID, ok);
        daemon_.on(IOService_Stop_ID, ok);
        daemon_.on_create([](const driver::Create&) {
            driver::Created created;
            created.entry = kClient;
            created.user_class = "RuntimeTestClient";
            return created;
        });
        daemon_.load();
        EXPECT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        EXPECT_EQ(daemon_.start(kDriver, 7, "IOService"), kIOReturnSuccess);
        Invocation open;
        open.object = kDriver;
        open.msgid = IOService_NewUserClient_ID;
        put_plain<uint64_t>(open.plain, 0);
        EXPECT_EQ(daemon_.call(std::move(open)).io_return, kIOReturnSuccess);
        attach();
    }
    ~UserClient() override {
        channel_->close("the test ends");
        daemon_.send(encode(driver::DetachClient{kConnection}));
        EXPECT_EQ(daemon_.stop(kClient, kDriver), kIOReturnSuccess);
        daemon_.send(encode(driver::Drop{kClient}));
        daemon_.send(encode(driver::Drop{kDriver}));
        EXPECT_TRUE(Events::shared().wait_for("client free"));
        EXPECT_TRUE(Events::shared().wait_for("free"));
    }
    void attach() {
        auto memory = Channel::create_memory();
        auto sockets = Socket::pair();
        ASSERT_TRUE(memory.ok() && sockets.ok());
        driver::AttachClient attach;
        attach.entry = kClient;
        attach.connection = kConnection;
        attach.client_pid = 1;
        attach.client_name = "test";
        attach.entitlements = {{"key", Value(true)}};
        Message message = encode(std::move(attach));
        message.fds.push_back(std::move(memory->duplicate().value()));
        message.fds.push_back(sockets->second.take_fd());
        const auto reply = decode<driver::Reply>(daemon_.request(std::move(message)));
        ASSERT_TRUE(reply.ok());
        ASSERT_EQ(reply->io_return, 0) << reply->reason;
        auto channel =
            Channel::attach(std::move(*memory), std::move(sockets->first), Channel::Side::client);
        ASSERT_TRUE(channel.ok());
        channel_ = std::move(*channel);
    }
    void send(const uc::Call& call, uint64_t serial, std::vector<UniqueFd> fds = {}) {
        Message message = encode(call, serial);
        message.fds = std::move(fds);
        EXPECT_TRUE(channel_->send(message).ok());
    }
    uc::CallResult receive(uint64_t serial) {
        auto message = channel_->receive();
        EXPECT_TRUE(message.ok());
        if (!message.ok()) return {};
        EXPECT_EQ(message->serial, serial);
        auto result = decode<uc::CallResult>(*message);
        EXPECT_TRUE(result.ok());
        return result.ok() ? *result : uc::CallResult{};
    }
    uc::CallResult call(const uc::Call& call, std::vector<UniqueFd> fds = {}) {
        send(call, ++serial_, std::move(fds));
        return receive(serial_);
    }

    FakeDaemon daemon_;
    std::unique_ptr<Channel> channel_;
    uint64_t serial_ = 0;
};

uc::Call make_call(uint64_t selector, std::vector<uint64_t> scalars, uint32_t outputs) {
    uc::Call call;
    call.selector = selector;
    call.scalars = std::move(scalars);
    call.scalar_output_count = outputs;
    return call;
}

TEST_F(UserClient, ScalarsGoInAndComeBack) {
    const auto result = call(make_call(kSum, {40, 2}, 1));
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.scalars, std::vector<uint64_t>{42});
}

TEST_F(UserClient, CountsThatTheTableDoesNotAllowAreBadArguments) {
    EXPECT_EQ(call(make_call(kSum, {40}, 1)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(call(make_call(kSum, {40, 2, 3}, 1)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(call(make_call(kSum, {40, 2}, 0)).io_return, kIOReturnBadArgument);
    auto with_structure = make_call(kSum, {40, 2}, 1);
    with_structure.has_structure = true;
    with_structure.structure = {1};
    EXPECT_EQ(call(with_structure).io_return, kIOReturnBadArgument);
    auto with_output = make_call(kSum, {40, 2}, 1);
    with_output.structure_output_size = 8;
    EXPECT_EQ(call(with_output).io_return, kIOReturnBadArgument);
    auto with_completion = make_call(kSum, {40, 2}, 1);
    with_completion.async_reference = {1, 2, 3};
    EXPECT_EQ(call(with_completion).io_return, kIOReturnBadArgument);
    EXPECT_EQ(call(make_call(kKeepCompletion, {}, 0)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(call(make_call(kNoFunction, {}, 0)).io_return, kIOReturnNoCompletion);
    EXPECT_EQ(call(make_call(kUnknown, {}, 0)).io_return, kIOReturnUnsupported);
    // The connection goes on.
    EXPECT_EQ(call(make_call(kSum, {1, 1}, 1)).scalars, std::vector<uint64_t>{2});
}

TEST_F(UserClient, SmallStructuresTravelInTheMessage) {
    auto request = make_call(kReverse, {}, 0);
    request.has_structure = true;
    request.structure = {1, 2, 3, 4};
    request.structure_output_size = 4;
    const auto result = call(request);
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.structure, (std::vector<uint8_t>{4, 3, 2, 1}));
    request.structure.clear();  // zero bytes: the driver sees NULL
    EXPECT_EQ(call(request).io_return, kIOReturnUnderrun);
}

TEST_F(UserClient, OutputLargerThanTheClientsRoomIsABadArgument) {
    auto request = make_call(kTooMuch, {}, 0);
    request.structure_output_size = 15;
    const auto refused = call(request);
    EXPECT_EQ(refused.io_return, kIOReturnBadArgument);
    EXPECT_TRUE(refused.structure.empty());
    request.structure_output_size = 16;
    EXPECT_EQ(call(request).structure.size(), 16u);
    request.structure_output_size = 0xffffffff;  // any size
    EXPECT_EQ(call(request).structure.size(), 16u);
}

TEST_F(UserClient, LargeStructuresTravelAsMemory) {
    constexpr size_t kSize = 10000;
    auto input = make_sealed_memory("input", kSize);
    auto output = make_sealed_memory("output", kSize);
    ASSERT_TRUE(input.ok() && output.ok());
    auto in = Mapping::map(input->get(), 0, kSize, Mapping::Access::read_write);
    auto out = Mapping::map(output->get(), 0, kSize, Mapping::Access::read_only);
    ASSERT_TRUE(in.ok() && out.ok());
    memset(in->data(), 3, kSize);
    auto request = make_call(kLarge, {}, 1);
    request.has_structure = true;
    request.input_memory_length = kSize;
    request.output_memory_length = kSize;
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*input));
    fds.push_back(std::move(*output));
    const auto result = call(request, std::move(fds));
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.scalars, std::vector<uint64_t>{3 * kSize});
    EXPECT_EQ(result.output_memory_used, kSize);
    EXPECT_EQ(static_cast<uint8_t>(out->data()[kSize - 1]), (3 * kSize) & 0xff);
}

TEST_F(UserClient, CompletionsComeLaterAndRepeatedlyInOrder) {
    auto keep = make_call(kKeepCompletion, {}, 0);
    keep.async_reference = {11, 22, 33};
    EXPECT_EQ(call(keep).io_return, kIOReturnSuccess);
    send(make_call(kComplete, {500}, 0), ++serial_);
    for (uint64_t i = 0; i < 500; ++i) {
        auto message = channel_->receive();
        ASSERT_TRUE(message.ok());
        auto async = decode<uc::Async>(*message);
        ASSERT_TRUE(async.ok());
        EXPECT_EQ(async->async_reference, (std::vector<uint64_t>{11, 22, 33}));
        EXPECT_EQ(async->arguments, (std::vector<uint64_t>{i, 42}));
    }
    EXPECT_EQ(receive(serial_).io_return, kIOReturnSuccess);
}

TEST_F(UserClient, TheClientIsToldWhenACompletionIsGone) {
    auto keep = make_call(kKeepCompletion, {}, 0);
    keep.async_reference = {11};
    EXPECT_EQ(call(keep).io_return, kIOReturnSuccess);
    keep.async_reference = {12};  // the driver lets the first one go
    send(keep, ++serial_);
    auto message = channel_->receive();
    ASSERT_TRUE(message.ok());
    auto released = decode<uc::Released>(*message);
    ASSERT_TRUE(released.ok());
    EXPECT_EQ(released->async_reference, std::vector<uint64_t>{11});
    EXPECT_EQ(receive(serial_).io_return, kIOReturnSuccess);
}

TEST_F(UserClient, AClientThatDoesNotReadStopsNobody) {
    auto keep = make_call(kKeepCompletion, {}, 0);
    keep.async_reference = {1};
    EXPECT_EQ(call(keep).io_return, kIOReturnSuccess);
    send(make_call(kComplete, {5000}, 0), ++serial_);  // several times what the ring holds
    // The queue of the user client is free again although nobody has read: its Stop runs there.
    EXPECT_EQ(daemon_.stop(kClient, kDriver), kIOReturnSuccess);
    for (uint64_t i = 0; i < 5000; ++i) {
        auto message = channel_->receive();
        ASSERT_TRUE(message.ok());
        auto async = decode<uc::Async>(*message);
        ASSERT_TRUE(async.ok());
        ASSERT_EQ(async->arguments, (std::vector<uint64_t>{i, 42}));
    }
    EXPECT_EQ(receive(serial_).io_return, kIOReturnSuccess);
}

TEST_F(UserClient, AClientThatLetsTooMuchPileUpLosesTheConnection) {
    auto keep = make_call(kKeepCompletion, {}, 0);
    keep.async_reference = {1};
    EXPECT_EQ(call(keep).io_return, kIOReturnSuccess);
    send(make_call(kComplete, {200000}, 0), ++serial_);
    EXPECT_TRUE(daemon_.wait_for_log("the client does not read its messages"));
    Result<Message> message = Error{};
    while ((message = channel_->receive()).ok()) {
    }
    EXPECT_EQ(message.error().code, Errc::peer_gone);
}

TEST_F(UserClient, AFailedCallIsNeverCompleted) {
    auto keep = make_call(kKeepCompletion, {1}, 0);
    keep.async_reference = {1};
    EXPECT_EQ(call(keep).io_return, kIOReturnAborted);
    // Were a completion sent, it would be received in place of the answer.
    EXPECT_EQ(call(make_call(kComplete, {3}, 0)).io_return, kIOReturnSuccess);
    EXPECT_EQ(call(make_call(kSum, {1, 2}, 1)).scalars, std::vector<uint64_t>{3});
}

TEST_F(UserClient, ClientMemoryIsMappedByBothSides) {
    for (int i = 0; i < 2; ++i) {  // the same type gives the same memory
        Message request = encode(uc::MapMemory{5, 0}, ++serial_);
        ASSERT_TRUE(channel_->send(request).ok());
        auto message = channel_->receive();
        ASSERT_TRUE(message.ok());
        auto mapped = decode<uc::Mapped>(*message);
        ASSERT_TRUE(mapped.ok());
        ASSERT_EQ(mapped->io_return, kIOReturnSuccess) << mapped->reason;
        EXPECT_EQ(mapped->options, kIOUserClientMemoryReadOnly);
        EXPECT_EQ(mapped->length, 8192u);
        ASSERT_EQ(message->fds.size(), 1u);
        auto memory = Mapping::map(message->fds[0].get(), 0, 8192, Mapping::Access::read_only);
        ASSERT_TRUE(memory.ok());
        EXPECT_STREQ(reinterpret_cast<const char*>(memory->data()), "shared");
    }
    ASSERT_TRUE(channel_->send(encode(uc::MapMemory{6, 0}, ++serial_)).ok());
    auto message = channel_->receive();
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(decode<uc::Mapped>(*message)->io_return, kIOReturnBadArgument);
}

TEST_F(UserClient, CallsInFlightAreAnsweredInOrder) {
    for (uint64_t i = 0; i < 300; ++i) send(make_call(kSum, {i, 1}, 1), ++serial_);
    for (uint64_t i = 0; i < 300; ++i) {
        EXPECT_EQ(receive(serial_ - 299 + i).scalars, std::vector<uint64_t>{i + 1});
    }
}

TEST_F(UserClient, ImpossibleCallsCloseTheConnectionAndNothingElse) {
    send(make_call(kSum, std::vector<uint64_t>(17), 1), ++serial_);
    const auto message = channel_->receive();
    EXPECT_FALSE(message.ok());
    EXPECT_EQ(message.error().code, Errc::peer_gone);
    // The driver is as before.
    Invocation add;
    add.object = kDriver;
    add.msgid = RuntimeTestDriver_Add_ID;
    add.reply_size = 8;
    put_plain<uint32_t>(add.plain, 1);
    put_plain<uint32_t>(add.plain, 2);
    put_plain<uint64_t>(add.plain, 0);
    EXPECT_EQ(daemon_.call(std::move(add)).io_return, kIOReturnSuccess);
}

TEST_F(UserClient, DetachClosesTheChannel) {
    daemon_.send(encode(driver::DetachClient{kConnection}));
    const auto message = channel_->receive();
    EXPECT_FALSE(message.ok());
    EXPECT_EQ(message.error().code, Errc::peer_gone);
}

}  // namespace
