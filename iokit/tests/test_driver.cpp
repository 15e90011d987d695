// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "iokit/tests/client_fixture.h"
#include "rpc/arena.h"
#include "rpc/data_queue_ring.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::fakes {
namespace {

constexpr auto kOutcome = static_cast<uint16_t>(uc::Kind::outcome);

Mapping view_of(const UniqueFd& memory, size_t offset, size_t length) {
    return std::move(Mapping::map(memory.get(), offset, length, Mapping::Access::read_write))
        .value();
}

/// What the client has told of; every channel has a thread of its own.
thread_local ArenaView arenas;
/// Nobody will ring, as if the process had ended and nothing else had said so.
thread_local bool bells_are_lost = false;

/// The bytes of a slot, from the frame's descriptors if it is the call's own.
class SlotView {
  public:
    SlotView(const uc::Slot& slot, const Message& message, size_t& next_fd) : length_(slot.length) {
        if (slot.arena == uc::Slot::kOwnMemory) {
            own_ = view_of(message.fds[next_fd++], 0, slot.length);
        } else {
            range_ = std::move(arenas.at(slot)).value();
        }
    }
    [[nodiscard]] std::span<std::byte> bytes() const {
        return {range_.data != nullptr ? range_.data : own_.data(), length_};
    }

  private:
    size_t length_;
    Mapping own_;
    ArenaView::Range range_;
};

void answer(Channel& channel, uint64_t serial, const uc::OutcomeFrame& outcome,
            const uint64_t* scalars = nullptr, std::span<const UniqueFd> fds = {}) {
    auto draft = channel.begin(Lane::replies, kOutcome, serial, uc::outcome_frame_size(outcome));
    if (!draft.ok()) return;
    uc::write_outcome(draft->bytes(), outcome, scalars);
    (void)channel.commit(std::move(draft).value(), Channel::Wake::now, fds);
}

bool complete(Channel& channel, uint64_t completion, const std::vector<uint64_t>& arguments) {
    auto draft = channel.begin(Lane::events, static_cast<uint16_t>(uc::Kind::completion), 0,
                               uc::completion_frame_size(arguments.size()));
    if (!draft.ok()) return false;
    uc::write_completion(draft->bytes(),
                         {completion, kIOReturnSuccess, static_cast<uint32_t>(arguments.size())},
                         arguments.data());
    return channel.commit(std::move(draft).value()).ok();
}

void release(Channel& channel, uint64_t completion) {
    auto draft = channel.begin(Lane::events, static_cast<uint16_t>(uc::Kind::completion_released),
                               0, sizeof(uc::CompletionReleased));
    if (!draft.ok()) return;
    const uc::CompletionReleased released{completion};
    std::memcpy(draft->bytes().data(), &released, sizeof released);
    (void)channel.commit(std::move(draft).value());
}

void answer_garbage(Channel& channel, uint64_t serial) {
    auto draft = channel.begin(Lane::replies, kOutcome, serial, 3);
    if (draft.ok()) (void)channel.commit(std::move(draft).value());
}

Message refused(uint64_t serial) {
    uc::Mapped mapped;
    mapped.io_return = kIOReturnBadArgument;
    return encode(mapped, serial);
}

Message map_memory(uint64_t type, uint64_t serial) {
    uc::Mapped mapped;
    std::vector<UniqueFd> fds;
    if (type == 1 || type == 2) {
        fds.push_back(std::move(make_sealed_memory("shared", 12288)).value());
        std::memcpy(view_of(fds[0], 0, 12288).data() + 5000, "hello", 6);
        mapped.offset = 5000;
        mapped.length = type == 1 ? 4096 : 8192;  // type 2 lies about its size
    } else if (type == 3) {                       // a page of one memory, then two of another
        mapped.length = 4096;
        mapped.more = {{1, 4096, 8192}};
        fds.push_back(std::move(make_sealed_memory("first", 4096)).value());
        fds.push_back(std::move(make_sealed_memory("second", 12288)).value());
        std::memcpy(view_of(fds[0], 0, 4096).data(), "one", 4);
        std::memcpy(view_of(fds[1], 4096, 4096).data(), "two", 4);
    } else if (type == 4 || type == 5) {  // a data queue; type 5 rings a pipe
        mapped.length = 4096;
        mapped.data_queue = true;
        fds.push_back(std::move(make_sealed_memory("queue", 4096)).value());
        const Mapping view = view_of(fds[0], 0, 4096);
        const DataQueueRing ring(view.data(), 4096);
        const auto place = ring.reserve(5);
        std::memcpy(place.data, "first", 5);
        ring.publish(place);
        int pipe[2] = {-1, -1};
        if (type == 5 && ::pipe(pipe) == 0) ::close(pipe[0]);
        fds.emplace_back(type == 5 ? pipe[1] : ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    } else if (type == 6) {  // for reading only
        mapped.length = 4096;
        mapped.options = 1;
        fds.push_back(std::move(make_sealed_memory("shared", 4096)).value());
    } else {
        return refused(serial);
    }
    Message reply = encode(mapped, serial);
    reply.fds = std::move(fds);
    return reply;
}

/// Sums the scalars and turns the structure round.
void turn_round(Channel& channel, const Message& message, const uc::CallFrame& call,
                const std::array<uint64_t, uc::kMaxScalars>& scalars) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < call.scalar_count; ++i) sum += scalars[i];
    size_t next_fd = 0;
    std::vector<std::byte> structure(call.structure.begin(), call.structure.end());
    if (call.has(uc::call_flags::input_memory)) {
        const SlotView view(call.input, message, next_fd);
        structure.assign(view.bytes().begin(), view.bytes().end());
    }
    std::reverse(structure.begin(), structure.end());
    uc::OutcomeFrame outcome;
    outcome.scalar_count = call.scalar_room > 0 ? 1 : 0;
    std::vector<UniqueFd> fds;
    if (call.has(uc::call_flags::output_memory)) {
        const SlotView view(call.output, message, next_fd);
        std::copy(structure.begin(), structure.end(), view.bytes().begin());
        outcome.output_used = structure.size();
    } else if (call.has(uc::call_flags::any_size) && structure.size() > 4096) {
        fds.push_back(std::move(make_sealed_memory("output", structure.size())).value());
        std::copy(structure.begin(), structure.end(), view_of(fds[0], 0, structure.size()).data());
        outcome.output_used = structure.size();
        outcome.flags = uc::outcome_flags::structure_memory;
    } else {
        outcome.structure = structure;
    }
    answer(channel, message.serial, outcome, &sum, fds);
}

}  // namespace

