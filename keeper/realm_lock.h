// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "rpc/fd.h"
#include "rpc/realm.h"

namespace opendext::keeper {

/// The lock on run/keeper.pid: whoever has it is the keeper of the realm. It goes with the process
/// that holds it.
class RealmLock {
  public:
    /// The lock, or nullopt when another keeper has it and its realm answers. Waits up to `timeout`
    /// for one of the two.
    static Result<std::optional<RealmLock>> acquire(const Realm& realm,
                                                    std::chrono::milliseconds timeout);
    /// Writes the calling process's id into the file.
    Status set_owner() const;
    /// Removes the file; the lock goes with the object.
    void remove() const;

  private:
    RealmLock(UniqueFd file, std::filesystem::path path)
        : file_(std::move(file)), path_(std::move(path)) {}
    UniqueFd file_;
    std::filesystem::path path_;
};

}  // namespace opendext::keeper
