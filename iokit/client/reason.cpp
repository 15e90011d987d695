// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/reason.h"

#include <mach/mach_error.h>

#include <cstdio>
#include <utility>

#include "rpc/log_format/return_name.h"

namespace opendext::client {
namespace {

thread_local std::string last_reason;
thread_local opendext_origin last_origin = OPENDEXT_ORIGIN_NONE;

kern_return_t code_of(const Error& error) {
    switch (error.code) {
        case Errc::kern:
            return static_cast<kern_return_t>(error.number);
        case Errc::invalid:
            return kIOReturnBadArgument;
        case Errc::not_found:
            return kIOReturnNotFound;
        case Errc::exists:
            return kIOReturnPortExists;
        case Errc::not_permitted:
            return kIOReturnNotPermitted;
        case Errc::not_ready:
            return kIOReturnNotReady;
        case Errc::timed_out:
            return kIOReturnTimeout;
        case Errc::no_space:
            return kIOReturnNoSpace;
        case Errc::unsupported:
            return kIOReturnUnsupported;
        case Errc::unknown:
            return kIOReturnError;
        case Errc::system:
        case Errc::malformed:
        case Errc::peer_gone:
            return kIOReturnIPCError;
    }
    return kIOReturnError;
}

}  // namespace

opendext_origin origin_of(protocol::client::RefusedBy by) {
    switch (by) {
        case protocol::client::RefusedBy::driver:
            return OPENDEXT_ORIGIN_DRIVER;
        case protocol::client::RefusedBy::driver_died:
            return OPENDEXT_ORIGIN_DRIVER_DIED;
        case protocol::client::RefusedBy::terminated:
            return OPENDEXT_ORIGIN_TERMINATED;
        case protocol::client::RefusedBy::daemon:
            break;
    }
    return OPENDEXT_ORIGIN_DAEMON;
}

kern_return_t fail(kern_return_t code, std::string reason, opendext_origin origin) {
    last_reason = std::move(reason);
    last_origin = origin;
    return code;
}

kern_return_t fail(const Error& error, opendext_origin origin) {
    // The number of an IOReturn is the result itself; only errno says more than the message.
    return fail(code_of(error), error.code == Errc::system ? error.text() : error.message, origin);
}

kern_return_t finish(const protocol::client::DriverOutcome& outcome) {
    if (outcome.io_return == kIOReturnSuccess) return kIOReturnSuccess;
    return fail(outcome.io_return,
                outcome.reason.empty() ? mach_error_string(outcome.io_return) : outcome.reason,
                origin_of(outcome.refused_by));
}

}  // namespace opendext::client

using namespace opendext::client;

const char* opendext_last_error_reason(void) {
    return last_reason.c_str();
}

opendext_origin opendext_last_error_origin(void) {
    return last_origin;
}

const char* opendext_error_name(kern_return_t code) {
    return opendext::return_name(code);
}

char* mach_error_string(mach_error_t error_value) {
    // Constant text: const_cast for a signature that is older than const.
    if (const char* text = opendext::return_text(error_value)) return const_cast<char*>(text);
    return const_cast<char*>("unknown error code");
}

void mach_error(const char* str, mach_error_t error_value) {
    std::fprintf(stderr, "%s: %s (0x%x)\n", str, mach_error_string(error_value),
                 static_cast<unsigned>(error_value));
}
