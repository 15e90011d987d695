// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "crash/stacks.h"

namespace opendext::crash {

/// "SIGSEGV"; "signal 40" for one without a name.
std::string signal_name(int number);
/// "SEGV_MAPERR"; the number where si_code has no name.
std::string code_name(int number, int code);
/// What happened, in a sentence without a full stop: "it used the address 0x10, where nothing is
/// mapped".
std::string explain(const Fault& fault);

}  // namespace opendext::crash
