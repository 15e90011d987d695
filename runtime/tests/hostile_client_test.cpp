// SPDX-License-Identifier: Apache-2.0
// A client program that sends what the client library never sends: its connection ends with a
// reason, and nothing else does.
#include <sys/mman.h>

#include <random>

#include "rpc/channel_layout.h"
#include "rpc/futex.h"
#include "runtime/tests/user_client_fixture.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

namespace {

class HostileClient : public UserClientTest {
  protected:
    HostileClient() : witness_(open()) {}
    ~HostileClient() override {
        EXPECT_TRUE(witness_->works());
        end(kClient + 1);
    }
    /// A program of its own that sends one frame; why its connection ends.
    std::string reason_for(uint16_t kind, std::span<const std::byte> body,
                           std::vector<UniqueFd> fds = {}) {
        const uint64_t client = next_client_;
        const auto program = open();
        auto draft = program->channel().begin(Lane::calls, kind, 1, body.size());
        EXPECT_TRUE(draft.ok());
        std::copy(body.begin(), body.end(), draft->bytes().begin());
        EXPECT_TRUE(
            program->channel().commit(std::move(draft).value(), Channel::Wake::now, fds).ok());
        std::string reason = program->closed_because();
        end(client);
        EXPECT_TRUE(witness_->works());
        return reason;
    }
    std::string reason_for(const uc::CallHeader& header, std::vector<uint64_t> words,
                           std::vector<UniqueFd> fds = {}) {
        std::vector<std::byte> body(sizeof header + words.size() * sizeof(uint64_t));
        memcpy(body.data(), &header, sizeof header);
        if (!words.empty())
            memcpy(body.data() + sizeof header, words.data(), words.size() * sizeof(uint64_t));
        return reason_for(kInvoke, body, std::move(fds));
    }
    std::string reason_for(Message message) {
        const uint64_t client = next_client_;
        const auto program = open();
        EXPECT_TRUE(program->channel().send(message).ok());
        std::string reason = program->closed_because();
        end(client);
        EXPECT_TRUE(witness_->works());
        return reason;
    }
    static constexpr auto kInvoke = static_cast<uint16_t>(uc::Kind::invoke);
    std::unique_ptr<Program> witness_;
};

TEST_F(HostileClient, CallsThatCannotBe) {
    uc::CallHeader header;
    header.scalar_count = 17;
    EXPECT_NE(reason_for(header, std::vector<uint64_t>(17)).find("too many scalars"),
              std::string::npos);
    header = {};
    header.scalar_count = 2;  // and one is there
    EXPECT_FALSE(reason_for(header, {1}).empty());
    header = {};
    header.flags = 0x80;
    EXPECT_NE(reason_for(header, {}).find("unknown flags"), std::string::npos);
    header = {};
    header.structure_size = 8;
    EXPECT_FALSE(reason_for(header, {1}).empty());
    header = {};
    header.flags = uc::call_flags::structure;
    header.structure_size = 0xffffffff;
    EXPECT_FALSE(reason_for(header, {1}).empty());
    EXPECT_FALSE(reason_for(kInvoke, {}).empty());
    EXPECT_NE(reason_for(999, {}).find("unknown message kind 999"), std::string::npos);
    EXPECT_FALSE(reason_for(static_cast<uint16_t>(uc::Kind::outcome), {}).empty());
    EXPECT_FALSE(
        reason_for(static_cast<uint16_t>(uc::Kind::map_memory), std::as_bytes(std::span("?")))
            .empty());
}

TEST_F(HostileClient, ACorruptRingIsToldAndLoggedWithWhatIsWrong) {
    const uint64_t client = next_client_;
    const auto program = open();
    const size_t ring = channel_layout::ring_offset(static_cast<size_t>(Lane::calls));
    const Mapping memory =
        std::move(Mapping::map(shared_.get(), 0, ring + 4096, Mapping::Access::read_write)).value();
    const uint32_t huge = 0xfffffff0;
    memcpy(memory.data() + ring, &huge, sizeof huge);
    auto& lane = memory.at<channel_layout::Control>(0)->lanes[static_cast<size_t>(Lane::calls)];
    lane.head.store(channel_layout::kFrameAlignment);
    if (lane.receiver_sleep.exchange(0) != 0) futex_wake(lane.receiver_sleep);
    const std::string words =
        "the program corrupted the channel: frame is larger than the ring's content: 4294967280 "
        "bytes of ";
    const std::string told = program->closed_because();
    EXPECT_TRUE(told.starts_with(words)) << told;
    EXPECT_TRUE(daemon_.wait_for_log("connection of test[1] ends: " + words));
    end(client);
}

TEST_F(HostileClient, MemoryThatIsNotThere) {
    uc::CallHeader header;
    header.flags = uc::call_flags::structure | uc::call_flags::input_memory;
    const auto slot = [&](uint32_t arena, uint64_t offset, uint64_t length) {
        return std::vector<uint64_t>{arena, offset, length};
    };
    EXPECT_FALSE(reason_for(header, slot(0, 0, 8192)).empty());
    EXPECT_FALSE(reason_for(header, slot(uc::Slot::kOwnMemory, 0, 8192)).empty());
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(make_sealed_memory("small", 4096)).value());
    EXPECT_FALSE(reason_for(header, slot(uc::Slot::kOwnMemory, 0, 8192), std::move(fds)).empty());
    const auto arena = [](uint32_t number, uint64_t size, uint64_t real) {
        Message message = encode(uc::Arena{number, size});
        message.fds.push_back(std::move(make_sealed_memory("arena", real)).value());
        return message;
    };
    EXPECT_FALSE(reason_for(arena(1, 1 << 20, 1 << 20)).empty());
    EXPECT_FALSE(reason_for(arena(0, 1 << 20, 4096)).empty());
    EXPECT_FALSE(reason_for(arena(0, 0, 4096)).empty());
    EXPECT_FALSE(reason_for(encode(uc::Arena{0, 4096})).empty());
    Message unsealed = encode(uc::Arena{0, 4096});
    unsealed.fds.emplace_back(::memfd_create("unsealed", MFD_CLOEXEC));
    EXPECT_FALSE(reason_for(std::move(unsealed)).empty());
    // Beyond an arena that is there.
    for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{1 << 20, 1},
                                         {0, (1 << 20) + 1},
                                         {8192, 1 << 20},
                                         {UINT64_MAX - 8191, 8192},
                                         {0, 0},
                                         {100, 8192}}) {
        const uint64_t client = next_client_;
        const auto program = open();
        EXPECT_TRUE(program->channel().send(arena(0, 1 << 20, 1 << 20)).ok());
        Request request = make_call(kLarge, {}, 1);
        request.flags = header.flags;
        request.input = {0, 0, offset, length};
        program->send(request);
        EXPECT_FALSE(program->closed_because().empty());
        end(client);
    }
}

TEST_F(HostileClient, AnswersThatNobodyWaitsForAreNothing) {
    EXPECT_TRUE(program_->channel().send(encode(uc::MemoryCopied{}, 12345)).ok());
    EXPECT_TRUE(program_->works());
}

TEST_F(HostileClient, RandomFrames) {
    std::mt19937 random(20);
    const uc::Kind kinds[] = {uc::Kind::invoke, uc::Kind::map_memory, uc::Kind::memory_copied,
                              uc::Kind::arena};
    for (int round = 0; round < 60; ++round) {
        const uint64_t client = next_client_;
        const auto program = open();
        for (int i = 0; i < 10; ++i) {
            const size_t size = random() % 200;
            auto draft = program->channel().begin(
                Lane::calls, static_cast<uint16_t>(kinds[random() % 4]), random(), size);
            if (!draft.ok()) break;  // it has lost the connection
            for (std::byte& byte : draft->bytes())
                byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
            if (!program->channel().commit(std::move(draft).value()).ok()) break;
        }
        end(client);
    }
    EXPECT_TRUE(witness_->works());
}

}  // namespace
