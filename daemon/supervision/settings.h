// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "daemon/deadlines.h"
#include "daemon/supervision/rules.h"
#include "rpc/result.h"

namespace opendext::daemon {

/// What a realm's file realm.conf says of supervision: lines `key = value`, `#` begins a comment.
///
///     restart.policy = driverkit          standard or driverkit
///     restart.quarantine-after = 10       a number
///     deadline.start = 300 s              ms, s, min or h
///
/// Every Deadline has a key, `deadline.` and deadline_key(). Errors name file, line, key, value and
/// what may stand there; nothing is passed over.
Status read_settings(const std::filesystem::path& file, Deadlines& deadlines, RestartRules& rules);

/// The same of a text; `name` stands for the file in errors.
Status parse_settings(std::string_view text, std::string_view name, Deadlines& deadlines,
                      RestartRules& rules);

/// "start", "check-in", "stop-unplugged": the name of a deadline in settings.
[[nodiscard]] std::string_view deadline_key(Deadline deadline);

}  // namespace opendext::daemon
