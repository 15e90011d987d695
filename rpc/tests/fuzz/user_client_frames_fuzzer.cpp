// SPDX-License-Identifier: Apache-2.0
// The hot messages of a user client, parsed from any bytes, each as a driver and as a client reads
// them. What is accepted keeps every limit, and written again it is the same bytes.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rpc/protocol/user_client_frames.h"

using namespace opendext;
namespace uc = protocol::user_client;

namespace {

void require(bool right) {
    if (!right) std::abort();
}

bool inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

void as_call(std::span<const std::byte> bytes) {
    uc::CallFrame call;
    std::array<uint64_t, uc::kMaxScalars> scalars{};
    if (!uc::parse_call(bytes, call, scalars).ok()) return;
    require(call.scalar_count <= uc::kMaxScalars && call.scalar_room <= uc::kMaxScalars);
    require(call.structure.size() <= uc::kMaxInbandStructure && inside(call.structure, bytes));
    require(call.structure_room <= uc::kMaxInbandStructure);
    require(uc::call_frame_size(call) == bytes.size() && bytes.size() <= uc::kMaxCallFrame);
    std::vector<std::byte> again(bytes.size());
    uc::write_call(again, call, scalars.data());
    std::fill(again.begin() + 19, again.begin() + 24, std::byte{});  // reserved
    std::vector<std::byte> same(bytes.begin(), bytes.end());
    std::fill(same.begin() + 19, same.begin() + 24, std::byte{});
    require(again == same);
}

void as_outcome(std::span<const std::byte> bytes) {
    uc::OutcomeFrame outcome;
    std::array<uint64_t, uc::kMaxScalars> scalars{};
    if (!uc::parse_outcome(bytes, outcome, scalars).ok()) return;
    require(outcome.scalar_count <= uc::kMaxScalars);
    require(outcome.structure.size() <= uc::kMaxInbandStructure &&
            inside(outcome.structure, bytes));
    require(outcome.reason.size() <= uc::kMaxReason &&
            inside(std::as_bytes(std::span(outcome.reason)), bytes));
    require(uc::outcome_frame_size(outcome) == bytes.size());
    std::vector<std::byte> again(bytes.size());
    uc::write_outcome(again, outcome, scalars.data());
    require(std::memcmp(again.data(), bytes.data(), 20) == 0);  // then 4 reserved bytes
    require(std::memcmp(again.data() + 24, bytes.data() + 24, bytes.size() - 24) == 0);
}

void as_completion(std::span<const std::byte> bytes) {
    uc::CompletionHeader header;
    std::array<uint64_t, uc::kMaxAsyncArguments> arguments{};
    if (!uc::parse_completion(bytes, header, arguments).ok()) return;
    require(header.argument_count <= uc::kMaxAsyncArguments);
    std::vector<std::byte> again(uc::completion_frame_size(header.argument_count));
    uc::write_completion(again, header, arguments.data());
    require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) return 0;
    // A copy of the exact size, so that a read behind it is seen.
    const std::vector<std::byte> copy(reinterpret_cast<const std::byte*>(data + 1),
                                      reinterpret_cast<const std::byte*>(data + size));
    uc::SlotFreed freed;
    uc::CompletionReleased released;
    switch (data[0] % 4) {
        case 0:
            as_call(copy);
            break;
        case 1:
            as_outcome(copy);
            break;
        case 2:
            as_completion(copy);
            break;
        default:
            require(uc::parse_struct(copy, freed).ok() == (copy.size() == sizeof freed));
            require(uc::parse_struct(copy, released).ok() == (copy.size() == sizeof released));
    }
    return 0;
}
