// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/client.h"

/// What opendextd does about drivers that crash, asked by programs. Messages of the realm's socket
/// like those of client.h.
namespace opendext::protocol::client {

/// A personality on a nub where its driver crashed, or that its driver left.
struct SupervisedDriver {
    uint64_t nub = 0;
    std::string nub_path;     ///< in the service plane
    std::string bundle_id;    ///< CFBundleIdentifier
    std::string personality;  ///< its name in IOKitPersonalities
    std::string policy;       ///< standard, driverkit
    std::string state;        ///< "running", "waiting for restart", "quarantined", "left"
    uint32_t crashes = 0;     ///< since the nub is there and the copy of the bundle is installed
    uint32_t recent_crashes = 0;   ///< those that count towards quarantine
    uint64_t last_crash_ns = 0;    ///< CLOCK_REALTIME, as all times here; 0 = none
    std::string last_reason;       ///< how the process ended
    uint64_t next_restart_ns = 0;  ///< while waiting
    uint64_t since_ns = 0;         ///< of the quarantine, or since it left
    std::string reason;            ///< of the quarantine, or of leaving
    void fields(auto& io) {
        io(nub, nub_path, bundle_id, personality, policy, state, crashes, recent_crashes,
           last_crash_ns, last_reason, next_restart_ns, since_ns, reason);
    }
};

/// Answered by SupervisionIs.
struct GetSupervision {
    static constexpr auto kKind = Kind::get_supervision;
    void fields(auto&) {}
};

struct SupervisionIs {
    static constexpr auto kKind = Kind::supervision_is;
    std::string policy;                     ///< of the realm
    std::vector<SupervisedDriver> drivers;  ///< at most 4096; no entry: nothing ever happened
    void fields(auto& io) { io(policy, drivers); }
};

/// Lets quarantined personalities be matched again. Needs who may administer the realm. Answered by
/// QuarantineLifted; kIOReturnNotFound names those that are in quarantine.
struct LiftQuarantine {
    static constexpr auto kKind = Kind::lift_quarantine;
    /// A bundle identifier or its last component, BUNDLE/PERSONALITY, PERSONALITY, or the nub's id
    /// as 0x…; empty: all.
    std::string name;
    void fields(auto& io) { io(name); }
};

struct QuarantineLifted {
    static constexpr auto kKind = Kind::quarantine_lifted;
    Outcome outcome;
    std::vector<SupervisedDriver> lifted;  ///< as they were
    void fields(auto& io) { io(outcome, lifted); }
};

}  // namespace opendext::protocol::client
