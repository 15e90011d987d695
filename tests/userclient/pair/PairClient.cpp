/* SPDX-License-Identifier: Apache-2.0 */
#include "PairClient.h"
#include "PairControl.h"
#include "PairDevice.h"
#include "PairNub.h"
#include "PairProtocol.h"

// Facts: IOUserClient.ExternalMethod, IOService.GetProvider
kern_return_t PairClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments* arguments,
                                         const IOUserClientMethodDispatch*, OSObject*, void*) {
    PairControl* control = OSDynamicCast(PairControl, GetProvider());
    PairDevice* device = OSDynamicCast(PairDevice, GetProvider());
    uint64_t* out = arguments->scalarOutput;
    if ((!control && !device) || arguments->scalarOutputCount != 2) return kIOReturnBadArgument;
    switch (selector) {
        case kPairTell:
            if (arguments->scalarInputCount != 1) return kIOReturnBadArgument;
            return control ? control->Nub()->Tell(arguments->scalarInput[0], out)
                           : device->Nub()->Report(arguments->scalarInput[0], out);
        case kPairHeard:
            control ? control->Nub()->Heard(&out[0], &out[1]) : device->Heard(&out[0], &out[1]);
            return kIOReturnSuccess;
        case kPairWhere:
            /* Something that stands for the nub of another process is another object. */
            out[0] = control || device->Nub() == gPairNub;
            return kIOReturnSuccess;
        case kPairReplug:
            return control ? control->Replug() : kIOReturnUnsupported;
        default:
            return kIOReturnBadArgument;
    }
}
