// SPDX-License-Identifier: Apache-2.0
#include "runtime/messages/system_side.h"

#include <DriverKit/IOService.h>
#include <DriverKit/OSString.h>

#include "runtime/service/service_ivars.h"

namespace opendext::runtime {

std::optional<kern_return_t> answer_for_proxy(OSObject* proxy, const IORPC& rpc) {
    switch (IORPCMessageFromMach(rpc.message, false)->msgid) {
        case IOService_GetRegistryEntryID_ID:
            return IOService::GetRegistryEntryID_Invoke(
                rpc, proxy, [](OSMetaClassBase* target, uint64_t* id) {
                    *id = entry_of(static_cast<IOService*>(target));
                    return kern_return_t{kIOReturnSuccess};
                });
        case OSObject_SetDispatchQueue_ID:
            return kIOReturnUnsupported;  // a queue works only in the process of its object
        case OSObject_CopyDispatchQueue_ID:
            return kIOReturnNotFound;
        default: {
            const auto* family = static_cast<IOService*>(proxy)->IOService::ivars->proxy_methods;
            return family == nullptr ? std::nullopt : family->call(proxy, rpc);
        }
    }
}

std::optional<kern_return_t> system_method_here(OSObject* object, const IORPC& rpc) {
    if (IORPCMessageFromMach(rpc.message, false)->msgid != IOService_StringFromReturn_ID)
        return std::nullopt;
    return IOService::StringFromReturn_Invoke(
        rpc, object, [](OSMetaClassBase* target, IOReturn code, OSString** text) -> kern_return_t {
            *text = OSString::withCString(static_cast<IOService*>(target)->StringFromReturn(code));
            return *text == nullptr ? kIOReturnNoMemory : kIOReturnSuccess;
        });
}

}  // namespace opendext::runtime
