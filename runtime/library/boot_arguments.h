// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::runtime {

/// Boot arguments as IOParseBootArgNumber and IOParseBootArgString see them: words between blanks,
/// NAME=VALUE or -NAME. Before the process starts threads; nullptr = none. Without a call they are
/// those of the environment variable OPENDEXT_BOOT_ARGS (tests; a driver process has no
/// environment).
void set_boot_arguments(const char* text);

}  // namespace opendext::runtime
