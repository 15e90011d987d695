// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace opendext {

/// What a datagram of a Socket begins with. For rpc/socket.cpp, and for who has to write one where
/// nothing may be allocated: the crash handler of a driver process.
struct DatagramHeader {
    uint32_t magic;
    uint32_t kind;
    uint64_t serial;
    uint32_t flags;
    uint32_t body_size;
};
inline constexpr uint32_t kDatagramMagic = 0x5458444f;  // "ODXT"

}  // namespace opendext
