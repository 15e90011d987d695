// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>

#include "runtime/containers/value_conversion.h"
#include "runtime/log/log.h"
#include "runtime/user_client/refusal.h"
#include "runtime/user_client/user_client_ivars.h"

using namespace opendext;
using namespace opendext::runtime;

namespace {

/// Of the client program that a user client is being made for on this thread.
thread_local const Dictionary* t_entitlements = nullptr;

constexpr uint32_t kAny = kIOUserClientVariableStructureSize;

bool differs(uint32_t wanted, uint64_t is) {
    return wanted != kAny && wanted != is;
}

uint64_t input_size(const IOUserClientMethodArguments& arguments) {
    if (arguments.structureInput != nullptr) return arguments.structureInput->getLength();
    uint64_t length = 0;
    if (arguments.structureInputDescriptor != nullptr) {
        (void)arguments.structureInputDescriptor->GetLength(&length);
    }
    return length;
}

uint64_t output_size(const IOUserClientMethodArguments& arguments) {
    uint64_t length = arguments.structureOutputMaximumSize;
    if (arguments.structureOutputDescriptor != nullptr)
        (void)arguments.structureOutputDescriptor->GetLength(&length);
    return length;
}

kern_return_t refuse(uint64_t selector, std::string reason, kern_return_t result) {
    log(LogType::error, "ExternalMethod selector %llu: %s",
        static_cast<unsigned long long>(selector), reason.c_str());
    set_refusal(std::move(reason));
    return result;
}

kern_return_t mismatch(uint64_t selector, const char* what, uint64_t wanted, uint64_t is) {
    return refuse(selector,
                  std::string(what) + " is " + std::to_string(is) + ", the driver wants " +
                      std::to_string(wanted),
                  kIOReturnBadArgument);
}

}  // namespace

namespace opendext::runtime {

PendingEntitlements::PendingEntitlements(OSDictionary* entitlements) : before_(t_entitlements) {
    if (entitlements != nullptr) {
        if (auto value = to_value(entitlements); value && value->dictionary() != nullptr)
            entitlements_ = std::move(*value->dictionary());
    }
    t_entitlements = &entitlements_;
}

PendingEntitlements::~PendingEntitlements() {
    t_entitlements = before_;
}

}  // namespace opendext::runtime

bool IOUserClient::init() {
    if (!super::init()) return false;
    ivars = new IOUserClient_IVars;
    if (t_entitlements != nullptr) ivars->entitlements = *t_entitlements;
    return true;
}

void IOUserClient::free() {
    delete ivars;
    super::free();
}

/// Checks of a dispatch entry: docs/facts/semantics.md section 8.
kern_return_t IOUserClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments* arguments,
                                           const IOUserClientMethodDispatch* dispatch,
                                           OSObject* target, void* reference) {
    if (arguments == nullptr) [[unlikely]]
        return kIOReturnBadArgument;
    if (dispatch == nullptr) [[unlikely]] {
        set_refusal("the driver knows no selector " + std::to_string(selector));
        return kIOReturnUnsupported;
    }
    if (dispatch->checkCompletionExists != kAny) [[unlikely]] {
        const uint32_t exists = arguments->completion != nullptr ? 1 : 0;
        if (exists != (dispatch->checkCompletionExists != 0 ? 1u : 0u)) {
            return mismatch(selector, "the presence of a completion",
                            dispatch->checkCompletionExists, exists);
        }
    }
    if (differs(dispatch->checkScalarInputCount, arguments->scalarInputCount)) [[unlikely]] {
        return mismatch(selector, "the count of input scalars", dispatch->checkScalarInputCount,
                        arguments->scalarInputCount);
    }
    if (differs(dispatch->checkStructureInputSize, input_size(*arguments))) [[unlikely]] {
        return mismatch(selector, "the size of the input structure",
                        dispatch->checkStructureInputSize, input_size(*arguments));
    }
    if (differs(dispatch->checkScalarOutputCount, arguments->scalarOutputCount)) [[unlikely]] {
        return mismatch(selector, "the count of output scalars", dispatch->checkScalarOutputCount,
                        arguments->scalarOutputCount);
    }
    if (differs(dispatch->checkStructureOutputSize, output_size(*arguments))) [[unlikely]] {
        return mismatch(selector, "the size of the output structure",
                        dispatch->checkStructureOutputSize, output_size(*arguments));
    }
    if (dispatch->function == nullptr) [[unlikely]] {
        set_refusal("the driver has no function for selector " + std::to_string(selector));
        return kIOReturnNoCompletion;
    }
    return dispatch->function(target, reference, arguments);
}

kern_return_t IOUserClient::CopyClientEntitlements_Impl(OSDictionary** entitlements) {
    if (entitlements == nullptr) return kIOReturnBadArgument;
    Dictionary copy;
    {
        const std::lock_guard lock(ivars->mutex);
        copy = ivars->entitlements;
    }
    *entitlements = static_cast<OSDictionary*>(from_value(Value(std::move(copy))));
    return *entitlements == nullptr ? kIOReturnNoMemory : kIOReturnSuccess;
}

/// The call in the form of a message; calls over a channel do not pass here.
kern_return_t IOUserClient::_ExternalMethod_Impl(
    uint64_t selector, const IOUserClientScalarArray scalarInput, uint32_t scalarInputCount,
    OSData* structureInput, IOMemoryDescriptor* structureInputDescriptor,
    IOUserClientScalarArray scalarOutput, uint32_t* scalarOutputCount,
    uint64_t structureOutputMaximumSize, OSData** structureOutput,
    IOMemoryDescriptor* structureOutputDescriptor, OSAction* completion) {
    if (scalarInputCount > kIOUserClientScalarArrayCountMax || scalarOutputCount == nullptr ||
        *scalarOutputCount > kIOUserClientScalarArrayCountMax) {
        return kIOReturnBadArgument;
    }
    IOUserClientMethodArguments arguments{};
    arguments.version = kIOUserClientMethodArgumentsCurrentVersion;
    arguments.selector = selector;
    arguments.completion = completion;
    arguments.scalarInput = scalarInput;
    arguments.scalarInputCount = scalarInputCount;
    arguments.structureInput = structureInput;
    arguments.structureInputDescriptor = structureInputDescriptor;
    arguments.scalarOutput = scalarOutput;
    arguments.scalarOutputCount = *scalarOutputCount;
    arguments.structureOutputMaximumSize = structureOutputMaximumSize;
    arguments.structureOutputDescriptor = structureOutputDescriptor;
    const kern_return_t result = ExternalMethod(selector, &arguments, nullptr, nullptr, nullptr);
    *scalarOutputCount = arguments.scalarOutputCount;
    if (structureOutput != nullptr) {
        *structureOutput = arguments.structureOutput;
    } else {
        OSSafeReleaseNULL(arguments.structureOutput);
    }
    return result;
}

/// Completions of calls over a channel are received by the connection; this one has no client.
void IOUserClient::KernelCompletion_Impl(OSAction*, IOReturn status,
                                         const IOUserClientAsyncArgumentsArray, uint32_t) {
    log(LogType::error, "AsyncCompletion of %s (0x%x) has no client", GetClassName(),
        static_cast<unsigned>(status));
}
