// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "bundle/plist.h"

namespace opendext::bundle {

/// Goes over an XML property list and gives the place of every key, or the first thing that is
/// wrong with it as "FILE:LINE:COLUMN: what: the fix". libplist reads the values afterwards: it
/// tells neither what is wrong nor where, and lets some mistakes pass.
[[nodiscard]] Result<Positions> scan_xml_plist(std::string_view text, std::string_view file);

}  // namespace opendext::bundle
