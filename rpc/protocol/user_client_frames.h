// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "rpc/protocol/user_client.h"
#include "rpc/result.h"
#include "rpc/shared_bytes.h"

/// The hot messages of a user client's channel, as they lie in the rings: a fixed header, then what
/// it says. Each has a `write_…` that fills a Draft in place and a `parse_…` that copies every
/// integer once out of the peer's reach and checks it; what is left in the ring after that are
/// spans of bytes with no meaning to us, for one copy to where they belong. Integers are native;
/// both sides run on one machine.
namespace opendext::protocol::user_client {

/// Memory that a call names instead of carrying the bytes.
struct Slot {
    uint32_t arena = 0;  ///< number of an Arena, or kOwnMemory
    uint32_t reserved = 0;
    uint64_t offset = 0;
    uint64_t length = 0;
    static constexpr uint32_t kOwnMemory = 0xffffffff;  ///< a descriptor of the frame: offset 0
};
static_assert(sizeof(Slot) == 24);

// -- invoke: client -> driver, lane calls

namespace call_flags {
inline constexpr uint8_t structure = 1;       ///< there is a structure input, perhaps an empty one
inline constexpr uint8_t one_way = 2;         ///< no outcome is sent
inline constexpr uint8_t completion = 4;      ///< asynchronous: a word that names the completion
inline constexpr uint8_t input_memory = 8;    ///< the structure input is in a Slot
inline constexpr uint8_t output_memory = 16;  ///< the structure output goes to a Slot
inline constexpr uint8_t any_size = 32;       ///< the caller takes an output structure of any size
inline constexpr uint8_t all = 63;
}  // namespace call_flags

/// Followed by: the completion word if flagged, the input Slot if flagged, the output Slot if
/// flagged, the scalars, the structure's bytes. Descriptors of the frame: of the input if it is
/// kOwnMemory, then of the output if it is.
struct CallHeader {
    uint64_t selector = 0;
    uint32_t structure_size = 0;  ///< bytes in the frame
    uint32_t structure_room = 0;  ///< of the caller, for output in the frame
    uint8_t scalar_count = 0;
    uint8_t scalar_room = 0;
    uint8_t flags = 0;
    uint8_t reserved[5] = {};
};
static_assert(sizeof(CallHeader) == 24);

/// What is sent; and, parsed, what was received (scalars and structure point into the frame until
/// then).
struct CallFrame {
    uint64_t selector = 0;
    uint64_t completion = 0;  ///< with flag completion
    Slot input;               ///< with flag input_memory
    Slot output;              ///< with flag output_memory
    uint32_t structure_room = 0;
    uint8_t scalar_count = 0;
    uint8_t scalar_room = 0;
    uint8_t flags = 0;
    std::span<const std::byte> structure;

