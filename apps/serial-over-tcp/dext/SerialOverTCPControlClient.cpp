/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "SerialOverTCPControl.h"
#include "SerialOverTCPControlClient.h"

struct SerialOverTCPControlClient_IVars {
    SerialOverTCPControl* control;
};

static kern_return_t addPort(OSObject* target, void* reference,
                             IOUserClientMethodArguments* arguments) {
    (void)reference;
    SerialOverTCPControl* control = OSDynamicCast(SerialOverTCPControl, target);
    return control->AddPort(
        (const SerialOverTCPPortSettings*)arguments->structureInput->getBytesNoCopy());
}

static kern_return_t removePort(OSObject* target, void* reference,
                                IOUserClientMethodArguments* arguments) {
    (void)reference;
    SerialOverTCPControl* control = OSDynamicCast(SerialOverTCPControl, target);
    SerialOverTCPPortName port =
        *(const SerialOverTCPPortName*)arguments->structureInput->getBytesNoCopy();
    port.name[sizeof(port.name) - 1] = 0;
    return control->RemovePort(port.name);
}

static kern_return_t listPorts(OSObject* target, void* reference,
                               IOUserClientMethodArguments* arguments) {
    (void)reference;
    SerialOverTCPControl* control = OSDynamicCast(SerialOverTCPControl, target);
    arguments->structureOutput = control->CopyPortNames(arguments->scalarInput[0]);
    return kIOReturnSuccess;
}

/* By selector. */
static const IOUserClientMethodDispatch kMethods[] = {
    {
        /* kSerialOverTCPAddPort */
        .function = addPort,
        .checkCompletionExists = false,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = sizeof(SerialOverTCPPortSettings),
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
    {
        /* kSerialOverTCPRemovePort */
        .function = removePort,
        .checkCompletionExists = false,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = sizeof(SerialOverTCPPortName),
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
    {
        /* kSerialOverTCPListPorts */
        .function = listPorts,
        .checkCompletionExists = false,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
};

bool SerialOverTCPControlClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialOverTCPControlClient_IVars, 1);
    return ivars != nullptr;
}

void SerialOverTCPControlClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->control);
    }
    IOSafeDeleteNULL(ivars, SerialOverTCPControlClient_IVars, 1);
    super::free();
}

kern_return_t SerialOverTCPControlClient::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->control = OSDynamicCast(SerialOverTCPControl, provider);
    if (ivars->control == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->control->retain();
    return kIOReturnSuccess;
}

kern_return_t SerialOverTCPControlClient::Stop_Impl(IOService* provider) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t SerialOverTCPControlClient::ExternalMethod(uint64_t selector,
                                                         IOUserClientMethodArguments* arguments,
                                                         const IOUserClientMethodDispatch* dispatch,
                                                         OSObject* target, void* reference) {
    (void)dispatch;
    (void)target;
    if (selector >= sizeof(kMethods) / sizeof(kMethods[0])) {
        return kIOReturnUnsupported;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], ivars->control,
                                 reference);
}
