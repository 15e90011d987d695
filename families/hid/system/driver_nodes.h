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
    /// What an object wants.
    struct Wanted {
        std::string name;   ///< "uhid" or "uinput"
        uint32_t part = 0;  ///< tells apart several of one object
        /// What the kernel is told of the device: a predecessor's that differs is not gone on with,
        /// but made anew.
        Dictionary device = {};
    };
    /// Errc::unsupported where the kernel has none or the realm may not use it.
    void open(const daemon::Entry& object, Wanted wanted, std::function<void(Result<Node>)> done);
    /// Those of an earlier opendextd.
    void realm_started();
    /// The object ended; a successor finds what a process left that died.
    void object_ended(const daemon::Entry& object, daemon::End end);
    void driver_given_up(daemon::EntryId nub, const std::string& bundle_id);

  private:
    struct Kept {
        daemon::EntryId nub = daemon::kNoEntry;
        std::string bundle_id;
        std::string owner;                          ///< the same for a driver and its successor
        daemon::EntryId object = daemon::kNoEntry;  ///< who had it last
        Dictionary device;
    };
    using Done = std::function<void(Result<Node>)>;
    [[nodiscard]] std::string left_for(const Kept& wanted) const;
    [[nodiscard]] bool is_free(const Kept& kept, daemon::EntryId object) const;
    void make(const std::string& name, Kept wanted, const Done& done);
    void hold(const std::string& key, Node node, const Done& done);
    /// Whether there were any.
    bool release(const std::function<bool(const Kept&)>& which);

    daemon::FamilyHost& host_;
    const bool allowed_;
    std::map<std::string, Kept> kept_;  ///< by the keeper's key
    uint64_t last_ = 0;                 ///< number in a key
};

}  // namespace opendext::hid
