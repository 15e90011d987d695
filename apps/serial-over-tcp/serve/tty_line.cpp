// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/tty_line.h"

#include <fcntl.h>
#include <linux/serial.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <filesystem>
#include <thread>
#include <utility>

#include "apps/serial-over-tcp/agent/tty_format.h"
#include "apps/serial-over-tcp/serve/device_rights.h"

namespace opendext::serial_tcp {
namespace {

using std::chrono::milliseconds;
using telnet::Flow;
using telnet::LineSettings;
using telnet::StopSize;

/// Speeds that have a code of their own: other programs read that one, and not every driver makes
/// it of the number.
constexpr std::pair<uint32_t, tcflag_t> kSpeeds[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},
    {150, B150},         {200, B200},         {300, B300},         {600, B600},
    {1200, B1200},       {1800, B1800},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
    {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
    {3500000, B3500000}, {4000000, B4000000}};

tcflag_t speed_code(uint32_t baud) {
    for (const auto& [number, code] : kSpeeds) {
        if (number == baud) return code;
    }
    return BOTHER;
}

void make_raw(termios2& line) {
    line.c_iflag = IGNBRK;  // a break is told apart, it is no byte
    line.c_oflag = 0;
    line.c_lflag &= EXTPROC;  // of the program at the other side of a pseudo-terminal
    line.c_cflag |= CREAD | CLOCAL;
    line.c_cflag &= ~static_cast<tcflag_t>(HUPCL);
    line.c_cc[VMIN] = 1;
    line.c_cc[VTIME] = 0;
}

LineSettings read_settings(const termios2& line) {
    LineSettings settings;
    settings.baud_rate = line.c_ospeed;  // also where a code stands for it
    settings.data_size = data_size_of(line.c_cflag);
    settings.parity = parity_of(line.c_cflag);
    settings.stop_size = (line.c_cflag & CSTOPB) == 0 ? StopSize::one
                         : settings.data_size == 5    ? StopSize::one_and_a_half
                                                      : StopSize::two;
    settings.flow = (line.c_cflag & CRTSCTS) != 0 ? Flow::hardware
                    : (line.c_iflag & IXOFF) != 0 ? Flow::xon_xoff
                                                  : Flow::none;
    return settings;
}

void write_settings(termios2& line, const LineSettings& wanted) {
    const auto set = [&line](tcflag_t flag, bool on) {
        line.c_cflag = on ? line.c_cflag | flag : line.c_cflag & ~flag;
    };
    line.c_cflag &= ~static_cast<tcflag_t>(CBAUD | (CBAUD << IBSHIFT));
    line.c_cflag |= speed_code(wanted.baud_rate);
    line.c_ispeed = line.c_ospeed = wanted.baud_rate;
    set_data_size(line.c_cflag, wanted.data_size);
    set_parity(line.c_cflag, wanted.parity);
    set(CSTOPB, wanted.stop_size != StopSize::one);
    set(CRTSCTS, wanted.flow == Flow::hardware);
    line.c_iflag &= ~static_cast<tcflag_t>(IXON | IXOFF | IXANY);
    if (wanted.flow == Flow::xon_xoff) line.c_iflag |= IXON | IXOFF;
}

}  // namespace

Result<TtyLine> TtyLine::open(const std::string& path, const Options& options) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    if (error) return device_error(path, error.value());
    struct stat node{};
    if (::stat(real.c_str(), &node) != 0) return device_error(path, errno);
    if (!S_ISCHR(node.st_mode))
        return Error{Errc::invalid, 0,
                     path +
                         " is no serial device: give a path like /dev/ttyUSB0 or /dev/pts/3, or "
                         "the name of a port"};
    TtyLine line;
    line.path_ = real.string();
    // Before it is opened: opening raises the modem lines, which another program may be using.
    if (options.lock_file) {
        auto lock = LockFile::take(line.path_, options.lock_folder);
        if (lock.ok()) {
            line.lock_ = std::move(*lock);
        } else if (lock.error().code == Errc::not_permitted) {
            line.unlocked_ = lock.error().message;
        } else {
            return std::move(lock).error();
        }
    }
    line.fd_ = UniqueFd(::open(real.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!line.fd_) return device_error(path, errno);
    if (::ioctl(line.fd(), TCGETS2, &line.before_) != 0) {
        const int number = errno;
        line.fd_.reset();
        if (number == EIO) return device_error(path, EIO);
        return Error{Errc::invalid, 0,
                     path +
                         " is no serial device: it has no line settings; give a path like "
                         "/dev/ttyUSB0 or /dev/pts/3, or the name of a port"};
    }
    // Root gets past exclusive mode, so it is asked for.
    int exclusive = 0;
    const bool taken = ::ioctl(line.fd(), TIOCGEXCL, &exclusive) == 0 && exclusive != 0;
    if (taken || ::flock(line.fd(), LOCK_EX | LOCK_NB) != 0) {
        line.fd_.reset();
        return device_error(path, EBUSY);
    }
    ::ioctl(line.fd(), TIOCEXCL);
    int lines = 0;
    line.has_modem_lines_ = ::ioctl(line.fd(), TIOCMGET, &lines) == 0;
    termios2 raw = line.before_;
    make_raw(raw);
    if (::ioctl(line.fd(), TCSETS2, &raw) != 0) return Error::system("setting up " + path);
    (void)line.line_errors();  // what was before does not count
    return line;
}

TtyLine::~TtyLine() {
    if (!fd_) return;
    if (break_) ::ioctl(fd(), TIOCCBRK);
    finish_sending();
    ::ioctl(fd(), TCSETS2, &before_);
    ::ioctl(fd(), TIOCNXCL);
}

/// What is on its way goes out with the settings that it was written for. A line that is stopped
/// (XOFF, CTS) would keep close(2) waiting for half a minute: it is given up.
void TtyLine::finish_sending() {
    constexpr auto kStep = milliseconds(10);
    constexpr auto kLongest = std::chrono::seconds(30);
    constexpr uint32_t kBitsOfFifo = 500;  // leave a UART before the kernel counts them as sent
    const uint32_t baud = std::max<uint32_t>(1, settings().baud_rate);
    const auto stuck_after = milliseconds(1000 + kBitsOfFifo * 1000 / baud);
    int left = 0;
    int before = INT_MAX;
    for (auto waited = milliseconds(0), still = waited; waited < kLongest && still < stuck_after;
         waited += kStep, still += kStep) {
        if (::ioctl(fd(), TIOCOUTQ, &left) != 0 || left <= 0) return;
        if (std::exchange(before, left) > left) still = milliseconds(0);
        std::this_thread::sleep_for(kStep);
    }
    ::ioctl(fd(), TCFLSH, TCOFLUSH);
}

LineSettings TtyLine::settings() const {
    termios2 line{};
    LineSettings settings;
    if (::ioctl(fd(), TCGETS2, &line) == 0) settings = read_settings(line);
    settings.dtr = dtr_;
    settings.rts = rts_;
    settings.break_on = break_;
    int lines = 0;
    if (has_modem_lines_ && ::ioctl(fd(), TIOCMGET, &lines) == 0) {
        settings.dtr = (lines & TIOCM_DTR) != 0;
        settings.rts = (lines & TIOCM_RTS) != 0;
    }
    return settings;
}

bool TtyLine::set_modem_line(int line, bool on) {
    return has_modem_lines_ && ::ioctl(fd(), on ? TIOCMBIS : TIOCMBIC, &line) == 0;
}

LineSettings TtyLine::set(const LineSettings& wanted) {
    const LineSettings now = settings();
    termios2 line{};
    if (::ioctl(fd(), TCGETS2, &line) == 0) {
        const termios2 old = line;
        write_settings(line, wanted);
        // Refused as a whole by some drivers, such as a speed that they cannot make.
        if (::ioctl(fd(), TCSETS2, &line) != 0) ::ioctl(fd(), TCSETS2, &old);
    }
    if (wanted.dtr != now.dtr) {
        (void)set_modem_line(TIOCM_DTR, wanted.dtr);
        dtr_ = wanted.dtr;
    }
    if (wanted.rts != now.rts) {
        (void)set_modem_line(TIOCM_RTS, wanted.rts);
        rts_ = wanted.rts;
    }
    if (wanted.break_on != break_ && ::ioctl(fd(), wanted.break_on ? TIOCSBRK : TIOCCBRK) == 0)
        break_ = wanted.break_on;
    return settings();
}

void TtyLine::purge(telnet::Purge what) {
    const int queue = what == telnet::Purge::receive    ? TCIFLUSH
                      : what == telnet::Purge::transmit ? TCOFLUSH
                                                        : TCIOFLUSH;
    ::ioctl(fd(), TCFLSH, queue);
}

uint8_t TtyLine::modem_state() const {
    using namespace telnet::modem;
    int lines = 0;
    if (!has_modem_lines_) return kCarrierDetect | kDataSetReady | kClearToSend;
    if (::ioctl(fd(), TIOCMGET, &lines) != 0) return 0;
    uint8_t state = 0;
    if ((lines & TIOCM_CD) != 0) state |= kCarrierDetect;
    if ((lines & TIOCM_RI) != 0) state |= kRing;
    if ((lines & TIOCM_DSR) != 0) state |= kDataSetReady;
    if ((lines & TIOCM_CTS) != 0) state |= kClearToSend;
    return state;
}

uint8_t TtyLine::line_errors() {
    using namespace telnet::line;
    serial_icounter_struct counts{};
    if (::ioctl(fd(), TIOCGICOUNT, &counts) != 0) return 0;
    const Counters now{counts.frame, counts.overrun + counts.buf_overrun, counts.parity,
                       counts.brk};
    const Counters before = counters_.value_or(now);
    counters_ = now;
    uint8_t state = 0;
    if (now.frame != before.frame) state |= kFramingError;
    if (now.overrun != before.overrun) state |= kOverrunError;
    if (now.parity != before.parity) state |= kParityError;
    if (now.brk != before.brk) state |= kBreak;
    return state;
}

}  // namespace opendext::serial_tcp
