// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::serial_tcp {

/// Where a port's bytes go: to a host that is called, or from whoever calls.
struct Remote {
    enum class Mode : uint8_t { connect, listen };
    Mode mode = Mode::connect;
    std::string host;       ///< name or address; empty for listen on all addresses
    std::string port;       ///< decimal, 1-65535; 0 is allowed for listen: any free one
    std::string path = {};  ///< of a Unix socket, absolute; then host and port are empty

    /// "connect HOST:PORT", "listen ADDR:PORT", "connect unix:/PATH": the form of the property and
    /// of messages.
    [[nodiscard]] std::string text() const;
    /// The part of text() behind the mode.
    [[nodiscard]] std::string place() const;
    [[nodiscard]] bool is_unix() const { return !path.empty(); }
    /// HOST:PORT, [ADDR]:PORT or unix:PATH. A path is made absolute.
    static Result<Remote> parse_connect(const std::string& text);
    /// PORT, ADDR:PORT, [ADDR]:PORT or unix:PATH.
    static Result<Remote> parse_listen(const std::string& text);
    /// The inverse of text().
    static Result<Remote> parse(const std::string& text);
};

/// One address of a socket.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    /// "127.0.0.1:5000", "[::1]:5000", "unix:/path".
    [[nodiscard]] std::string text() const;
};

/// The addresses of a remote, at least one. Blocks in getaddrinfo; for a Unix socket it does not.
/// Errc::not_found names the host.
Result<std::vector<SocketAddress>> resolve(const Remote& remote);

}  // namespace opendext::serial_tcp
