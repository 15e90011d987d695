// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "keeper/prepared/features.h"
#include "keeper/prepared/runtime_library.h"
#include "keeper/prepared/title.h"
#include "rpc/fd.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::prepared {

/// The filters of driver processes that use the same families.
struct Filters {
    CallLists lists;
    Program first;   ///< in force before the dext is loaded
    Program second;  ///< Refusal::silent only: added after it is loaded
};

/// What all driver processes of this prepared process have in common.
struct Blueprint {
    Features features;
    std::string description;  ///< features' own, made once
    Title title;
    Libraries libraries;
    std::map<std::vector<std::string>, Filters> filters;  ///< by families' libraries
    std::string boot_arguments;                           ///< $OPENDEXT_BOOT_ARGS
    std::string sanitizer_reports;                        ///< $OPENDEXT_SANITIZER_REPORTS
    /// For an executable that asks for `libraries`; for all families if there is none among them.
    Result<Filters*> filters_for(const std::vector<std::string>& libraries);
};

/// The rest of the life of a driver process: closes the sandbox, then calls the runtime. Never
/// returns.
[[noreturn]] void become_driver(const Blueprint& blueprint, Filters& filters,
                                const protocol::keeper::Spawn& spawn, Socket control,
                                Socket report);

}  // namespace opendext::prepared
