// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netdb.h>

#include <memory>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::serial_tcp {

/// Where a port's bytes go: to a host that is called, or from whoever calls.
struct Remote {
    enum class Mode : uint8_t { connect, listen };
    Mode mode = Mode::connect;
    std::string host;  ///< name or address; empty for listen on all addresses
    std::string port;  ///< decimal, 1-65535; 0 is allowed for listen: any free one

    /// "connect HOST:PORT", "listen ADDR:PORT": the form of the property and of messages.
    [[nodiscard]] std::string text() const;
    /// HOST:PORT or [ADDR]:PORT.
    static Result<Remote> parse_connect(const std::string& text);
    /// PORT, ADDR:PORT or [ADDR]:PORT.
    static Result<Remote> parse_listen(const std::string& text);
    /// The inverse of text().
    static Result<Remote> parse(const std::string& text);
};

struct AddressDeleter {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressDeleter>;

/// getaddrinfo, blocking. Errc::not_found names the host.
Result<Addresses> resolve(const Remote& remote);
/// "127.0.0.1:5000", "[::1]:5000".
std::string describe(const sockaddr* address, socklen_t length);

}  // namespace opendext::serial_tcp
