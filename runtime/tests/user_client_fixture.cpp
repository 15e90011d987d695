// SPDX-License-Identifier: Apache-2.0
#include "runtime/tests/user_client_fixture.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

uint64_t Program::send(const Request& request, std::vector<UniqueFd> fds) {
    Hooks::pass_through_channel();
    uc::CallFrame call;
    call.selector = request.selector;
    call.scalar_count = static_cast<uint8_t>(request.scalars.size());
    call.scalar_room = static_cast<uint8_t>(request.outputs);
    call.structure_room = request.room;
    call.flags = request.flags;
    call.completion = request.completion;
    call.input = request.input;
    call.output = request.output;
    if (request.completion != 0) call.flags |= uc::call_flags::completion;
    if (request.structure) {
        call.flags |= uc::call_flags::structure;
        call.structure = std::as_bytes(std::span(*request.structure));
    }
    auto draft = channel_->begin(Lane::calls, static_cast<uint16_t>(uc::Kind::invoke), ++serial_,
                                 uc::call_frame_size(call));
    EXPECT_TRUE(draft.ok());
    if (!draft.ok()) return serial_;
    uc::write_call(draft->bytes(), call, request.scalars.data());
    EXPECT_TRUE(channel_->commit(std::move(draft).value(), Channel::Wake::now, fds).ok());
    return serial_;
}

Answer Program::receive(uint64_t serial) {
    Answer answer;
    auto frame = channel_->receive(Lane::replies, {.limit = kPatience});
    Hooks::pass_through_channel();
    EXPECT_TRUE(frame.ok()) << frame.error().text();
    if (!frame.ok()) return answer;
    EXPECT_EQ(frame->serial(), serial);
    EXPECT_EQ(frame->kind(), static_cast<uint16_t>(uc::Kind::outcome));
    uc::OutcomeFrame outcome;
    std::array<uint64_t, uc::kMaxScalars> scalars{};
    const Status parsed = uc::parse_outcome(frame->bytes(), outcome, scalars);
    EXPECT_TRUE(parsed.ok());
    if (!parsed.ok()) return answer;
    answer.io_return = outcome.io_return;
    answer.scalars.assign(scalars.begin(), scalars.begin() + outcome.scalar_count);
    const auto* bytes = reinterpret_cast<const uint8_t*>(outcome.structure.data());
    answer.structure.assign(bytes, bytes + outcome.structure.size());
    answer.reason = outcome.reason;
    answer.output_used = outcome.output_used;
    answer.flags = outcome.flags;
    answer.fds = frame->take_fds();
    return answer;
}

Unasked Program::next_event(Lane lane) {
    Unasked event;
    auto frame = channel_->receive(lane, {.limit = kPatience});
    Hooks::pass_through_channel();
    EXPECT_TRUE(frame.ok()) << frame.error().text();
    if (!frame.ok()) return event;
    event.kind = static_cast<uc::Kind>(frame->kind());
    if (event.kind == uc::Kind::completion) {
        uc::CompletionHeader header;
        std::array<uint64_t, uc::kMaxAsyncArguments> arguments{};
        EXPECT_TRUE(uc::parse_completion(frame->bytes(), header, arguments).ok());
        event.completion = header.completion;
        event.status = header.status;
        event.arguments.assign(arguments.begin(), arguments.begin() + header.argument_count);
    } else if (event.kind == uc::Kind::completion_released) {
        uc::CompletionReleased released;
        EXPECT_TRUE(uc::parse_struct(frame->bytes(), released).ok());
        event.completion = released.completion;
    } else if (event.kind == uc::Kind::slot_freed) {
        EXPECT_TRUE(uc::parse_struct(frame->bytes(), event.slot).ok());
    } else {
        event.message = frame->message();
    }
    return event;
}

Message Program::map(uint64_t type) {
    Hooks::pass_through_channel();
    EXPECT_TRUE(channel_->send(encode(uc::MapMemory{type, 0}, ++serial_)).ok());
    auto message = channel_->receive();
    Hooks::pass_through_channel();
    EXPECT_TRUE(message.ok());
    if (!message.ok()) return {};
    EXPECT_EQ(message->serial, serial_);
    return std::move(message).value();
}

std::string Program::closed_because() {
    for (;;) {
        auto frame = channel_->receive(Lane::replies, {.limit = kPatience});
        if (frame.ok()) continue;
        EXPECT_EQ(frame.error().code, Errc::peer_gone) << frame.error().text();
        return frame.error().message;
    }
}

bool Program::works() {
    const Answer answer = call(make_call(kSum, {40, 2}, 1));
    return answer.io_return == kIOReturnSuccess && answer.scalars == std::vector<uint64_t>{42};
}

UserClientTest::UserClientTest() {
    Events::shared().clear();
    Hooks::shared() = {};
    const auto ok = [](const Invocation&) { return InvocationResult{}; };
    daemon_.on(IOService_RegisterService_ID, ok);
    daemon_.on(IOService_Stop_ID, ok);
    daemon_.on_create([this](const driver::Create&) {
        driver::Created created;
        created.entry = next_client_++;
        created.user_class = "RuntimeTestClient";
        return created;
    });
    daemon_.load();
    EXPECT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
    EXPECT_EQ(daemon_.start(kDriver, 7, "IOService"), kIOReturnSuccess);
    program_ = open();
}

UserClientTest::~UserClientTest() {
    if (!first_ended_) {
        program_->channel().close("the test ends");
        end(kClient);
    }
    EXPECT_EQ(daemon_.stop(kDriver, 7), kIOReturnSuccess);
    daemon_.send(encode(driver::Drop{kDriver}));
    EXPECT_TRUE(Events::shared().wait_for("free"));
    Hooks::shared() = {};
}

std::unique_ptr<Program> UserClientTest::open() {
    Invocation open;
    open.object = kDriver;
    open.msgid = IOService_NewUserClient_ID;
    put_plain<uint64_t>(open.plain, 0);
    EXPECT_EQ(daemon_.call(std::move(open)).io_return, kIOReturnSuccess);
    auto memory = std::move(Channel::create_memory()).value();
    shared_ = std::move(memory.duplicate()).value();
    auto sockets = std::move(Socket::pair()).value();
    driver::AttachClient attach;
    attach.entry = attach.connection = next_client_ - 1;
    attach.client_pid = 1;
    attach.client_name = "test";
    attach.entitlements = {{"key", Value(true)}};
    Message message = encode(std::move(attach));
    message.fds.push_back(std::move(memory.duplicate().value()));
    message.fds.push_back(sockets.second.take_fd());
    const auto reply = decode<driver::Reply>(daemon_.request(std::move(message)));
    EXPECT_TRUE(reply.ok() && reply->io_return == 0) << reply->reason;
    auto channel =
        Channel::attach(std::move(memory), std::move(sockets.first), Channel::Side::client);
    return std::make_unique<Program>(std::move(channel).value());
}

void UserClientTest::end(uint64_t client) {
    if (client == kClient) first_ended_ = true;
    const size_t ended = Events::shared().count_of("client free");
    daemon_.send(encode(driver::DetachClient{client}));
    EXPECT_EQ(daemon_.stop(client, kDriver), kIOReturnSuccess);
    daemon_.send(encode(driver::Drop{client}));
    EXPECT_TRUE(Events::shared().wait_for("client free", ended + 1));
}
