// SPDX-License-Identifier: Apache-2.0
#include "daemon/entitlements/guard.h"

namespace opendext::daemon {

bool PolicyGuard::allowed(const std::string& breach) {
    if (mode_ == PolicyMode::strict) {
        log_.write(LogLevel::error, "entitlements", breach);
        return false;
    }
    if (mode_ == PolicyMode::dev && said_.insert(breach).second) {
        log_.write(LogLevel::notice, "entitlements", breach + "; allowed in dev mode");
    }
    return true;
}

}  // namespace opendext::daemon
