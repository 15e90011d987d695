// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "daemon/clients/connections.h"
#include "daemon/explain/driver_examiner.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/matcher.h"
#include "rpc/protocol/explain.h"

namespace opendext::daemon {

/// Who waits on what, for `opendext stuck`, and what drivers and programs are about.
class ActivityReader {
  public:
    ActivityReader(const Context& context, const Lifecycle& lifecycle, const Matcher& matcher,
                   const UserClientConnections& connections)
        : context_(context), lifecycle_(lifecycle), matcher_(matcher), connections_(connections) {}

    /// `clients` are the connected programs by number, without their connections; `inside` is what
    /// drivers said of themselves.
    [[nodiscard]] protocol::client::ActivityIs read(
        std::map<uint64_t, protocol::client::ClientActivity> clients, DriverAnswers inside) const;

  private:
    using ActivityIs = protocol::client::ActivityIs;
    void add_drivers(ActivityIs& answer) const;
    void add_inside(ActivityIs& answer, DriverAnswers inside) const;
    void add_lifecycles(ActivityIs& answer) const;
    void add_restarts(ActivityIs& answer) const;
    void add_clients(ActivityIs& answer,
                     std::map<uint64_t, protocol::client::ClientActivity> clients) const;
    void add_busy(ActivityIs& answer) const;
    [[nodiscard]] std::string name_of(EntryId id) const;

    const Context& context_;
    const Lifecycle& lifecycle_;
    const Matcher& matcher_;
    const UserClientConnections& connections_;
};

}  // namespace opendext::daemon
