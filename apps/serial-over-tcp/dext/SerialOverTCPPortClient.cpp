/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "SerialOverTCPPort.h"
#include "SerialOverTCPPortClient.h"
#include "SerialOverTCPProtocol.h"

struct SerialOverTCPPortClient_IVars {
    SerialOverTCPPort* port;
    IODispatchQueue* portQueue; /* what touches the port runs there */
};

bool SerialOverTCPPortClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialOverTCPPortClient_IVars, 1);
    return ivars != nullptr;
}

void SerialOverTCPPortClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->portQueue);
        OSSafeReleaseNULL(ivars->port);
    }
    IOSafeDeleteNULL(ivars, SerialOverTCPPortClient_IVars, 1);
    super::free();
}

kern_return_t SerialOverTCPPortClient::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->port = OSDynamicCast(SerialOverTCPPort, provider);
    if (ivars->port == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->port->retain();
    ret = ivars->port->CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->portQueue);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    /* Calls touch the port, and most of them bring a few bytes: they come on its queue. */
    return SetDispatchQueue(kIOUserClientQueueNameExternalMethod, ivars->portQueue);
}

kern_return_t SerialOverTCPPortClient::Stop_Impl(IOService* provider) {
    ivars->portQueue->DispatchSync(^{
      ivars->port->DetachApplication(this);
    });
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t SerialOverTCPPortClient::ExternalMethod(uint64_t selector,
                                                      IOUserClientMethodArguments* arguments,
                                                      const IOUserClientMethodDispatch* dispatch,
                                                      OSObject* target, void* reference) {
    (void)dispatch;
    (void)target;
    (void)reference;
    switch (selector) {
        case kSerialOverTCPAttach:
            if (arguments->completion == nullptr) {
                return kIOReturnBadArgument;
            }
            return ivars->port->AttachApplication(this, arguments->completion);
        case kSerialOverTCPDoorbell:
            ivars->port->ApplicationMoved();
            return kIOReturnSuccess;
        case kSerialOverTCPSetState: {
            OSData* input = arguments->structureInput;
            if (input == nullptr || input->getLength() != sizeof(SerialOverTCPState)) {
                return kIOReturnBadArgument;
            }
            return ivars->port->PublishState((const SerialOverTCPState*)input->getBytesNoCopy());
        }
        case kSerialOverTCPSetLine: {
            OSData* input = arguments->structureInput;
            if (input == nullptr || input->getLength() != sizeof(SerialOverTCPRemoteLine)) {
                return kIOReturnBadArgument;
            }
            return ivars->port->TakeRemoteLine(
                (const SerialOverTCPRemoteLine*)input->getBytesNoCopy());
        }
        default:
            return kIOReturnUnsupported;
    }
}

kern_return_t SerialOverTCPPortClient::CopyClientMemoryForType_Impl(uint64_t type,
                                                                    uint64_t* options,
                                                                    IOMemoryDescriptor** memory) {
    if (type != kSerialOverTCPLinkMemory) {
        return kIOReturnBadArgument;
    }
    *options = 0;
    *memory = ivars->port->CopyLinkMemory();
    return kIOReturnSuccess;
}
