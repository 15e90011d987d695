// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/external_call.h"

#include <algorithm>
#include <utility>

#include "runtime/log/log.h"
#include "runtime/user_client/connection.h"
#include "runtime/user_client/refusal.h"

namespace opendext::runtime {
namespace {

namespace uc = protocol::user_client;

thread_local std::string t_refusal;

}  // namespace

void set_refusal(std::string reason) {
    t_refusal = std::move(reason);
}

std::string take_refusal() {
    return std::exchange(t_refusal, {});
}

ExternalCall::ExternalCall(ExternalCall&& other) noexcept
    : serial_(other.serial_),
      call_(other.call_),
      scalars_in_(other.scalars_in_),
      input_(std::exchange(other.input_, nullptr)),
      input_memory_(std::exchange(other.input_memory_, {})),
      output_memory_(std::exchange(other.output_memory_, {})),
      action_(std::exchange(other.action_, nullptr)),
      completion_(std::move(other.completion_)) {}

ExternalCall::~ExternalCall() {
    release_input();
    OSSafeReleaseNULL(output_);
}

void ExternalCall::release_input() {
    OSSafeReleaseNULL(input_);
    OSSafeReleaseNULL(input_memory_.memory);
    OSSafeReleaseNULL(output_memory_.memory);
    OSSafeReleaseNULL(action_);
}

Status ExternalCall::take(Frame& frame, ClientConnection& connection, const Arenas& arenas) {
    OD_TRY(uc::parse_call(frame.bytes(), call_, scalars_in_));
    if (!call_.structure.empty())
        input_ = OSData::withBytes(call_.structure.data(), call_.structure.size());
    call_.structure = {};
    if (call_.has(uc::call_flags::input_memory | uc::call_flags::output_memory)) [[unlikely]] {
        std::vector<UniqueFd> fds = frame.take_fds();
        size_t next = 0;
        if (call_.has(uc::call_flags::input_memory)) {
            input_memory_ = OD_TRY(arenas.open(connection.weak_from_this(), call_.input,
                                               kIOMemoryDirectionOut, fds, next));
        }
        if (call_.has(uc::call_flags::output_memory)) {
            output_memory_ = OD_TRY(arenas.open(connection.weak_from_this(), call_.output,
                                                kIOMemoryDirectionIn, fds, next));
        }
    }
    if (call_.has(uc::call_flags::completion)) [[unlikely]] {
        completion_ = std::make_shared<Completion>(connection.weak_from_this(), call_.completion);
        action_ = Completion::make_action(completion_);
    }
    return success();
}

void ExternalCall::fail(std::string reason) {
    log_driver_bug("ExternalMethod selector %llu: %s",
                   static_cast<unsigned long long>(call_.selector), reason.c_str());
    outcome_ = {};
    outcome_.io_return = kIOReturnBadArgument;
    reason_ = std::move(reason);
}

/// What the driver left in the arguments becomes the answer.
void ExternalCall::take_results(IOUserClientMethodArguments& arguments) {
    output_ = std::exchange(arguments.structureOutput, nullptr);
    if (output_ != nullptr && output_ == input_ && output_->getRetainCount() == 1) [[unlikely]] {
        output_ = nullptr;  // both would be released
        return fail("structureOutput is structureInput, without a reference of its own");
    }
    if (outcome_.io_return != kIOReturnSuccess) return;
    if (arguments.scalarOutputCount > call_.scalar_room) [[unlikely]]
        return fail("more output scalars than the client has room for");
    outcome_.scalar_count = static_cast<uint8_t>(arguments.scalarOutputCount);
    if (output_ == nullptr) {
        if (output_memory_.memory == nullptr) return;
        (void)output_memory_.memory->GetLength(&outcome_.output_used);
        outcome_.output_used = std::min(outcome_.output_used, call_.output.length);
        return;
    }
    const size_t length = output_->getLength();
    if (output_memory_.memory != nullptr) [[unlikely]] {
        fail("structureOutput is set although the client gave a structureOutputDescriptor");
    } else if (!call_.has(uc::call_flags::any_size) && length > call_.structure_room) [[unlikely]] {
        fail("an output structure of " + std::to_string(length) +
             " bytes, the client has room for " + std::to_string(call_.structure_room));
    } else {
        outcome_.structure = {static_cast<const std::byte*>(output_->getBytesNoCopy()), length};
    }
}

void ExternalCall::run(ClientConnection& connection, IOUserClient* client, DataCache* cache) {
    IOUserClientMethodArguments arguments{};
    arguments.version = kIOUserClientMethodArgumentsCurrentVersion;
    arguments.selector = call_.selector;
    arguments.completion = action_;
    arguments.scalarInput = scalars_in_.data();
    arguments.scalarInputCount = call_.scalar_count;
    arguments.structureInput = input_;
    arguments.structureInputDescriptor = input_memory_.memory;
    std::fill_n(scalars_out_.begin(), call_.scalar_room, 0);
    arguments.scalarOutput = scalars_out_.data();
    arguments.scalarOutputCount = call_.scalar_room;
    arguments.structureOutputDescriptor = output_memory_.memory;
    arguments.structureOutputMaximumSize = call_.structure_room;
    if (output_memory_.memory != nullptr) [[unlikely]]
        arguments.structureOutputMaximumSize = call_.output.length;
    if (call_.has(uc::call_flags::any_size)) [[unlikely]]
        arguments.structureOutputMaximumSize = kIOUserClientVariableStructureSize;

    {
        const ClientConnection::RunningCall running(connection, call_.selector);
        outcome_.io_return =
            client->ExternalMethod(call_.selector, &arguments, nullptr, nullptr, nullptr);
    }
    if (!t_refusal.empty()) [[unlikely]] {
        reason_ = take_refusal();
        if (outcome_.io_return == kIOReturnSuccess) reason_.clear();
    }
    take_results(arguments);
    if (outcome_.io_return != kIOReturnSuccess && completion_ != nullptr) [[unlikely]]
        completion_->forget();
    if (cache != nullptr) cache->give_back(std::exchange(input_, nullptr));
    release_input();
    answer(connection);
    if (cache != nullptr) cache->give_back(std::exchange(output_, nullptr));
}

void ExternalCall::refuse(ClientConnection& connection, kern_return_t result,
                          std::string_view reason) {
    if (completion_ != nullptr) completion_->forget();
    release_input();
    outcome_ = {};
    outcome_.io_return = result;
    reason_ = reason;
    answer(connection);
}

void ExternalCall::answer(ClientConnection& connection) {
    if (call_.has(uc::call_flags::one_way)) [[unlikely]] {
        if (outcome_.io_return != kIOReturnSuccess)
            connection.one_way_failed(call_.selector, outcome_.io_return);
        return;
    }
    outcome_.reason = reason_;
    // Nobody but us can make another reference to a slot that has none left but ours.
    const bool keeps_input = input_memory_.slot != nullptr && input_memory_.slot.use_count() > 1;
    const bool keeps_output = output_memory_.slot != nullptr && output_memory_.slot.use_count() > 1;
    if (keeps_input) [[unlikely]]
        outcome_.flags |= uc::outcome_flags::keeps_input;
    if (keeps_output) [[unlikely]]
        outcome_.flags |= uc::outcome_flags::keeps_output;
    if (outcome_.structure.size() > uc::kMaxInbandStructure) [[unlikely]] {
        answer_in_memory(connection);
    } else {
        connection.answer(serial_, outcome_, scalars_out_.data());
    }
    if (keeps_input) [[unlikely]]
        input_memory_.slot->tell_at_the_end();
    if (keeps_output) [[unlikely]]
        output_memory_.slot->tell_at_the_end();
}

/// A structure of any size that is too large for a frame.
void ExternalCall::answer_in_memory(ClientConnection& connection) {
    const std::span<const std::byte> structure = std::exchange(outcome_.structure, {});
    const auto make = [&]() -> Result<UniqueFd> {
        UniqueFd memory = OD_TRY(make_sealed_memory("opendext-output", structure.size()));
        const Mapping mapping =
            OD_TRY(Mapping::map(memory.get(), 0, structure.size(), Mapping::Access::read_write));
        memcpy(mapping.data(), structure.data(), structure.size());
        return memory;
    };
    Message message;
    auto memory = make();
    if (memory.ok()) {
        outcome_.flags |= uc::outcome_flags::structure_memory;
        outcome_.output_used = structure.size();
        message.fds.push_back(std::move(memory).value());
    } else {
        reason_ = memory.error().text();
        outcome_ = {};
        outcome_.io_return = kIOReturnNoMemory;
        outcome_.reason = reason_;
    }
    message.kind = static_cast<uint32_t>(uc::Kind::outcome);
    message.serial = serial_;
    message.body.resize(uc::outcome_frame_size(outcome_));
    uc::write_outcome(std::as_writable_bytes(std::span(message.body)), outcome_,
                      scalars_out_.data());
    connection.reply(std::move(message));
}

}  // namespace opendext::runtime
