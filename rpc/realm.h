// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "rpc/result.h"

namespace opendext {

/// Where a realm keeps its things. Everything lies below `root`; the system realm's root is
/// /run/opendext with its state in /var/lib/opendext.
///
///     run/opendextd.sock   client programs connect here
///     run/keeper.pid       pid of the keeper, locked while it lives
///     dev/                 device nodes (links)
///     extensions/          installed bundles, one folder each
///     log                  messages, one JSON object a line; log.1 is the older half
///     crash/               reports of ended drivers
///     programs/            entitlements of client programs, one property list each
///     realm.conf           deadlines and the restart policy, as far as set (opendextd(8))
class Realm {
  public:
    explicit Realm(std::filesystem::path root);

    /// The realm that a client program sees: `option` (--realm) if not empty, else $OPENDEXT_REALM,
    /// else the system realm if its socket answers, else the user's ($XDG_RUNTIME_DIR/opendext or
    /// /tmp/opendext-UID).
    static Realm select(std::string_view option = {});
    static Realm system();
    static Realm user();

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }
    [[nodiscard]] std::filesystem::path socket() const { return root_ / "run" / "opendextd.sock"; }
    [[nodiscard]] std::filesystem::path keeper_pid() const { return root_ / "run" / "keeper.pid"; }
    [[nodiscard]] std::filesystem::path devices() const { return root_ / "dev"; }
    [[nodiscard]] std::filesystem::path extensions() const { return state_ / "extensions"; }
    [[nodiscard]] std::filesystem::path log() const { return state_ / "log"; }
    [[nodiscard]] std::filesystem::path crashes() const { return state_ / "crash"; }
    /// What grants entitlements to client programs: /etc/opendext/programs for the system's realm.
    [[nodiscard]] std::filesystem::path programs() const;
    /// What the administrator sets: /etc/opendext/realm.conf for the system's realm.
    [[nodiscard]] std::filesystem::path settings() const;
    [[nodiscard]] bool is_system() const { return is_system_; }

    /// Makes the directories (mode 0700 for a user's realm, 0755 for the system's).
    [[nodiscard]] Status create() const;

  private:
    std::filesystem::path root_;
    std::filesystem::path state_;
    bool is_system_ = false;
};

/// Where this installation keeps its programs, libraries and SDK: the folder above the running
/// program's bin/, or $OPENDEXT_PREFIX. Below it: bin/, lib/, libexec/opendext/,
/// share/opendext/dexts/, sdk/.
[[nodiscard]] std::filesystem::path installation_prefix();

}  // namespace opendext
