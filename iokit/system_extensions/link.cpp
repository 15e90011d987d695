// SPDX-License-Identifier: Apache-2.0
#include "iokit/system_extensions/link.h"

#include <cerrno>
#include <chrono>
#include <thread>

#include "iokit/client/daemon.h"
#include "rpc/realm.h"

namespace opendext::system_extensions {

namespace wire = protocol::client;

Result<Socket> connect() {
    const Realm realm = Realm::select(client::Daemon::instance().realm());
    Result<Socket> socket = Socket::connect(realm.socket());
    if (!socket.ok())
        return std::move(socket).error().in("no realm is up in " + realm.root().string());
    OD_TRY(socket->send(encode(wire::Hello{wire::kVersion, program_invocation_short_name}, 1)));
    const Message answer = OD_TRY(socket->receive_within(std::chrono::seconds(20)));
    if (answer.kind == static_cast<uint32_t>(wire::Kind::outcome)) {
        const auto refused = OD_TRY(decode<wire::Reply>(answer));
        return Error::kern(refused.io_return, refused.reason);
    }
    OD_TRY(decode<wire::Welcome>(answer));
    return socket;
}

Result<Socket> connect_again() {
    constexpr std::chrono::milliseconds kPause{20};
    const Realm realm = Realm::select(client::Daemon::instance().realm());
    const auto end = std::chrono::steady_clock::now() + client::kRestartTime;
    for (;;) {
        Result<Socket> socket = connect();
        if (socket.ok() || std::chrono::steady_clock::now() > end ||
            !client::has_keeper(realm.root()))
            return socket;
        std::this_thread::sleep_for(kPause);
    }
}

}  // namespace opendext::system_extensions
