// SPDX-License-Identifier: Apache-2.0
// A hostile peer of a channel. The first byte says which side is ours; the rest is a script in
// which the peer writes anything anywhere into the shared memory and onto the side socket, and our
// side sends and receives. Whatever comes: no access out of the memory, everything received goes
// through the parsers of its lane, and a channel that is corrupt is closed with a reason.
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <span>

#include "rpc/arena.h"
#include "rpc/channel.h"
#include "rpc/channel_layout.h"
#include "rpc/fields.h"
#include "rpc/protocol/user_client_frames.h"

using namespace opendext;
namespace uc = protocol::user_client;

namespace {

volatile uint8_t sink;

/// Reads every byte: AddressSanitizer sees what is not ours.
void touch(std::span<const std::byte> bytes) {
    uint8_t sum = 0;
    for (const std::byte byte : bytes) sum ^= static_cast<uint8_t>(byte);
    sink = sum;
}

class Script {
  public:
    explicit Script(std::span<const uint8_t> bytes) : rest_(bytes) {}
    [[nodiscard]] bool over() const { return rest_.empty(); }
    uint8_t byte() { return static_cast<uint8_t>(number(1)); }
    uint32_t number(size_t size) {
        uint32_t value = 0;
        const auto some = bytes(size);
        std::memcpy(&value, some.data(), some.size());
        return value;
    }
    std::span<const uint8_t> bytes(size_t size) {
        const auto some = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(some.size());
        return some;
    }

  private:
    std::span<const uint8_t> rest_;
};

struct Game {
    explicit Game(Channel::Side side)
        : driver(side == Channel::Side::driver),
          memory(std::move(Channel::create_memory()).value()),
          peer(std::move(Mapping::map(memory.get(), 0, channel_layout::kMemorySize,
                                      Mapping::Access::read_write))
                   .value()) {
        auto ends = std::move(Socket::pair()).value();
        channel = std::move(Channel::attach(std::move(memory.duplicate()).value(),
                                            std::move(ends.first), side))
                      .value();
        socket = std::move(ends.second);
    }

    [[nodiscard]] Lane own_lane(uint8_t pick) const {
        if (!driver) return Lane::calls;
        return pick % 2 == 0 ? Lane::replies : Lane::events;
    }
    [[nodiscard]] Lane peer_lane(uint8_t pick) const {
        if (driver) return Lane::calls;
        return pick % 2 == 0 ? Lane::replies : Lane::events;
    }

    /// What our side would do with it.
    void use(Frame& frame) {
        touch(frame.bytes());
        std::array<uint64_t, uc::kMaxScalars> words{};
        uc::CallFrame call;
        if (frame.lane() == Lane::calls && uc::parse_call(frame.bytes(), call, words).ok()) {
            touch(call.structure);
            for (const uc::Slot& slot : {call.input, call.output}) {
                const auto range = arenas.at(slot);
                if (range.ok()) touch({range->data, range->length});
            }
        }
        uc::OutcomeFrame outcome;
        if (frame.lane() == Lane::replies &&
            uc::parse_outcome(frame.bytes(), outcome, words).ok()) {
            touch(outcome.structure);
            touch(std::as_bytes(std::span(outcome.reason)));
        }
        uc::CompletionHeader completion;
        if (frame.lane() == Lane::events)
            (void)uc::parse_completion(frame.bytes(), completion, words).ok();
        uc::SlotFreed freed;
        if (frame.lane() != Lane::calls && uc::parse_struct(frame.bytes(), freed).ok())
            (void)pool.freed(freed).ok();
        Message message = frame.message();
        const auto arena = decode<uc::Arena>(message);
        if (arena.ok() && !message.fds.empty())
            (void)arenas.add(*arena, std::move(message.fds[0])).ok();
    }

