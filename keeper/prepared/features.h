// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "keeper/prepared/rules.h"

namespace opendext::prepared {

/// What this kernel, this user and this container let us close a driver process in with. Found out
/// once, when the prepared process starts, by trying in children; what is missing is named with its
/// consequence in `description`.
struct Features {
    bool user_namespace = false;
    bool namespaces = false;       ///< network, ipc and process ids
    bool mount_namespace = false;  ///< used only where Landlock is missing
    int landlock = 0;              ///< ABI version, 0 = none
    Refusal refusal = Refusal::ask_keeper;
    std::string description;  ///< for people: the parts, and what missing parts cost
};

/// `without`: comma-separated names of features to do as if the kernel lacked them ("namespaces",
/// "landlock", "mount", "listener"), so that tests reach every path on one machine.
Features probe_features(const std::string& without);

/// Moves the calling process into its namespaces, as far as `features` has them. Later children
/// start in the new process id namespace: the first one becomes its init.
Status enter_namespaces(const Features& features);

}  // namespace opendext::prepared
