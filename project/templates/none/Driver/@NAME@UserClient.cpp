/* SPDX-License-Identifier: Apache-2.0 */
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>

#include "@NAME@.h"
#include "@NAME@UserClient.h"
#include "@NAME@Calls.h"

struct @NAME@UserClient_IVars
{
    @NAME@ * driver; /* retained from Start to Stop */
};

bool @NAME@UserClient::init()
{
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(@NAME@UserClient_IVars, 1);
    return ivars != nullptr;
}

void @NAME@UserClient::free()
{
    IOSafeDeleteNULL(ivars, @NAME@UserClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(@NAME@UserClient, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->driver = OSDynamicCast(@NAME@, provider);
    if (ivars->driver == nullptr) {
        return kIOReturnError;
    }
    ivars->driver->retain();
    return kIOReturnSuccess;
}

kern_return_t IMPL(@NAME@UserClient, Stop)
{
    OSSafeReleaseNULL(ivars->driver);
    return Stop(provider, SUPERDISPATCH);
}

/* By selector. What a call needs is checked before it is made: one with other numbers of arguments is refused. */
static const IOUserClientMethodDispatch kMethods[k@NAME@CallCount] = {
    /* k@NAME@CallAdd */
    {
        .function = [](OSObject * target, void *, IOUserClientMethodArguments * arguments) {
            return static_cast<@NAME@UserClient *>(target)->Add(arguments);
        },
        .checkCompletionExists = false,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = 0,
    },
    /* k@NAME@CallReverse */
    {
        .function = [](OSObject * target, void *, IOUserClientMethodArguments * arguments) {
            return static_cast<@NAME@UserClient *>(target)->Reverse(arguments);
        },
        .checkCompletionExists = false,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = sizeof(@NAME@Text),
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = sizeof(@NAME@Text),
    },
};

kern_return_t @NAME@UserClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments * arguments,
                                               const IOUserClientMethodDispatch * dispatch, OSObject * target,
                                               void * reference)
{
    (void)dispatch;
    (void)target;
    if (selector >= k@NAME@CallCount) {
        return kIOReturnUnsupported;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, reference);
}

kern_return_t @NAME@UserClient::Add(IOUserClientMethodArguments * arguments)
{
    arguments->scalarOutput[0] = ivars->driver->AddToTotal(arguments->scalarInput[0]);
    return kIOReturnSuccess;
}

kern_return_t @NAME@UserClient::Reverse(IOUserClientMethodArguments * arguments)
{
    const @NAME@Text * in = static_cast<const @NAME@Text *>(arguments->structureInput->getBytesNoCopy());
    @NAME@Text out = {};
    out.length = in->length;
    /* The program's numbers are not to be trusted. */
    if (out.length > sizeof(out.bytes)) {
        return kIOReturnBadArgument;
    }
    for (uint32_t i = 0; i < out.length; ++i) {
        out.bytes[i] = in->bytes[out.length - 1 - i];
    }
    arguments->structureOutput = OSData::withBytes(&out, sizeof(out));
    return arguments->structureOutput != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}