    void receive(Lane lane) {
        Result<Frame> frame = channel->receive(lane, {.limit = std::chrono::nanoseconds(0)});
        if (frame.ok()) {
            use(*frame);
        } else if (frame.error().code == Errc::peer_gone || frame.error().code == Errc::malformed) {
            if (!channel->closed() || frame.error().message.empty()) std::abort();
        } else if (frame.error().code != Errc::timed_out) {
            std::abort();
        }
    }

    void step(Script& script) {
        const uint8_t what = script.byte();
        switch (what % 8) {
            case 0: {  // the control words
                const size_t words = sizeof(channel_layout::Control) / sizeof(uint32_t);
                const uint32_t value = script.number(4);
                std::memcpy(peer.data() + script.byte() % words * sizeof value, &value,
                            sizeof value);
                return;
            }
            case 1: {  // bytes anywhere
                const uint32_t at = script.number(3) % channel_layout::kMemorySize;
                const auto bytes =
                    script.bytes(std::min<size_t>(script.byte(), channel_layout::kMemorySize - at));
                std::memcpy(peer.data() + at, bytes.data(), bytes.size());
                return;
            }
            case 2: {  // a frame where the next one belongs, and the head behind it
                const auto lane = static_cast<size_t>(peer_lane(what >> 3));
                const uint32_t size = channel_layout::kRingSizes[lane];
                const channel_layout::FrameHeader header{
                    script.number(2), static_cast<uint16_t>(script.byte()),
                    static_cast<uint16_t>(script.byte() % 4), script.byte()};
                const auto body = script.bytes(std::min<uint32_t>(header.size(), 4500));
                const uint32_t at = heads[lane] % size;
                std::memcpy(peer.data() + channel_layout::ring_offset(lane) + at, &header,
                            sizeof header);
                std::memcpy(peer.data() + channel_layout::ring_offset(lane) + at + sizeof header,
                            body.data(), std::min<size_t>(body.size(), size - at - sizeof header));
                heads[lane] += header.flags() & channel_layout::frame_flags::skip
                                   ? size - at
                                   : channel_layout::frame_size(header.size());
                peer.at<channel_layout::Control>(0)->lanes[lane].head.store(heads[lane]);
                return;
            }
            case 3: {  // the side socket
                Message message;
                message.kind = script.byte() % 4;
                message.serial = script.byte();
                const auto body = script.bytes(script.byte());
                message.body.assign(body.begin(), body.end());
                if (what & 0x80) message.fds.push_back(std::move(memory.duplicate()).value());
                (void)socket.send(message, Socket::Wait::dont_block).ok();
                return;
            }
            case 4:
                return receive(peer_lane(what >> 3));
            case 5: {
                const size_t size = script.number(2) % (Channel::kMaxFrameBody + 10);
                Result<Draft> draft =
                    channel->begin(own_lane(what >> 3), 16, 7, size, Channel::Wait::dont_block);
                if (!draft.ok()) return;
                std::memset(draft->bytes().data(), what, size);
                if (what & 0x80) return;  // given up
                (void)channel->commit(std::move(*draft), Channel::Wake::now).ok();
                return;
            }
            case 6: {
                Message message;
                message.kind = 3;
                message.body.resize(script.byte());
                (void)channel->try_send(message, own_lane(what >> 3)).ok();
                return;
            }
            default:
                channel->flush(own_lane(what >> 3));
                if (what == 0xff) channel->close("enough");
        }
    }

    const bool driver;
    UniqueFd memory;
    Mapping peer;
    Socket socket;
    std::unique_ptr<Channel> channel;
    std::array<uint32_t, channel_layout::kLanes> heads{};
    ArenaView arenas;
    ArenaPool pool{[](uint32_t, uint64_t, const UniqueFd&) { return success(); }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    Game game(data[0] % 2 == 0 ? Channel::Side::client : Channel::Side::driver);
    Script script({data + 1, size - 1});
    for (int i = 0; i < 200 && !script.over(); ++i) game.step(script);
    for (const uint8_t pick : {0, 1}) game.receive(game.peer_lane(pick));
    return 0;
}
