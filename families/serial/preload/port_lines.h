// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOKitLib.h>
#include <sys/types.h>
#include <termios.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace opendext::serial_preload {

/// The lines of one port of ours, as a program in this process asked for them. Thread-safe.
class PortLines {
  public:
    /// The port behind a terminal; nullptr if the descriptor is no terminal of a port of ours, or
    /// the realm cannot be reached.
    static std::shared_ptr<PortLines> of(int fd);

    /// The same, only if of() has found it before: asks nobody.
    static std::shared_ptr<PortLines> known(int fd);

    ~PortLines();
    PortLines(const PortLines&) = delete;
    PortLines& operator=(const PortLines&) = delete;

    /// TIOCM_* bits; those that go out are as they were last asked for.
    [[nodiscard]] int modem();
    /// Sets DTR and RTS as far as `mask` has them.
    bool set_modem(int bits, int mask);
    /// `flags`: CSIZE, PARENB, PARODD, CMSPAR of a c_cflag.
    bool set_frame(tcflag_t flags);
    /// What set_frame() was given, if anything.
    [[nodiscard]] std::optional<tcflag_t> frame();
    bool send_break(int milliseconds);

    /// Gives back to the port what this process asked for; at its end.
    static void give_back_all();

  private:
    explicit PortLines(io_registry_entry_t client) : client_(client) {}
    bool say(const std::string& words);
    [[nodiscard]] int flag(const char* dictionary, const char* key, int bit, bool otherwise);

    io_registry_entry_t client_;
    std::mutex mutex_;
    std::optional<int> modem_;  ///< DTR and RTS as they were asked for
    std::optional<tcflag_t> frame_;
};

inline constexpr tcflag_t kFrame = CSIZE | PARENB | PARODD | CMSPAR;

}  // namespace opendext::serial_preload
