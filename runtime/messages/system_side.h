// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IORPC.h>

#include <optional>

class OSObject;

namespace opendext::runtime {

/// Methods of a proxy whose answer is known here; nullopt for all that the owner has to answer.
std::optional<kern_return_t> answer_for_proxy(OSObject* proxy, const IORPC& rpc);
/// Methods of the system's side that need nothing of opendextd; nullopt for the others.
std::optional<kern_return_t> system_method_here(OSObject* object, const IORPC& rpc);

}  // namespace opendext::runtime
