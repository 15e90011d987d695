/* SPDX-License-Identifier: Apache-2.0 */
#include "SwarmClient.h"
#include "SwarmControl.h"
#include "SwarmProtocol.h"

kern_return_t SwarmClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments* arguments,
                                          const IOUserClientMethodDispatch*, OSObject*, void*) {
    SwarmControl* control = OSDynamicCast(SwarmControl, GetProvider());
    const bool given = arguments->scalarInputCount == 1;
    const bool wanted = arguments->scalarOutputCount == 1;
    if (selector == kSwarmAnswer && given && wanted) {
        arguments->scalarOutput[0] = arguments->scalarInput[0] + 1;
        return kIOReturnSuccess;
    }
    if (control == nullptr) return kIOReturnBadArgument;
    if (selector == kSwarmMake && given) return control->Make(arguments->scalarInput[0]);
    if (selector == kSwarmClear) return control->Clear();
    if (selector == kSwarmTimes && arguments->scalarOutputCount == 3) {
        uint64_t* out = arguments->scalarOutput;
        control->Times(&out[0], &out[1], &out[2]);
        return kIOReturnSuccess;
    }
    return kIOReturnBadArgument;
}
