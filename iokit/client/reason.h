// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOReturn.h>
#include <opendext/client.h>

#include <string>

#include "rpc/protocol/client.h"
#include "rpc/result.h"

/// How failures leave the library: an IOReturn for the caller, the reason for
/// opendext_last_error_reason().
namespace opendext::client {

/// Keeps `reason` and who refused for this thread; gives `code`.
kern_return_t fail(kern_return_t code, std::string reason,
                   opendext_origin origin = OPENDEXT_ORIGIN_LIBRARY);
/// The same for an Error. Trouble with opendextd is kIOReturnIPCError, so that it cannot be taken
/// for a driver's answer.
kern_return_t fail(const Error& error, opendext_origin origin = OPENDEXT_ORIGIN_DAEMON);
/// What programs are told of who refused, or of how a driver ended.
[[nodiscard]] opendext_origin origin_of(protocol::client::RefusedBy by);
/// kIOReturnSuccess, or the failure that the outcome tells of.
kern_return_t finish(const protocol::client::DriverOutcome& outcome);

}  // namespace opendext::client
