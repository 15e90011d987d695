// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "keeper/prepared/rules.h"
#include "keeper/prepared/settings.h"
#include "rpc/value.h"

namespace opendext::prepared {

/// A part of the sandbox that this machine does not give.
struct Missing {
    std::string item;  ///< one of sandbox_items()
    std::string why;
    std::string price;  ///< what is lost, and what gives it back
    void fields(auto& io) { io(item, why, price); }
};

/// What this kernel, this user and this container let us close a driver process in with. Found out
/// once, when the first prepared process starts, by trying in children.
struct Features {
    uint64_t shared = 0;           ///< CLONE_NEW…: namespaces that all drivers share
    uint64_t own = 0;              ///< CLONE_NEW…: what each driver process has for itself
    bool mount_namespace = false;  ///< used only where Landlock is missing
    int landlock = 0;              ///< ABI version, 0 = none
    Refusal refusal = Refusal::ask_keeper;
    std::string cgroup;  ///< the folder in which each driver gets a control group; empty: none
    std::vector<std::string> controllers;  ///< of that folder
    Limits limits;
    bool counts_threads = false;  ///< the kernel holds this user to a limit of threads a process
    unsigned layout = 64;         ///< driver processes that share one address layout; 0: all
    std::vector<Missing> missing;
    std::string refused;  ///< strict mode, or settings that cannot be read: why nothing is started
    void fields(auto& io) {
        io(shared, own, mount_namespace, landlock, refusal, cgroup, controllers, limits,
           counts_threads, layout, missing, refused);
    }
    [[nodiscard]] const Missing* lacks(const std::string& item) const;
    /// For the log: the parts, and what missing parts cost.
    [[nodiscard]] std::string description() const;
    /// For programs: docs/design/sandbox.md, "Rights as a list". `bundle`: what may be read.
    [[nodiscard]] Dictionary rights(const std::string& bundle, const CallLists& calls) const;
};

/// `without`: names of sandbox_items() to do as if the machine lacked them, so that tests reach
/// every path on one machine.
Features probe_features(const std::vector<std::string>& without, const SandboxSettings& settings);

/// Moves the calling process into the namespaces that all drivers share, as far as `features` has
/// them: an empty network, and a user namespace in which it may make the others.
Status enter_namespaces(const Features& features);

}  // namespace opendext::prepared
