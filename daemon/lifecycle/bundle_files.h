// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// Opens a file below `bundle` for reading. `path` comes from a driver: it is followed part by part
/// from the bundle's folder down, each part relative to the one before and none of them a symbolic
/// link, so nothing that is exchanged meanwhile leads out of the bundle. Only regular files.
/// Errc::not_permitted for a path that is absolute, leads through a link, or has empty parts, "."
/// or "..".
Result<UniqueFd> open_in_bundle(const std::filesystem::path& bundle, std::string_view path);

/// Answers a driver's OpenFile. An error: the message makes no sense, nothing was sent.
Status answer_open_file(DriverProcess& process, const Message& message);

}  // namespace opendext::daemon
