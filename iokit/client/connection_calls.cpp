// SPDX-License-Identifier: Apache-2.0
// Calls of a connection: how they are sent, and what their callers get.
#include <sys/mman.h>

#include <array>
#include <memory>
#include <utility>

#include "iokit/client/connection.h"
#include "iokit/client/reason.h"
#include "rpc/probe.h"

namespace opendext::client {

namespace uc = protocol::user_client;

kern_return_t Connection::check_counts(const CallArguments& arguments, uint32_t output_count) {
    if (arguments.scalars.size() > uc::kMaxScalars || output_count > uc::kMaxScalars) [[unlikely]]
        return fail(kIOReturnBadArgument, "more than 16 scalars");
    return kIOReturnSuccess;
}

Status Connection::send(const CallArguments& arguments, const Output& output, CallMemory& memory,
                        const Sending& how) {
    uc::CallFrame call;
    call.selector = arguments.selector;
    call.scalar_count = static_cast<uint8_t>(arguments.scalars.size());
    call.scalar_room = static_cast<uint8_t>(output.scalar_count);
    if (how.one_way) [[unlikely]]
        call.flags |= uc::call_flags::one_way;
    if (how.any_size) [[unlikely]]
        call.flags |= uc::call_flags::any_size;
    if (how.completion != 0) [[unlikely]] {
        call.flags |= uc::call_flags::completion;
        call.completion = how.completion;
    }
    if (!arguments.structure.empty()) call.flags |= uc::call_flags::structure;
    if (arguments.structure.size() <= uc::kMaxInbandStructure) [[likely]] {
        call.structure = arguments.structure;
    } else {
        // No answer would say when the slot of a one-way call is free.
        OD_TRY(memory.give_input(how.one_way ? nullptr : &arena_, arguments.structure));
        call.flags |= uc::call_flags::input_memory;
        call.input = memory.input();
    }
    if (output.structure_size <= uc::kMaxInbandStructure) [[likely]] {
        call.structure_room = static_cast<uint32_t>(output.structure_size);
    } else {
        OD_TRY(memory.give_room(&arena_, output.structure_size));
        call.flags |= uc::call_flags::output_memory;
        call.output = memory.output();
    }
    Result<Draft> draft = channel_->begin(Lane::calls, static_cast<uint16_t>(uc::Kind::invoke),
                                          how.serial, uc::call_frame_size(call), how.wait);
    if (!draft.ok()) [[unlikely]]
        return std::move(draft).error();
    uc::write_call(draft->bytes(), call, arguments.scalars.data());
    return channel_->commit(std::move(*draft), how.wake, memory.fds());
}

void Connection::settle(Pending& pending, CallMemory& memory) {
    Outcome& outcome = pending.outcome;
    if (outcome.code == kIOReturnSuccess && memory.has_room() && pending.output.structure_size == 0)
        [[unlikely]] {  // else it was in the frame
        Output& output = pending.output;
        if (pending.memory_used > memory.output().length) {
            outcome = {kIOReturnBadArgument, OPENDEXT_ORIGIN_DRIVER,
                       "the driver's answer is larger than the caller's room"};
        } else {
            const auto result = memory.result(static_cast<size_t>(pending.memory_used));
            OPENDEXT_PROBE(client_output);
            copy_shared(output.structure, result.data(), result.size());
            output.structure_size = result.size();
        }
    }
    if (!memory.empty()) [[unlikely]]
        memory.answered(pending.flags);
    if (outcome.origin == OPENDEXT_ORIGIN_DRIVER_DIED) [[unlikely]]
        outcome = gone(outcome.reason);
}

void Connection::take_any_size(Pending& pending) {
    const auto wrong = [&](const char* reason) {
        pending.outcome = {kIOReturnVMError, OPENDEXT_ORIGIN_DRIVER, reason};
    };
    Output& output = pending.output;
    size_t size = output.structure_size;
    Mapping large;
    if ((pending.flags & uc::outcome_flags::structure_memory) != 0) {
        const Result<size_t> sealed = sealed_memory_size(pending.memory.get());
        if (!sealed.ok() || pending.memory_used > *sealed || pending.memory_used == 0)
            return wrong("the driver's output is smaller than it says");
        size = static_cast<size_t>(pending.memory_used);
        auto mapped = Mapping::map(pending.memory.get(), 0, size, Mapping::Access::read_only);
        if (!mapped.ok()) return wrong("the driver's output cannot be mapped");
        large = std::move(mapped).value();
    }
    const std::byte* from = large.size() > 0 ? large.data() : output.structure;
    output.structure = nullptr;
    output.structure_size = 0;
    if (size == 0) return;
    void* made = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) {
        pending.outcome = {kIOReturnNoMemory, OPENDEXT_ORIGIN_LIBRARY,
                           "no memory for the driver's output"};
        return;
    }
    output.structure = static_cast<std::byte*>(made);
    output.structure_size = size;
    copy_shared(made, from, size);
}

