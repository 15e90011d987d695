// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::serial_tcp {

/// The addresses that may call a listening port. Empty: everybody may.
class AllowList {
  public:
    /// ADDRESS[/PREFIX],…: IPv4 and IPv6 addresses, no names. The error names the part that is
    /// wrong.
    static Result<AllowList> parse(const std::string& text);
    /// The inverse of parse().
    [[nodiscard]] std::string text() const;

    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    /// A caller from a Unix socket is always allowed: its file has an owner and a mode. An IPv4
    /// address that came in over an IPv6 socket counts as IPv4.
    [[nodiscard]] bool allows(const sockaddr* address) const;

    bool operator==(const AllowList&) const = default;

  private:
    struct Range {
        int family = AF_INET;
        std::array<uint8_t, 16> bytes{};  ///< network order; 4 of them for IPv4
        unsigned prefix = 0;
        bool operator==(const Range&) const = default;
    };
    static Result<Range> parse_range(const std::string& text);

    std::vector<Range> ranges_;
};

}  // namespace opendext::serial_tcp
