// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "daemon/entitlements/policy.h"
#include "daemon/log/log.h"

namespace opendext::daemon {

/// What a breach of an entitlement rule costs under the realm's policy, and the line in the log
/// about it.
class PolicyGuard {
  public:
    PolicyGuard(Log& log, PolicyMode mode) : log_(log), mode_(mode) {}

    /// False: refuse. Dev mode says each breach once.
    [[nodiscard]] bool allowed(const std::string& breach);

  private:
    Log& log_;
    PolicyMode mode_;
    std::set<std::string> said_;
};

}  // namespace opendext::daemon
