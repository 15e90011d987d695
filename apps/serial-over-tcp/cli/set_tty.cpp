// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/cli/set_tty.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "apps/serial-over-tcp/agent/tty_format.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp::cli {
namespace {

using Flow = serial::LineControl::Flow;

constexpr int kDtr = 0x002;  // TIOCM_DTR and TIOCM_RTS; their header collides with termbits.h
constexpr int kRts = 0x004;

Result<UniqueFd> open_tty(const std::string& device) {
    UniqueFd fd(::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return Error::system(device);
    return fd;
}

Result<termios2> read_settings(int fd, const std::string& device) {
    termios2 settings{};
    if (::ioctl(fd, TCGETS2, &settings) != 0) return Error::system(device);
    return settings;
}

void put(termios2& settings, const serial::LineControl& control) {
    auto& flags = settings.c_cflag;
    if (control.data_bits) set_data_size(flags, *control.data_bits);
    if (control.parity) set_parity(flags, static_cast<telnet::Parity>(*control.parity));
    if (control.half_stop_bits) {
        flags &= ~static_cast<tcflag_t>(CSTOPB);
        if (*control.half_stop_bits > 2) flags |= CSTOPB;
    }
    if (control.flow) {
        flags &= ~static_cast<tcflag_t>(CRTSCTS);
        settings.c_iflag &= ~static_cast<tcflag_t>(IXON | IXOFF);
        if (*control.flow == Flow::hardware) flags |= CRTSCTS;
        if (*control.flow == Flow::software) settings.c_iflag |= IXON | IXOFF;
    }
}

Status set_modem_line(int fd, const std::string& device, const char* name, int line,
                      const std::optional<bool>& level) {
    if (!level) return success();
    if (::ioctl(fd, *level ? TIOCMBIS : TIOCMBIC, &line) == 0) return success();
    return Error::system(device + " cannot set " + name);
}

}  // namespace

Status set_tty(const std::string& device, const serial::LineControl& control, uint32_t break_ms) {
    const UniqueFd fd = OD_TRY(open_tty(device));
    const termios2 before = OD_TRY(read_settings(fd.get(), device));
    termios2 wanted = before;
    put(wanted, control);
    if (wanted.c_cflag != before.c_cflag || wanted.c_iflag != before.c_iflag) {
        if (::ioctl(fd.get(), TCSETS2, &wanted) != 0) return Error::system(device);
        const termios2 after = OD_TRY(read_settings(fd.get(), device));
        if (after.c_cflag != wanted.c_cflag) {
            (void)::ioctl(fd.get(), TCSETS2, &before);
            return Error{Errc::unsupported, 0,
                         device + " cannot be set so: its driver in the kernel does not take it"};
        }
    }
    OD_TRY(set_modem_line(fd.get(), device, "DTR", kDtr, control.dtr));
    OD_TRY(set_modem_line(fd.get(), device, "RTS", kRts, control.rts));
    if (break_ms != 0) {
        if (::ioctl(fd.get(), TIOCSBRK, 0) != 0) return Error::system(device + " sends no break");
        std::this_thread::sleep_for(std::chrono::milliseconds(break_ms));
        (void)::ioctl(fd.get(), TIOCCBRK, 0);
    }
    return success();
}

Result<Dictionary> describe_tty(const std::string& device) {
    const UniqueFd fd = OD_TRY(open_tty(device));
    const termios2 settings = OD_TRY(read_settings(fd.get(), device));
    const tcflag_t flags = settings.c_cflag;
    serial::LineSettings line;
    line.hardware_flow = (flags & CRTSCTS) != 0;
    line.software_flow_out = (settings.c_iflag & IXON) != 0;
    line.software_flow_in = (settings.c_iflag & IXOFF) != 0;
    Dictionary result{
        {"BaudRate", static_cast<uint64_t>(settings.c_ospeed)},
        {"DataBits", static_cast<uint64_t>(data_size_of(flags))},
        {"Parity", serial::parity_word(static_cast<uint8_t>(parity_of(flags)))},
        {"StopBits", serial::stop_bits_word((flags & CSTOPB) != 0 ? 4 : 2)},
        {"FlowControl", serial::flow_word(line)},
    };
    int lines = 0;
    if (::ioctl(fd.get(), TIOCMGET, &lines) == 0) {
        result["DTR"] = Value((lines & kDtr) != 0);
        result["RTS"] = Value((lines & kRts) != 0);
    }
    return result;
}

}  // namespace opendext::serial_tcp::cli