/// Selector 1 sums scalars and turns the structure round, 3 completes three times, 5 answers more
/// than there is room for, 6 never answers, 7 answers garbage, 8 completes as often as its scalar
/// says, 9 says as many one-way calls came as did, 10 answers with another kind of message, 11 with
/// output that is longer than its memory, 12 refuses in words that are not to be printed, 13 closes
/// the channel, 14 completes with garbage, 15 makes bells that come later be lost; others are
/// refused.
void test_driver(Channel& channel, Message message) {
    static std::atomic<uint64_t> one_way = 0;
    if (message.kind == static_cast<uint32_t>(uc::Kind::map_memory)) {
        (void)channel.send(map_memory(decode<uc::MapMemory>(message)->type, message.serial));
        return;
    }
    if (message.kind == static_cast<uint32_t>(uc::Kind::arena)) {
        const uc::Arena arena = *decode<uc::Arena>(message);
        if (arena.number == 0) arenas = {};
        (void)arenas.add(arena, std::move(message.fds[0]));
        return;
    }
    if (message.kind == static_cast<uint32_t>(uc::Kind::events_bell)) {
        if (!bells_are_lost) (void)channel.set_bell(Lane::events, std::move(message.fds.at(0)));
        return;
    }
    uc::CallFrame call;
    std::array<uint64_t, uc::kMaxScalars> scalars{};
    if (!uc::parse_call(std::as_bytes(std::span(message.body)), call, scalars).ok()) {
        channel.close("the client's call does not parse");
        return;
    }
    uc::OutcomeFrame outcome;
    const uint64_t serial = message.serial;
    if (call.has(uc::call_flags::one_way)) {
        one_way += call.structure.size() + call.input.length + 1;
        return;
    }
    switch (call.selector) {
        case 1:
            return turn_round(channel, message, call, scalars);
        case 3:
            answer(channel, serial, outcome);
            for (uint64_t i = 1; i <= 3; ++i)
                complete(channel, call.completion, std::vector<uint64_t>(i, i * 10));
            // After the action is gone, and for a reference that nobody gave away, nothing may be
            // called.
            release(channel, call.completion);
            complete(channel, call.completion, {99, 99, 99});
            complete(channel, 0x4141414141414141, {});
            release(channel, call.completion);
            return;
        case 5: {
            outcome.scalar_count = 16;
            return answer(channel, serial, outcome, scalars.data());
        }
        case 6:
            return;  // never answers
        case 7:
            return answer_garbage(channel, serial);
        case 8:  // as many completions as the first scalar says
            answer(channel, serial, outcome);
            for (uint64_t i = 0; i < scalars[0]; ++i) {
                if (!complete(channel, call.completion, std::vector<uint64_t>(16, i))) return;
            }
            return;
        case 9: {
            const uint64_t count = one_way.exchange(0);
            outcome.scalar_count = 1;
            return answer(channel, serial, outcome, &count);
        }
        case 10:
            (void)channel.send(refused(serial));
            return;
        case 11:
            outcome.output_used = call.output.length + 1;
            return answer(channel, serial, outcome);
        case 12:
            outcome.io_return = kIOReturnNotReady;
            outcome.reason = "red: \x1b[31m";
            return answer(channel, serial, outcome);
        case 13:
            return channel.close("the driver had enough");
        case 14: {
            auto draft =
                channel.begin(Lane::events, static_cast<uint16_t>(uc::Kind::completion), 0, 5);
            if (draft.ok()) (void)channel.commit(std::move(draft).value());
            return answer(channel, serial, outcome);
        }
        case 15:
            bells_are_lost = true;
            return answer(channel, serial, outcome);
        default:
            outcome.io_return = kIOReturnUnsupported;
            outcome.reason = "no such selector";
            answer(channel, serial, outcome);
    }
}

}  // namespace opendext::fakes
