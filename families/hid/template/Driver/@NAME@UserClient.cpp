/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>

#include "@NAME@.h"
#include "@NAME@UserClient.h"
#include "@NAME@Calls.h"

struct @NAME@UserClient_IVars
{
    @NAME@ * keyboard; /* retained from Start to Stop */
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
    ivars->keyboard = OSDynamicCast(@NAME@, provider);
    if (ivars->keyboard == nullptr) {
        return kIOReturnError;
    }
    ivars->keyboard->retain();
    return kIOReturnSuccess;
}

kern_return_t IMPL(@NAME@UserClient, Stop)
{
    OSSafeReleaseNULL(ivars->keyboard);
    return Stop(provider, SUPERDISPATCH);
}

@NAME@ * @NAME@UserClient::Keyboard()
{
    return ivars->keyboard;
}

/* By selector. What a call needs is checked before it is made: one with other numbers of arguments is refused. */
static const IOUserClientMethodDispatch kMethods[k@NAME@CallCount] = {
    /* k@NAME@CallPress */
    {
        .function = [](OSObject * target, void *, IOUserClientMethodArguments * arguments) {
            if (arguments->scalarInput[0] > UINT8_MAX) {
                return kIOReturnBadArgument;
            }
            return static_cast<@NAME@UserClient *>(target)->Keyboard()->Press(static_cast<uint8_t>(arguments->scalarInput[0]));
        },
        .checkCompletionExists = false,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
    /* k@NAME@CallLights */
    {
        .function = [](OSObject * target, void *, IOUserClientMethodArguments * arguments) {
            arguments->scalarOutput[0] = static_cast<@NAME@UserClient *>(target)->Keyboard()->Lights();
            return kIOReturnSuccess;
        },
        .checkCompletionExists = false,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 1,
        .checkStructureOutputSize = 0,
    },
};

kern_return_t @NAME@UserClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments * arguments,
                                               const IOUserClientMethodDispatch *, OSObject *, void *)
{
    if (selector >= k@NAME@CallCount) {
        return kIOReturnBadArgument;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, nullptr);
}
