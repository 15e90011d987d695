// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asm/termbits.h>

#include <cstdint>

#include "apps/serial-over-tcp/telnet/com_port.h"

/// The format of a character in c_cflag of a tty, as a number of bits and a parity.
namespace opendext::serial_tcp {

[[nodiscard]] inline uint8_t data_size_of(tcflag_t flags) {
    switch (flags & CSIZE) {
        case CS5:
            return 5;
        case CS6:
            return 6;
        case CS7:
            return 7;
        default:
            return 8;
    }
}

/// `bits`: 5 to 8.
inline void set_data_size(tcflag_t& flags, uint8_t bits) {
    constexpr tcflag_t kSizes[] = {CS5, CS6, CS7, CS8};
    flags &= ~static_cast<tcflag_t>(CSIZE);
    if (bits >= 5 && bits <= 8) flags |= kSizes[bits - 5];
}

[[nodiscard]] inline telnet::Parity parity_of(tcflag_t flags) {
    using telnet::Parity;
    if ((flags & PARENB) == 0) return Parity::none;
    const bool odd = (flags & PARODD) != 0;
    if ((flags & CMSPAR) != 0) return odd ? Parity::mark : Parity::space;
    return odd ? Parity::odd : Parity::even;
}

inline void set_parity(tcflag_t& flags, telnet::Parity parity) {
    using telnet::Parity;
    flags &= ~static_cast<tcflag_t>(PARENB | PARODD | CMSPAR);
    if (parity != Parity::none) flags |= PARENB;
    if (parity == Parity::odd || parity == Parity::mark) flags |= PARODD;
    if (parity == Parity::mark || parity == Parity::space) flags |= CMSPAR;
}

}  // namespace opendext::serial_tcp
