// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/remote.h"
#include "apps/serial-over-tcp/agent/wire.h"

namespace opendext::serial_tcp {

/// How the wires of a link are made. The error says which option or file is wrong.
Result<WireSetup> make_wire_setup(const Remote& remote, const LinkOptions& options);

}  // namespace opendext::serial_tcp
