// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/external_call.h"

#include <DriverKit/OSData.h>

#include <atomic>

#include "runtime/dispatch/action_ivars.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/user_client/connection.h"

namespace opendext::runtime {
namespace {

namespace uc = protocol::user_client;

/// Receives AsyncCompletion: sends it to the client. May be called again and again, long after the
/// call.
class Completion : public ActionReceiver {
  public:
    Completion(std::weak_ptr<ClientConnection> connection, std::vector<uint64_t> reference)
        : connection_(std::move(connection)), reference_(std::move(reference)) {}
    ~Completion() override {
        // The last holder let go: the client can forget what its reference stands for.
        if (failed_.load(std::memory_order_relaxed)) return;
        if (const auto connection = connection_.lock()) {
            connection->send(encode(uc::Released{reference_}));
        }
    }

    kern_return_t receive(OSAction* action, const IORPC& rpc) override {
        return IOUserClient::AsyncCompletion_Invoke(
            rpc, action,
            [](OSMetaClassBase* target, OSAction*, IOReturn status,
               const IOUserClientAsyncArgumentsArray data, uint32_t count) {
                auto* own = static_cast<OSAction*>(target)->OSAction::ivars->receiver.get();
                static_cast<Completion*>(own)->complete(status, data, count);
            },
            gOSAction_IOUserClient_KernelCompletionMetaClass);
    }
    /// The call failed: no completion is sent any more.
    void forget() { failed_.store(true, std::memory_order_relaxed); }

  private:
    void complete(IOReturn status, const uint64_t* data, uint32_t count) {
        if (failed_.load(std::memory_order_relaxed)) return;
        if (count > uc::kMaxAsyncArguments) {
            log_driver_bug("AsyncCompletion with %u arguments, %zu is the most; it is dropped",
                           count, uc::kMaxAsyncArguments);
            return;
        }
        const auto connection = connection_.lock();
        if (connection == nullptr) return;  // the client is gone
        uc::Async message;
        message.async_reference = reference_;
        message.status = status;
        message.arguments.assign(data, data + count);
        connection->send(encode(std::move(message)));
    }

    const std::weak_ptr<ClientConnection> connection_;
    const std::vector<uint64_t> reference_;
    std::atomic<bool> failed_{false};
};

Error malformed(const char* what) {
    return Error{Errc::malformed, 0, what};
}

/// The objects of one call; released at its end.
struct Objects {
    OSData* input = nullptr;
    IOBufferMemoryDescriptor* input_memory = nullptr;
    IOBufferMemoryDescriptor* output_memory = nullptr;
    OSAction* completion = nullptr;
    std::shared_ptr<Completion> receiver;

