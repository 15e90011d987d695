// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "families/serial/driver/line_control.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::serial_tcp::cli {

/// Sets the line of an adopted tty, which the kernel drives: what `control` says, the rest stays.
/// Waits for the end of a break. The error names what the tty cannot do.
Status set_tty(const std::string& device, const serial::LineControl& control, uint32_t break_ms);
/// How it is set, with the keys of property SerialLine.
Result<Dictionary> describe_tty(const std::string& device);

}  // namespace opendext::serial_tcp::cli
