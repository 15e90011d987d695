// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace opendext::runtime {

/// From here on a fatal signal of this process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP,
/// SIGSYS) is told to opendextd over `control_socket`, and the process waits, some seconds at most,
/// until its stacks are taken. Then it ends by that signal. For the main thread, once.
void install_crash_handler(int control_socket);
/// The control socket is another one now.
void set_crash_socket(int control_socket);

/// Room for the handler on the stack of a thread, so that it can run when that stack has no more:
/// the far end of a stack is not what overflows. An object of the thread's first function.
class AlternateStack {
  public:
    /// Registers of the largest machines (AMX: 11 KiB), and the handler.
    struct Room {
        alignas(16) char bytes[32 * 1024];
    };
    /// `room` is not touched until it is needed.
    explicit AlternateStack(Room& room);
    ~AlternateStack();
    AlternateStack(const AlternateStack&) = delete;
    AlternateStack& operator=(const AlternateStack&) = delete;
};

}  // namespace opendext::runtime
