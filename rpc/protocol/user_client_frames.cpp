// SPDX-License-Identifier: Apache-2.0
#include "rpc/protocol/user_client_frames.h"

#include <algorithm>

namespace opendext::protocol::user_client {
namespace {

/// Puts pieces one behind the other.
class Filler {
  public:
    explicit Filler(std::span<std::byte> to) : at_(to.data()) {}
    template <typename T>
    void put(const T& value) {
        put(&value, sizeof value);
    }
    void put(const void* bytes, size_t size) {
        if (size != 0) std::memcpy(at_, bytes, size);
        at_ += size;
    }

  private:
    std::byte* at_;
};

/// Takes them off again. That they are there has been checked.
class Taker {
  public:
    explicit Taker(const std::byte* from) : at_(from) {}
    template <typename T>
    void take(T& value) {
        take(&value, sizeof value);
    }
    void take(void* to, size_t size) {
        copy_shared(to, at_, size);
        at_ += size;
    }
    std::span<const std::byte> bytes(size_t size) {
        const std::span piece(at_, size);
        at_ += size;
        return piece;
    }

  private:
    const std::byte* at_;
};

Error malformed(const char* what) {
    return Error{Errc::malformed, 0, what};
}

}  // namespace

void write_call(std::span<std::byte> to, const CallFrame& call, const uint64_t* scalars) {
    Filler filler(to);
    filler.put(CallHeader{call.selector,
                          static_cast<uint32_t>(call.structure.size()),
                          call.structure_room,
                          call.scalar_count,
                          call.scalar_room,
                          call.flags,
                          {}});
    if (call.has(call_flags::completion)) [[unlikely]]
        filler.put(call.completion);
    if (call.has(call_flags::input_memory)) filler.put(call.input);
    if (call.has(call_flags::output_memory)) filler.put(call.output);
    filler.put(scalars, call.scalar_count * sizeof(uint64_t));
    filler.put(call.structure.data(), call.structure.size());
}

namespace {

/// Of the flags that most calls have not. nullptr: they fit together.
const char* check_rare(const CallFrame& call, const CallHeader& header) {
    if ((call.flags & ~call_flags::all) != 0) return "call with unknown flags";
    if (call.has(call_flags::one_way) &&
        (call.has(call_flags::completion) || call.has(call_flags::output_memory) ||
         call.has(call_flags::any_size) || header.scalar_room != 0 || header.structure_room != 0))
        return "one-way call that wants an answer";
    if (header.structure_size != 0 && call.has(call_flags::input_memory))
        return "call with a structure that it does not speak of";
    if ((header.structure_room != 0) + call.has(call_flags::output_memory) +
            call.has(call_flags::any_size) >
        1)
        return "call with room for its output twice";
    return nullptr;
}

}  // namespace

Status parse_call(std::span<const std::byte> from, CallFrame& call,
                  std::array<uint64_t, kMaxScalars>& scalars) {
    CallHeader header;
    if (from.size() < sizeof header) [[unlikely]]
        return malformed("call without its header");
    Taker taker(from.data());
    taker.take(header);
    if (header.scalar_count > kMaxScalars || header.scalar_room > kMaxScalars) [[unlikely]]
        return malformed("call with too many scalars");
    if (header.structure_size > kMaxInbandStructure || header.structure_room > kMaxInbandStructure)
        [[unlikely]]
        return malformed("call with a structure above the limit of what travels in a frame");
    call.selector = header.selector;
    call.structure_room = header.structure_room;
    call.scalar_count = header.scalar_count;
    call.scalar_room = header.scalar_room;
    call.flags = header.flags;
    if (header.structure_size != 0 && !call.has(call_flags::structure)) [[unlikely]]
        return malformed("call with a structure that it does not speak of");
    const bool rare = (call.flags & ~call_flags::structure) != 0;
    if (rare) [[unlikely]] {
        if (const char* wrong = check_rare(call, header)) [[unlikely]]
            return malformed(wrong);
    }
    call.structure = {from.data(), header.structure_size};  // call_frame_size() wants the size
    if (call_frame_size(call) != from.size()) [[unlikely]]
        return malformed("call of another size than it says");
    if (rare) [[unlikely]] {
        if (call.has(call_flags::completion)) taker.take(call.completion);
        if (call.has(call_flags::input_memory)) taker.take(call.input);
        if (call.has(call_flags::output_memory)) taker.take(call.output);
    }
    taker.take(scalars.data(), header.scalar_count * sizeof(uint64_t));
    call.structure = taker.bytes(header.structure_size);
    return success();
}

void write_outcome(std::span<std::byte> to, const OutcomeFrame& outcome, const uint64_t* scalars) {
    const size_t reason_size = std::min(outcome.reason.size(), kMaxReason);
    Filler filler(to);
    filler.put(OutcomeHeader{outcome.io_return, static_cast<uint32_t>(outcome.structure.size()),
                             outcome.output_used, static_cast<uint16_t>(reason_size),
                             outcome.scalar_count, outcome.flags, 0});
    filler.put(scalars, outcome.scalar_count * sizeof(uint64_t));
    filler.put(outcome.structure.data(), outcome.structure.size());
    filler.put(outcome.reason.data(), reason_size);
}

Status parse_outcome(std::span<const std::byte> from, OutcomeFrame& outcome,
                     std::array<uint64_t, kMaxScalars>& scalars) {
    OutcomeHeader header;
    if (from.size() < sizeof header) [[unlikely]]
        return malformed("answer without its header");
    Taker taker(from.data());
    taker.take(header);
    if ((header.flags & ~outcome_flags::all) != 0) [[unlikely]]
        return malformed("answer with unknown flags");
    if (header.scalar_count > kMaxScalars) [[unlikely]]
        return malformed("answer with too many scalars");
    if (header.structure_size > kMaxInbandStructure) [[unlikely]]
        return malformed("answer with a structure above the limit of what travels in a frame");
    if (header.reason_size > kMaxReason) [[unlikely]]
        return malformed("answer with too long a reason");
    if (from.size() != sizeof header + header.scalar_count * sizeof(uint64_t) +
                           header.structure_size + header.reason_size) [[unlikely]]
        return malformed("answer of another size than it says");
    outcome.io_return = header.io_return;
    outcome.scalar_count = header.scalar_count;
    outcome.flags = header.flags;
    outcome.output_used = header.output_used;
    taker.take(scalars.data(), header.scalar_count * sizeof(uint64_t));
    outcome.structure = taker.bytes(header.structure_size);
    const auto reason = taker.bytes(header.reason_size);
    outcome.reason = {reinterpret_cast<const char*>(reason.data()), reason.size()};
    return success();
}

void write_completion(std::span<std::byte> to, const CompletionHeader& header,
                      const uint64_t* arguments) {
    Filler filler(to);
    filler.put(header);
    filler.put(arguments, header.argument_count * sizeof(uint64_t));
}

Status parse_completion(std::span<const std::byte> from, CompletionHeader& header,
                        std::array<uint64_t, kMaxAsyncArguments>& arguments) {
    if (from.size() < sizeof header) return malformed("completion without its header");
    Taker taker(from.data());
    taker.take(header);
    if (header.argument_count > kMaxAsyncArguments)
        return malformed("completion with too many arguments");
    if (from.size() != completion_frame_size(header.argument_count))
        return malformed("completion of another size than it says");
    taker.take(arguments.data(), header.argument_count * sizeof(uint64_t));
    return success();
}

}  // namespace opendext::protocol::user_client
