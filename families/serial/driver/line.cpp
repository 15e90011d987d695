// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/line.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

#include "families/serial/sdk/SerialConstants.h"

#ifndef TIOCPKT
#define TIOCPKT 0x5420
#endif

namespace opendext::serial {
namespace {

Result<termios2> get(int master) {
    termios2 settings{};
    if (::ioctl(master, TCGETS2, &settings) != 0) return Error::system("reading the line settings");
    return settings;
}

}  // namespace

uint32_t LineSettings::flow_bits() const {
    uint32_t bits = 0;
    if (hardware_flow) bits |= PD_RS232_S_RTS | PD_RS232_S_CTS;
    if (software_flow_out) bits |= PD_RS232_S_TXO;
    if (software_flow_in) bits |= PD_RS232_S_RXO;
    return bits;
}

Result<LineSettings> read_line(int master) {
    const termios2 settings = OD_TRY(get(master));
    LineSettings line;
    line.baud = (settings.c_cflag & CBAUD) == B0 ? 0 : settings.c_ospeed;
    line.half_stop_bits = (settings.c_cflag & CSTOPB) != 0 ? 4 : 2;
    line.hardware_flow = (settings.c_cflag & CRTSCTS) != 0;
    line.software_flow_out = (settings.c_iflag & IXON) != 0;
    line.software_flow_in = (settings.c_iflag & IXOFF) != 0;
    line.xon = settings.c_cc[VSTART];
    line.xoff = settings.c_cc[VSTOP];
    line.cooked = (settings.c_lflag & (ICANON | ECHO | ISIG)) != 0 ||
                  (settings.c_iflag & (IXON | ISTRIP | INLCR | IGNCR | ICRNL | IUCLC)) != 0;
    return line;
}

Status prepare_line(int master) {
    termios2 settings = OD_TRY(get(master));
    settings.c_iflag = IGNBRK;
    settings.c_oflag = 0;
    settings.c_lflag = EXTPROC;
    settings.c_cflag = CS8 | CREAD | CLOCAL | HUPCL | B9600;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (::ioctl(master, TCSETS2, &settings) != 0) return Error::system("setting a raw line");
    const int on = 1;
    if (::ioctl(master, TIOCPKT, &on) != 0) return Error::system("switching notices on");
    return success();
}

Result<bool> has_notices(int master) {
    return (OD_TRY(get(master)).c_lflag & EXTPROC) != 0;
}

Status set_notices(int master, bool on) {
    termios2 settings = OD_TRY(get(master));
    const bool is_on = (settings.c_lflag & EXTPROC) != 0;
    if (is_on == on) return success();
    settings.c_lflag ^= EXTPROC;
    if (::ioctl(master, TCSETS2, &settings) != 0) return Error::system("changing notices");
    return success();
}

}  // namespace opendext::serial
