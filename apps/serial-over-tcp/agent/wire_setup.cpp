// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/wire_setup.h"

#include "apps/serial-over-tcp/agent/tls.h"

namespace opendext::serial_tcp {

Result<WireSetup> make_wire_setup(const Remote& remote, const LinkOptions& options) {
    const bool listens = remote.mode == Remote::Mode::listen;
    WireSetup setup;
    setup.protocol = options.protocol;
    setup.role = listens ? telnet::Session::Role::server : telnet::Session::Role::client;
    if (options.tls.on) {
        setup.tls = OD_TRY(TlsContext::make(
            options.tls, listens ? TlsContext::Role::listen : TlsContext::Role::connect,
            remote.host));
    } else if (options.tls != TlsOptions{}) {
        return Error{Errc::invalid, 0, "--tls-… has no effect without --tls: give --tls too"};
    }
    return setup;
}

}  // namespace opendext::serial_tcp