kern_return_t Connection::call(const CallArguments& arguments, Output& output, uint64_t completion,
                               bool any_size) {
    const kern_return_t checked = check_counts(arguments, output.scalar_count);
    if (checked != kIOReturnSuccess) [[unlikely]]
        return checked;
    Pending pending;
    Waiter waiter;
    CallMemory memory;
    pending.output = output;
    std::array<std::byte, uc::kMaxInbandStructure> in_frame;
    if (any_size) [[unlikely]] {
        pending.output.structure = in_frame.data();
        pending.output.structure_size = in_frame.size();
    }
    Sending how{.completion = completion, .any_size = any_size};
    how.serial = replies_.add(pending, waiter, true);
    const Status sent = send(arguments, output, memory, how);
    if (!sent.ok()) [[unlikely]] {
        replies_.drop(pending, waiter);
        return failed(sent.error());
    }
    replies_.wait(waiter);
    settle(pending, memory);
    if (any_size && pending.outcome.code == kIOReturnSuccess) [[unlikely]]
        take_any_size(pending);
    Outcome& outcome = pending.outcome;
    if (outcome.code != kIOReturnSuccess) [[unlikely]]
        return fail(outcome.code, std::move(outcome.reason), outcome.origin);
    output = pending.output;
    return kIOReturnSuccess;
}

kern_return_t Connection::call(const CallArguments& arguments, Output& output, bool any_size) {
    return call(arguments, output, 0, any_size);
}

kern_return_t Connection::call_async(const CallArguments& arguments, Output& output,
                                     std::shared_ptr<const CompletionTarget> target,
                                     bool any_size) {
    const uint64_t number = completions_.add(std::move(target));
    start_completions();
    const kern_return_t code = call(arguments, output, number, any_size);
    if (code == kIOReturnSuccess) {
        completions_.accept(number);
    } else {
        completions_.forget(number);
    }
    return code;
}

kern_return_t Connection::begin(const CallArguments& arguments, Pending& pending,
                                CallMemory& memory) {
    const Status sent = send(arguments, pending.output, memory,
                             {.serial = pending.serial(), .wake = Channel::Wake::later});
    return sent.ok() ? kIOReturnSuccess : failed(sent.error());
}

void Connection::abandon(Pending& pending, Waiter& waiter, CallMemory& memory) {
    // The driver uses the memory until it answers.
    struct Heir : Pending {
        CallMemory memory;
    };
    if (memory.empty()) return replies_.drop(pending, waiter);
    auto heir = std::make_unique<Heir>();
    heir->memory = std::move(memory);
    heir->finished = [](Pending& finished) {
        const std::unique_ptr<Heir> own(static_cast<Heir*>(&finished));
        own->memory.answered(own->flags);
    };
    if (replies_.drop(pending, waiter, *heir)) (void)heir.release();
}

kern_return_t Connection::post(const CallArguments& arguments, bool wait, Channel::Wake wake) {
    CallMemory memory;
    const Status sent = send(arguments, {}, memory,
                             {.wait = wait ? Channel::Wait::block : Channel::Wait::dont_block,
                              .wake = wake,
                              .one_way = true});
    return sent.ok() ? kIOReturnSuccess : failed(sent.error());
}

}  // namespace opendext::client
