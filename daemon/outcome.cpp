// SPDX-License-Identifier: Apache-2.0
#include "daemon/outcome.h"

#include "daemon/io_return.h"
#include "rpc/log_format/return_name.h"

namespace opendext::daemon {

using protocol::client::RefusedBy;

protocol::client::DriverOutcome outcome_of(const Error& error) {
    int32_t io_return = kIOReturnError;
    switch (error.code) {
        case Errc::kern:
            return {{static_cast<int32_t>(error.number), error.message},
                    error.number == kIOReturnOffline ? RefusedBy::terminated : RefusedBy::daemon};
        case Errc::invalid:
        case Errc::malformed:
            io_return = kIOReturnBadArgument;
            break;
        case Errc::not_found:
            io_return = kIOReturnNotFound;
            break;
        case Errc::not_permitted:
            io_return = kIOReturnNotPermitted;
            break;
        case Errc::not_ready:
            io_return = kIOReturnNotReady;
            break;
        case Errc::timed_out:
            io_return = kIOReturnTimeout;
            break;
        case Errc::peer_gone:
            io_return = kIOReturnNotResponding;
            break;
        case Errc::no_space:
            io_return = kIOReturnNoResources;
            break;
        case Errc::unsupported:
            io_return = kIOReturnUnsupported;
            break;
        case Errc::unknown:
        case Errc::system:
        case Errc::exists:
            break;
    }
    const bool died = error.code == Errc::peer_gone;
    return {{io_return, error.text()}, died ? RefusedBy::driver_died : RefusedBy::daemon};
}

protocol::client::DriverOutcome driver_outcome(const Registry& registry, EntryId id,
                                               const char* method, int32_t code) {
    if (code == 0) return {};
    std::string reason = method;
    if (const Entry* entry = registry.find(id)) {
        reason += " of " + entry->name;
        // The entry is called as its class until it is given a name.
        if (!entry->user_classes.empty() && entry->user_classes.front() != entry->name)
            reason += " (" + entry->user_classes.front() + ")";
    }
    return {{code, reason + " returned " + return_words(code)}, RefusedBy::driver};
}

}  // namespace opendext::daemon
