// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>

#include "rpc/realm.h"
#include "rpc/result.h"

namespace opendext::tools {

/// Whether opendextd answers on the realm's socket.
[[nodiscard]] bool realm_is_up(const Realm& realm);

/// Makes sure that the realm is up: connects, and where nobody answers runs `bin/opendext-keeper
/// --realm DIR` and waits until it says that the realm is there. Two tools may do this at once. The
/// error carries the keeper's own words.
[[nodiscard]] Status ensure_realm(const Realm& realm);

/// Installs a bundle (absolute path), or uninstalls one by its identifier, in a realm that is up or
/// is brought up. Should opendextd die meanwhile its successor is asked again: it is done once.
[[nodiscard]] Status install_extension(const Realm& realm, const std::string& program,
                                       const std::string& bundle_path);
[[nodiscard]] Status uninstall_extension(const Realm& realm, const std::string& program,
                                         const std::string& bundle_id);

/// Whether `error` says that opendextd went, before or after it was connected to, while the realm's
/// keeper is there to bring it back.
[[nodiscard]] bool comes_back(const Realm& realm, const Error& error);

/// Brings the realm up and calls `ask`, again if opendextd dies before it has answered and comes
/// back. For what changes nothing, or is the same however often it is done; `ask` connects itself
/// and gives a Result.
template <typename Ask>
auto until_answered(const Realm& realm, std::chrono::milliseconds patience, Ask ask)
    -> decltype(ask()) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        OD_TRY(ensure_realm(realm));
        auto answer = ask();
        if (answer.ok() || !comes_back(realm, answer.error()) ||
            std::chrono::steady_clock::now() >= deadline)
            return answer;
    }
}

/// The process id of the realm's keeper, or 0 if none holds the lock of `run/keeper.pid`.
[[nodiscard]] pid_t keeper_of(const Realm& realm);

/// Ends the realm and waits until its keeper is gone. Success too when the realm was not up.
[[nodiscard]] Status stop_realm(const Realm& realm,
                                std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace opendext::tools
