// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "apps/serial-over-tcp/agent/allow_list.h"
#include "apps/serial-over-tcp/agent/tls.h"
#include "apps/serial-over-tcp/telnet/session.h"
#include "rpc/result.h"

namespace opendext::serial_tcp {

/// What becomes of bytes for the network when nobody is there and the buffer is full.
enum class WhenFull : uint8_t {
    block,        ///< the application waits
    drop_oldest,  ///< the oldest go and are counted
};
const char* to_string(WhenFull policy);

/// How a link behaves, next to where it goes (Remote). Each field is one word of the text form,
/// which travels to the agent and stands in the property SerialOverTCPOptions of the port's nub, so
/// that an agent's successor finds it.
struct LinkOptions {
    /// A peer that answers nothing for so long is gone (Liveness).
    std::chrono::milliseconds timeout{10'000};
    uint32_t clients = 1;  ///< listen: how many callers at the same time
    AllowList allow;       ///< listen: who may call
    mode_t mode = 0600;    ///< listen on a Unix socket: of its file
    uint64_t buffer = 0;   ///< bytes kept while nobody is there, beyond the rings of the port
    WhenFull when_full = WhenFull::block;
    bool saved = false;  ///< comes back with the realm
    telnet::Protocol protocol = telnet::Protocol::raw;
    TlsOptions tls;

    /// "timeout=5 clients=4 allow=10.0.0.0/8": what differs from the default; empty if nothing
    /// does.
    [[nodiscard]] std::string text() const;
    /// The inverse of text(). Reads what other processes and users wrote: the error names key,
    /// value and fix.
    static Result<LinkOptions> parse(const std::string& text);
    /// Sets one option by its key; the command line calls it with what follows `--KEY`.
    Status set(const std::string& key, const std::string& value);

    bool operator==(const LinkOptions&) const = default;
};

/// 4096, 64k, 2M, 1G.
Result<uint64_t> parse_size(const std::string& text);

inline constexpr uint32_t kMostClients = 64;
inline constexpr uint64_t kLargestBuffer = uint64_t{1} << 30;
/// What drop-oldest keeps when no size is given.
inline constexpr uint64_t kDefaultBuffer = uint64_t{256} << 10;

}  // namespace opendext::serial_tcp
