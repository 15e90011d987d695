// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "daemon/family.h"

namespace opendext::hid {

/// Devices of the kernel that drivers make (uhid, uinput): their descriptors are the keeper's, so
/// that a device stays through a driver's restart, and its successor goes on with it. They go when
/// the driver leaves, or does not come back.
class DriverNodes {
  public:
    /// `allowed`: only the system's realm makes devices of the kernel.
    DriverNodes(daemon::FamilyHost& host, bool allowed) : host_(host), allowed_(allowed) {}

    struct Node {
        UniqueFd fd;
        bool fresh = true;  ///< false: it was a predecessor's
    };
    /// `name`: "uhid" or "uinput", `part`: tells apart several of one object. Errc::unsupported
    /// where the kernel has none or the realm may not use it.
    void open(const daemon::Entry& object, const std::string& name, uint32_t part,
              std::function<void(Result<Node>)> done);
    /// Those of an earlier opendextd.
    void realm_started();
    /// The object ended; a successor finds what a process left that died.
    void object_ended(const daemon::Entry& object, daemon::End end);
    void driver_given_up(daemon::EntryId nub, const std::string& bundle_id);

  private:
    struct Kept {
        daemon::EntryId nub = daemon::kNoEntry;
        std::string bundle_id;
        std::string owner;  ///< key without the node's part
    };
    static std::string owner_of(const daemon::Entry& object);
    void release(const std::function<bool(const Kept&)>& which);

    daemon::FamilyHost& host_;
    const bool allowed_;
    std::map<std::string, Kept> kept_;  ///< by the keeper's key
};

}  // namespace opendext::hid
