// SPDX-License-Identifier: Apache-2.0
#include "TypingKeyboardClient.h"

#include <DriverKit/DriverKit.h>

#include "TypingKeyboard.h"

kern_return_t TypingKeyboardClient::ExternalMethod(uint64_t selector,
                                                   IOUserClientMethodArguments* arguments,
                                                   const IOUserClientMethodDispatch*, OSObject*,
                                                   void*) {
    TypingKeyboard* keyboard = OSDynamicCast(TypingKeyboard, GetProvider());
    if (keyboard == nullptr) return kIOReturnNotAttached;
    switch (selector) {
        case 0: {
            OSData* report = arguments->structureInput;
            if (report == nullptr) return kIOReturnBadArgument;
            return keyboard->Type(static_cast<const uint8_t*>(report->getBytesNoCopy()),
                                  static_cast<uint32_t>(report->getLength()));
        }
        case 1:
            if (arguments->scalarOutputCount < 2) return kIOReturnBadArgument;
            keyboard->Lights(&arguments->scalarOutput[0], &arguments->scalarOutput[1]);
            return kIOReturnSuccess;
        case 2:
            if (arguments->scalarInputCount < 1) return kIOReturnBadArgument;
            keyboard->Behave(arguments->scalarInput[0]);
            return kIOReturnSuccess;
        default:
            return kIOReturnUnsupported;
    }
}
