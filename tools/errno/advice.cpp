// SPDX-License-Identifier: Apache-2.0
// What the codes usually mean in OpenDext, beyond their definition. Each sentence is a reason or
// something to do; the program that got a code has the reason of its own case from
// opendext_last_error_reason().
#include <map>

#include "tools/errno/codes.h"

namespace opendext::errno_tool {

std::vector<std::string> advice_for(std::string_view name) {
    static const std::map<std::string_view, std::vector<std::string>> kAdvice{
        {"kIOReturnError",
         {"IOServiceOpen: the driver has no NewUserClient of its own; that of the super class "
          "returns this.",
          "A call: the driver's ExternalMethod returned it; look at what it logs: opendext logs"}},
        {"kIOReturnIPCError",
         {"The realm does not answer, or another one is asked than the driver is in: opendext "
          "status, and OPENDEXT_REALM.",
          "A driver gets it for a call of an object whose process ended."}},
        {"kIOReturnNoDevice",
         {"The service is gone: it was terminated after it was found. Find it again; a matching "
          "notification tells when it is back."}},
        {"kIOReturnNotPrivileged",
         {"IOServiceOpen: IOUserClientEntitlements of the user client names an entitlement that "
          "the program lacks; REALM/programs/*.plist (system realm: /etc/opendext/programs) grants "
          "it.",
          "opendext install, uninstall, stop, power: only the realm's owner and root may do "
          "this."}},
        {"kIOReturnBadArgument",
         {"A call: a count does not fit the driver's dispatch table: scalars or bytes, in or out; "
          "at most 16 scalars each way.",
          "A call: the driver's answer is larger than the room of the caller.",
          "Any function: a handle that was released or closed, or belongs to another realm."}},
        {"kIOReturnExclusiveAccess",
         {"Another client has opened the provider: ioreg shows who stands on it."}},
        {"kIOReturnUnsupported",
         {"IOServiceOpen: the entry has no driver process (the device's own entry, a nub), or its "
          "NewUserClient gave an object whose IOClass is not IOUserUserClient.",
          "A call: the driver knows no such selector."}},
        {"kIOReturnVMError",
         {"A range that a call names is not mapped, or memory of the driver is smaller than it "
          "says."}},
        {"kIOReturnNotOpen",
         {"The connection was closed by this program, or a driver uses a provider that it has not "
          "opened."}},
        {"kIOReturnNotWritable",
         {"A property that may not be set from outside, or memory that is read-only here."}},
        {"kIOReturnNotAligned",
         {"Memory is shared in whole pages: address and length have to be multiples of the page "
          "size."}},
        {"kIOReturnBusy",
         {"NewUserClient returned a user client that is in use already: it has to make one for "
          "each "
          "open."}},
        {"kIOReturnTimeout",
         {"The driver did not answer in time: it hangs, or waits for its device. opendext logs "
          "names the call and what it waited for."}},
        {"kIOReturnOffline",
         {"The object is being ended, or its user client was terminated right after it was made."}},
        {"kIOReturnNotReady",
         {"IOServiceOpen: the driver has not called RegisterService yet, or is being terminated. "
          "Wait for the service with a matching notification.",
          "If it stays so, opendext doctor says what the driver waits for."}},
        {"kIOReturnNoSpace",
         {"A ring, a queue or the caller's room is full: take what is in it, or make it larger."}},
        {"kIOReturnNotPermitted",
         {"IOServiceOpen under the policy strict: the program lacks "
          "com.apple.developer.driverkit.userclient-access with the dext's bundle identifier. "
          "REALM/programs/*.plist (system realm: /etc/opendext/programs) grants it; the dext may "
          "have com.apple.developer.driverkit.allow-any-userclient-access instead.",
          "IOServiceOpen: IOServiceDEXTEntitlements of the user client asks for an entitlement "
          "that "
          "the program lacks; a program of root needs com.apple.developer.driverkit.administrator "
          "too.",
          "A driver gets it for a call that is for its own objects only; opendext logs has the "
          "reason."}},
        {"kIOReturnUnderrun",
         {"The queue is empty, or the driver gave less than the program needs."}},
        {"kIOReturnOverrun",
         {"The data queue is full: the other side does not take its entries fast enough."}},
        {"kIOReturnNoCompletion",
         {"The dispatch table's entry has no function: the driver has to handle the selector "
          "itself, or give the entry one."}},
        {"kIOReturnAborted",
         {"The call was given up: the connection was closed, or the object terminated, while it "
          "was "
          "under way."}},
        {"kIOReturnNotResponding",
         {"The driver's process ended or was killed while it was asked: the report is in "
          "REALM/crash, the driver's last lines are in opendext logs.",
          "The connection is of no more use. The driver is started again; wait for the service and "
          "open it anew.",
          "A driver can also return this itself: opendext_last_error_origin() tells the two "
          "apart."}},
        {"kIOReturnNotFound",
         {"No such property, item or entry; names are compared exactly: opendext match tells which "
          "key fits nothing."}},
        {"OSSystemExtensionErrorMissingEntitlement",
         {"Policy strict: the log names the entitlement and the file that lacks it (opendext "
          "logs)."}},
        {"OSSystemExtensionErrorExtensionNotFound",
         {"systemextensionsctl list shows what is installed, and by which identifier."}},
        {"OSSystemExtensionErrorValidationFailed",
         {"opendext lint BUNDLE says what is wrong with it, with file and line."}},
    };
    const auto found = kAdvice.find(name);
    return found == kAdvice.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace opendext::errno_tool
