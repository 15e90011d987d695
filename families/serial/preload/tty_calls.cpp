// SPDX-License-Identifier: Apache-2.0
// What stands before the C library's calls in a program that `opendext serial run` starts. The
// kernel is asked first, always: only what it refuses at a port of ours, or cannot carry there,
// goes to the port.
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>

#include "families/serial/preload/port_lines.h"

namespace {

using opendext::serial_preload::kFrame;
using opendext::serial_preload::PortLines;

constexpr int kBreakMs = 250;  // tcsendbreak(fd, 0): a quarter to half a second
constexpr int kLongestBreakMs = 10'000;

int kernel_ioctl(int fd, unsigned long request, void* argument) {
    return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

/// The C library's own function of this name.
template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// The port does it: 0; it does not: what the kernel said stays.
int outcome(bool done, int result, int error) {
    errno = error;
    return done ? 0 : result;
}

bool modem_call(PortLines& port, unsigned long request, int* bits) {
    switch (request) {
        case TIOCMGET:
            *bits = port.modem();
            return true;
        case TIOCMSET:
            return port.set_modem(*bits, TIOCM_DTR | TIOCM_RTS);
        default:
            return port.set_modem(request == TIOCMBIS ? *bits : 0, *bits);
    }
}

int length_of_break(int duration) {
    return duration <= 0 ? kBreakMs : std::min(duration, kLongestBreakMs / 100) * 100;
}

__attribute__((destructor)) void at_end() {
    PortLines::give_back_all();
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list arguments;
    va_start(arguments, request);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    const int before = errno;
    const int result = kernel_ioctl(fd, request, argument);
    const int error = errno;
    switch (request) {
        case TIOCMGET:
        case TIOCMSET:
        case TIOCMBIS:
        case TIOCMBIC: {
            if (result == 0 || error != ENOTTY || argument == nullptr) break;
            const auto port = PortLines::of(fd);
            const bool done = port && modem_call(*port, request, static_cast<int*>(argument));
            return outcome(done, result, done ? before : error);
        }
        case TCSBRK:
        case TCSBRKP: {
            const int value = static_cast<int>(reinterpret_cast<intptr_t>(argument));
            if (result != 0 || (request == TCSBRK && value != 0)) break;  // TCSBRK, 1: drain
            if (const auto port = PortLines::of(fd)) port->send_break(length_of_break(value));
            errno = error;
            break;
        }
        default:
            break;
    }
    return result;
}

__attribute__((visibility("default"))) int tcsetattr(int fd, int when,
                                                     const termios* settings) noexcept {
    static const auto library = next<int(int, int, const termios*)>("tcsetattr");
    const int before = errno;
    const int result = library(fd, when, settings);
    const int error = errno;
    // The library says EINVAL where a pseudo-terminal left out size or parity; all else was set.
    if (result != 0 && error != EINVAL) return result;
    // An ordinary frame at a terminal that never had another is nobody's business.
    const bool plain = (settings->c_cflag & kFrame & ~PARODD) == CS8;
    const auto port = plain ? PortLines::known(fd) : PortLines::of(fd);
    if (!port) return outcome(false, result, error);
    const bool done = port->set_frame(settings->c_cflag & kFrame);
    return outcome(done, result, done ? before : error);
}

__attribute__((visibility("default"))) int tcgetattr(int fd, termios* settings) noexcept {
    static const auto library = next<int(int, termios*)>("tcgetattr");
    const int result = library(fd, settings);
    if (result != 0) return result;
    const int error = errno;
    if (const auto port = PortLines::known(fd)) {
        if (const auto frame = port->frame())
            settings->c_cflag = (settings->c_cflag & ~kFrame) | *frame;
    }
    errno = error;
    return result;
}

__attribute__((visibility("default"))) int tcsendbreak(int fd, int duration) noexcept {
    return duration <= 0 ? ioctl(fd, TCSBRK, 0) : ioctl(fd, TCSBRKP, duration);
}

}  // extern "C"
