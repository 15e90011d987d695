// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asm/termbits.h>

#include <cstdint>
#include <optional>
#include <string>

#include "apps/serial-over-tcp/serve/lock_file.h"
#include "apps/serial-over-tcp/telnet/session.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::serial_tcp {

/// A tty that this program has for itself, raw: bytes, settings, modem lines. Its settings are put
/// back at the end, which waits while the line takes what was written; nothing else blocks. One
/// thread.
class TtyLine {
  public:
    struct Options {
        bool lock_file = true;
        std::filesystem::path lock_folder = LockFile::kFolder;
    };
    /// Opens a device and takes it: lock file, exclusive mode (TIOCEXCL), advisory lock. The error
    /// names device and fix.
    static Result<TtyLine> open(const std::string& path, const Options& options);
    TtyLine(TtyLine&&) = default;
    TtyLine& operator=(TtyLine&&) = default;
    ~TtyLine();

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Of the device itself, no link.
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Why there is no lock file although one was wanted; empty otherwise.
    [[nodiscard]] const std::string& unlocked() const { return unlocked_; }
    /// Whether it has modem lines. Pseudo-terminals have none, and no parity and sizes but 8 bits.
    [[nodiscard]] bool has_modem_lines() const { return has_modem_lines_; }

    /// How the line is set, as the kernel says.
    [[nodiscard]] telnet::LineSettings settings() const;
    /// Sets the line; what it is set to then, which differs where it cannot do what is wanted.
    telnet::LineSettings set(const telnet::LineSettings& wanted);
    void purge(telnet::Purge what);
    /// Bits of namespace telnet::modem. Without modem lines all is well while the line is there.
    [[nodiscard]] uint8_t modem_state() const;
    /// Bits of namespace telnet::line: errors and breaks since the last call.
    uint8_t line_errors();

  private:
    TtyLine() = default;
    [[nodiscard]] bool set_modem_line(int line, bool on);
    void finish_sending();

    LockFile lock_;
    UniqueFd fd_;
    std::string path_;
    std::string unlocked_;
    termios2 before_{};
    bool has_modem_lines_ = false;
    /// What the kernel does not tell: the break, and modem lines that are not there.
    bool dtr_ = true;
    bool rts_ = true;
    bool break_ = false;
    struct Counters {
        int frame = 0, overrun = 0, parity = 0, brk = 0;
    };
    std::optional<Counters> counters_;
};

}  // namespace opendext::serial_tcp
