// SPDX-License-Identifier: Apache-2.0
// What a process with a serial port may call beyond what every driver process may.
#include "rpc/sandbox_calls.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

#include <iterator>

namespace {

using opendext::argument_is;
using opendext::CallRule;

/// Terminals: the master side of a pty, which the process is handed. Neither TIOCSTI (types into a
/// terminal) nor TIOCGPTPEER (opens the other side).
constexpr CallRule kCalls[] = {
    {"ioctl", argument_is(1, TCGETS)},   {"ioctl", argument_is(1, TCSETS)},
    {"ioctl", argument_is(1, TCSETSW)},  {"ioctl", argument_is(1, TCSETSF)},
    {"ioctl", argument_is(1, TCGETS2)},  {"ioctl", argument_is(1, TCSETS2)},
    {"ioctl", argument_is(1, TCSETSW2)}, {"ioctl", argument_is(1, TCSETSF2)},
    {"ioctl", argument_is(1, TCFLSH)},   {"ioctl", argument_is(1, TCXONC)},
    {"ioctl", argument_is(1, TCSBRK)},   {"ioctl", argument_is(1, TCSBRKP)},
    {"ioctl", argument_is(1, TIOCSBRK)}, {"ioctl", argument_is(1, TIOCCBRK)},
    {"ioctl", argument_is(1, TIOCPKT)},  {"ioctl", argument_is(1, TIOCGPKT)},
    {"ioctl", argument_is(1, TIOCOUTQ)}, {"ioctl", argument_is(1, TIOCMGET)},
    {"ioctl", argument_is(1, TIOCMSET)}, {"ioctl", argument_is(1, TIOCMBIS)},
    {"ioctl", argument_is(1, TIOCMBIC)}, {"ioctl", argument_is(1, TIOCGWINSZ)},
};

}  // namespace

extern "C" [[gnu::visibility("default")]] const opendext::SandboxCalls opendext_sandbox_calls;
const opendext::SandboxCalls opendext_sandbox_calls = {sizeof(opendext::SandboxCalls), "serial",
                                                       kCalls, std::size(kCalls)};