    [[nodiscard]] bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

[[nodiscard]] inline size_t call_frame_size(const CallFrame& call) {
    return sizeof(CallHeader) + (call.has(call_flags::completion) ? sizeof(uint64_t) : 0) +
           (call.has(call_flags::input_memory) ? sizeof(Slot) : 0) +
           (call.has(call_flags::output_memory) ? sizeof(Slot) : 0) +
           call.scalar_count * sizeof(uint64_t) + call.structure.size();
}
/// The most that call_frame_size() gives for a call that parse_call() accepts.
inline constexpr size_t kMaxCallFrame = sizeof(CallHeader) + sizeof(uint64_t) + 2 * sizeof(Slot) +
                                        kMaxScalars * sizeof(uint64_t) + kMaxInbandStructure;

/// `to` has call_frame_size(call) bytes, `scalars` call.scalar_count words.
void write_call(std::span<std::byte> to, const CallFrame& call, const uint64_t* scalars);
/// Errc::malformed for what a client library never sends. `scalars` gets call.scalar_count words;
/// call.structure lies in `from`.
Status parse_call(std::span<const std::byte> from, CallFrame& call,
                  std::array<uint64_t, kMaxScalars>& scalars);

// -- outcome: driver -> client, lane replies

namespace outcome_flags {
/// The driver still uses the slot; slot_freed follows.
inline constexpr uint8_t keeps_input = 1;
inline constexpr uint8_t keeps_output = 2;
/// For a call of any_size: the structure is too large for the frame, it is the first `output_used`
/// bytes of the sealed memory that comes with the frame.
inline constexpr uint8_t structure_memory = 4;
inline constexpr uint8_t all = 7;
}  // namespace outcome_flags

/// Followed by the scalars, the structure's bytes, the reason (UTF-8, for people).
struct OutcomeHeader {
    int32_t io_return = 0;
    uint32_t structure_size = 0;
    uint64_t output_used = 0;  ///< of the output Slot
    uint16_t reason_size = 0;
    uint8_t scalar_count = 0;
    uint8_t flags = 0;
    uint32_t reserved = 0;
};
static_assert(sizeof(OutcomeHeader) == 24);
inline constexpr size_t kMaxReason = 1024;

struct OutcomeFrame {
    int32_t io_return = 0;
    uint8_t scalar_count = 0;
    uint8_t flags = 0;
    uint64_t output_used = 0;
    std::span<const std::byte> structure;
    std::string_view reason;  ///< at most kMaxReason; more is cut by write_outcome()

    [[nodiscard]] bool has(uint8_t flag) const { return (flags & flag) != 0; }
};
[[nodiscard]] inline size_t outcome_frame_size(const OutcomeFrame& outcome) {
    return sizeof(OutcomeHeader) + outcome.scalar_count * sizeof(uint64_t) +
           outcome.structure.size() + std::min(outcome.reason.size(), kMaxReason);
}
void write_outcome(std::span<std::byte> to, const OutcomeFrame& outcome, const uint64_t* scalars);
/// `scalars` gets outcome.scalar_count words; structure and reason lie in `from`. Whether they fit
/// the caller's room is for the receiver to check.
Status parse_outcome(std::span<const std::byte> from, OutcomeFrame& outcome,
                     std::array<uint64_t, kMaxScalars>& scalars);

// -- completion and completion_released: driver -> client, lane events

/// Followed by the arguments.
struct CompletionHeader {
    uint64_t completion = 0;  ///< the word of the call
    int32_t status = 0;
    uint32_t argument_count = 0;
};
static_assert(sizeof(CompletionHeader) == 16);

[[nodiscard]] inline size_t completion_frame_size(size_t argument_count) {
    return sizeof(CompletionHeader) + argument_count * sizeof(uint64_t);
}
void write_completion(std::span<std::byte> to, const CompletionHeader& header,
                      const uint64_t* arguments);
/// `arguments` gets header.argument_count words.
Status parse_completion(std::span<const std::byte> from, CompletionHeader& header,
                        std::array<uint64_t, kMaxAsyncArguments>& arguments);

/// The OSAction of a successful asynchronous call is gone: no completion comes for it any more.
struct CompletionReleased {
    uint64_t completion = 0;
};
static_assert(sizeof(CompletionReleased) == 8);

// -- slot_freed: driver -> client, lane events once the client has made an asynchronous call, else
// -- replies

/// The driver let go of a slot that an outcome said it keeps.
struct SlotFreed {
    uint32_t arena = 0;
    uint32_t reserved = 0;
    uint64_t offset = 0;
};
static_assert(sizeof(SlotFreed) == 16);

/// CompletionReleased and SlotFreed: one struct and nothing else.
template <typename T>
[[nodiscard]] Status parse_struct(std::span<const std::byte> from, T& value) {
    if (from.size() != sizeof value) return Error{Errc::malformed, 0, "frame of a wrong size"};
    copy_shared(&value, from.data(), sizeof value);
    return success();
}

}  // namespace opendext::protocol::user_client
