// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "apps/serial-over-tcp/agent/transport.h"
#include "rpc/result.h"

struct ssl_ctx_st;

namespace opendext::serial_tcp {

/// How a link is encrypted. File names are absolute: the agent does not live where the user typed.
struct TlsOptions {
    bool on = false;
    /// Connecting: CAs (PEM) that the peer's certificate is checked against; empty: the system's.
    std::string ca;
    /// Connecting: the name that the certificate must be for; empty: the host that is called.
    std::string name;
    /// Own certificate chain and key (PEM). A listener needs them; a caller may have them.
    std::string certificate;
    std::string key;
    /// Listening: CAs (PEM) that callers' certificates are checked against; empty: callers need
    /// none.
    std::string client_ca;

    bool operator==(const TlsOptions&) const = default;
};

/// What the connections of one link have in common: certificates, keys, whom to trust. Made once,
/// so that a wrong file is told when the port is added.
class TlsContext {
  public:
    enum class Role : uint8_t { connect, listen };
    /// `host`: the peer's, where options.name is empty. The error names the option and the file.
    static Result<std::shared_ptr<TlsContext>> make(const TlsOptions& options, Role role,
                                                    const std::string& host);

    [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }
    [[nodiscard]] Role role() const { return role_; }
    /// Whom the peer's certificate has to be for; empty if listening.
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    TlsContext(Role role, std::string name);

    const Role role_;
    const std::string name_;
    std::shared_ptr<ssl_ctx_st> context_;
};

/// Encrypts over a connected, non-blocking socket, which stays the caller's. The process ignores
/// SIGPIPE.
std::unique_ptr<Transport> make_tls_transport(int socket, const TlsContext& context);

}  // namespace opendext::serial_tcp