    ~Objects() {
        OSSafeReleaseNULL(input);
        OSSafeReleaseNULL(input_memory);
        OSSafeReleaseNULL(output_memory);
        OSSafeReleaseNULL(completion);
    }
};

Status make_objects(Objects& objects, const std::shared_ptr<ClientConnection>& connection,
                    const uc::Call& request, std::vector<UniqueFd> fds) {
    size_t next_fd = 0;
    const auto memory = [&](uint64_t length,
                            uint64_t direction) -> Result<IOBufferMemoryDescriptor*> {
        if (next_fd >= fds.size()) return malformed("call without the memory that it speaks of");
        return make_foreign_memory(std::move(fds[next_fd++]), 0, length, direction);
    };
    if (request.input_memory_length > 0) {
        objects.input_memory = OD_TRY(memory(request.input_memory_length, kIOMemoryDirectionOut));
    } else if (request.has_structure && !request.structure.empty()) {
        objects.input = OSData::withBytes(request.structure.data(), request.structure.size());
    }
    if (request.output_memory_length > 0) {
        objects.output_memory = OD_TRY(memory(request.output_memory_length, kIOMemoryDirectionIn));
    }
    if (!request.async_reference.empty()) {
        objects.receiver = std::make_shared<Completion>(connection, request.async_reference);
        objects.completion =
            make_receiver_action(gOSAction_IOUserClient_KernelCompletionMetaClass,
                                 IOUserClient_AsyncCompletion_ID, objects.receiver);
    }
    return success();
}

/// What the driver left in the arguments becomes the answer.
void take_results(IOUserClientMethodArguments& arguments, const uc::Call& request,
                  uc::CallResult& result) {
    OSData* output = arguments.structureOutput;
    const auto fail = [&](std::string reason) {
        result = {};
        result.io_return = kIOReturnBadArgument;
        log_driver_bug("ExternalMethod selector %llu: %s",
                       static_cast<unsigned long long>(request.selector), reason.c_str());
        result.reason = std::move(reason);
    };
    if (result.io_return == kIOReturnSuccess) {
        if (arguments.scalarOutputCount > request.scalar_output_count) {
            fail("more output scalars than the client has room for");
        } else {
            result.scalars.assign(arguments.scalarOutput,
                                  arguments.scalarOutput + arguments.scalarOutputCount);
        }
    }
    if (result.io_return == kIOReturnSuccess && output != nullptr) {
        const uint64_t length = output->getLength();
        if (arguments.structureOutputDescriptor != nullptr) {
            fail("structureOutput is set although the client gave a structureOutputDescriptor");
        } else if (length > arguments.structureOutputMaximumSize) {
            fail("an output structure of " + std::to_string(length) +
                 " bytes, the client has room for " +
                 std::to_string(arguments.structureOutputMaximumSize));
        } else if (length > 0) {
            const auto* bytes = static_cast<const uint8_t*>(output->getBytesNoCopy());
            result.structure.assign(bytes, bytes + length);
        }
    } else if (result.io_return == kIOReturnSuccess &&
               arguments.structureOutputDescriptor != nullptr) {
        (void)arguments.structureOutputDescriptor->GetLength(&result.output_memory_used);
        if (result.output_memory_used > request.output_memory_length) {
            result.output_memory_used = request.output_memory_length;
        }
    }
    OSSafeReleaseNULL(arguments.structureOutput);
}

}  // namespace

Result<ExternalResult> run_external_call(const std::shared_ptr<ClientConnection>& connection,
                                         IOUserClient* client, const uc::Call& request,
                                         std::vector<UniqueFd> fds) {
    if (request.scalars.size() > uc::kMaxScalars || request.scalar_output_count > uc::kMaxScalars) {
        return malformed("call with too many scalars");
    }
    if (request.async_reference.size() > kIOUserClientAsyncReferenceCountMax) {
        return malformed("call with too many reference words");
    }
    Objects objects;
    OD_TRY(make_objects(objects, connection, request, std::move(fds)));

    uint64_t scalars_in[uc::kMaxScalars] = {};
    uint64_t scalars_out[uc::kMaxScalars] = {};
    std::copy(request.scalars.begin(), request.scalars.end(), scalars_in);
    IOUserClientMethodArguments arguments{};
    arguments.version = kIOUserClientMethodArgumentsCurrentVersion;
    arguments.selector = request.selector;
    arguments.completion = objects.completion;
    arguments.scalarInput = scalars_in;
    arguments.scalarInputCount = static_cast<uint32_t>(request.scalars.size());
    arguments.structureInput = objects.input;
    arguments.structureInputDescriptor = objects.input_memory;
    arguments.scalarOutput = scalars_out;
    arguments.scalarOutputCount = request.scalar_output_count;
    arguments.structureOutputMaximumSize = request.structure_output_size;
    arguments.structureOutputDescriptor = objects.output_memory;

    uc::CallResult result;
    result.io_return =
        client->ExternalMethod(request.selector, &arguments, nullptr, nullptr, nullptr);
    take_results(arguments, request, result);
    if (result.io_return != kIOReturnSuccess && objects.receiver != nullptr)
        objects.receiver->forget();
    return ExternalResult{std::move(result), objects.receiver};
}

}  // namespace opendext::runtime
