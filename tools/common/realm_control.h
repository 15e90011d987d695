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

/// The process id of the realm's keeper, or 0 if none holds the lock of `run/keeper.pid`.
[[nodiscard]] pid_t keeper_of(const Realm& realm);

/// Ends the realm and waits until its keeper is gone. Success too when the realm was not up.
[[nodiscard]] Status stop_realm(const Realm& realm,
                                std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace opendext::tools
