// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "daemon/registry/entry.h"
#include "rpc/fd.h"
#include "rpc/result.h"

/// What programs of other users than the realm's may do with its devices. The realm's user and root
/// are not asked.
namespace opendext::hid {

/// A device that a driver plays. What is typed on a keyboard or keypad is nobody else's business
/// (as that of a real one, whose node ordinary users cannot open).
[[nodiscard]] Status may_use_virtual(const daemon::Entry& device);

/// Who seizes a device of the kernel takes its input from everybody. Whether `shown` has an open
/// descriptor of the node at `path`: the program may open it then.
[[nodiscard]] Status may_seize(const std::string& path, std::span<const UniqueFd> shown);

}  // namespace opendext::hid
