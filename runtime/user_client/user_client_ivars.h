// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <memory>
#include <mutex>

#include "rpc/value.h"

namespace opendext::runtime {
class ClientConnection;
}

struct IOUserClient_IVars {
    std::mutex mutex;
    opendext::Dictionary entitlements;  // of the client program
    std::weak_ptr<opendext::runtime::ClientConnection> connection;
};

namespace opendext::runtime {

/// While it lives, user clients that this thread makes have these entitlements. `entitlements` may
/// be NULL.
class PendingEntitlements {
  public:
    explicit PendingEntitlements(OSDictionary* entitlements);
    ~PendingEntitlements();
    PendingEntitlements(const PendingEntitlements&) = delete;
    PendingEntitlements& operator=(const PendingEntitlements&) = delete;

  private:
    Dictionary entitlements_;
    const Dictionary* before_;
};

}  // namespace opendext::runtime
