// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <utility>

#include "daemon/registry/entry.h"

namespace opendext::daemon {

/// Foreign entries that a driver process was told of and may name.
class KnownEntries {
  public:
    /// `changed` hears of each entry that comes or goes.
    void observe(std::function<void(EntryId)> changed) { changed_ = std::move(changed); }
    void insert(EntryId id) {
        if (ids_.insert(id).second && changed_) changed_(id);
    }
    void erase(EntryId id) {
        if (ids_.erase(id) > 0 && changed_) changed_(id);
    }
    [[nodiscard]] bool contains(EntryId id) const { return ids_.contains(id); }
    /// All go, as they do with the process.
    void clear() {
        for (const EntryId id : std::exchange(ids_, {})) {
            if (changed_) changed_(id);
        }
    }

  private:
    std::set<EntryId> ids_;
    std::function<void(EntryId)> changed_;
};

}  // namespace opendext::daemon
