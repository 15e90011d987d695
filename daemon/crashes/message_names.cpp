// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/message_names.h"

#include <cstdio>

#include "DriverKit/IOService.system.h"
#include "rpc/protocol/driver.h"

namespace opendext::daemon {
namespace {

namespace driver = protocol::driver;

struct Name {
    uint64_t id;
    std::string_view name;
};
template <typename... Method>
constexpr auto names_of() {
    return std::array{Name{Method::kMsgId, Method::kName}...};
}

/// What drivers call most; the methods of families are shown by number.
constexpr auto kMethods =
    names_of<system::IOService_Start, system::IOService_Stop, system::IOService_RegisterService,
             system::IOService_Terminate, system::IOService_ClientCrashed, system::IOService_Create,
             system::IOService_SetName, system::IOService_SetProperties,
             system::IOService_CopyProperties, system::IOService_RemoveProperty,
             system::IOService_SearchProperty, system::IOService_CopyProviderProperties,
             system::IOService_SetPowerState, system::IOService_ChangePowerState,
             system::IOService_JoinPMTree, system::IOService_AdjustBusy,
             system::IOService_GetRegistryEntryID, system::IOService_CreateDefaultDispatchQueue,
             system::IOService_UpdateReport, system::IOService_ConfigureReport>();

std::string hex(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

std::string call_text(const Recent::Traffic& message) {
    std::string method = "method " + hex(message.method);
    for (const Name& each : kMethods) {
        if (each.id == message.method) method = each.name;
    }
    return "Call of " + method +
           (message.object == 0 ? " on an action" : " on entry " + hex(message.object));
}

}  // namespace

std::string message_text(const Recent::Traffic& message) {
    if (!message.what.empty()) return message.what;
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::outcome:
            return "Reply";
        case driver::Kind::check_in:
            return "CheckIn";
        case driver::Kind::loaded:
            return "Loaded";
        case driver::Kind::call:
            return call_text(message);
        case driver::Kind::call_result:
            return "CallResult";
        case driver::Kind::drop:
            return "Drop";
        case driver::Kind::create:
            return "Create";
        case driver::Kind::attach_interrupt:
            return "AttachInterrupt";
        case driver::Kind::detach_interrupt:
            return "DetachInterrupt";
        case driver::Kind::watch:
            return "Watch";
        case driver::Kind::unwatch:
            return "Unwatch";
        case driver::Kind::arm:
            return "Arm";
        case driver::Kind::next_notification:
            return "NextNotification";
        case driver::Kind::panic_log:
            return "PanicLog";
        case driver::Kind::open_file:
            return "OpenFile";
        case driver::Kind::resumed:
            return "Resumed";
        case driver::Kind::crashed:
            return "Crashed";
        case driver::Kind::examined:
            return "Examined";
        default:
            return "message " + std::to_string(message.kind);
    }
}

}  // namespace opendext::daemon
