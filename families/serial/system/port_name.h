// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rpc/result.h"

namespace opendext::serial {

/// The name of a port: IOTTYBaseName followed by IOTTYSuffix. Nodes are "cu." and "tty." with it
/// behind. Errc::invalid with the key, the value and the rule for names that could not be a file
/// name or would confuse a shell: letters, digits and "._-+@:" are allowed, not empty, at most 64
/// bytes, no leading dot or dash.
[[nodiscard]] Result<std::string> make_port_name(const std::string& base_name,
                                                 const std::string& suffix);

}  // namespace opendext::serial
