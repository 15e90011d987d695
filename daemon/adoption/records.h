// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/adoption/entry_record.h"
#include "daemon/lifecycle/instance.h"
#include "daemon/lifecycle/process.h"

/// What the ledger keeps of each object (recorder.h says under which numbers).
namespace opendext::daemon::records {

struct Instance {
    EntryId provider = kNoEntry;
    InstanceState state = InstanceState::attached;
    uint64_t process = 0;  ///< number; 0: none
    bool created = false;
    bool registration_pending = false;
    bool stop_requested = false;
    bool stop_replied = false;
    bool super_stopped = false;
    bool start_returned = false;
    bool family_started = false;
    bool start_finished = false;
    End end = End::terminated;
    std::string failure;
    // The personality; empty for what Create() made, which has that of its provider.
    std::string bundle_id;
    std::string bundle_path;
    std::string executable;
    std::string personality;
    Dictionary table;
    Dictionary entitlements;
    void fields(auto& io) {
        io(provider, state, process, created, registration_pending, stop_requested, stop_replied,
           super_stopped, start_returned, family_started, start_finished, end, failure);
        io(bundle_id, bundle_path, executable, personality, table, entitlements);
    }
};

struct Process {
    int32_t pid = 0;
    ProcessState state = ProcessState::spawning;
    LaunchSpec spec;
    std::string sandbox;
    std::string killed_for;
    bool told_to_exit = false;
    EntryId server = kNoEntry;
    void fields(auto& io) {
        io(pid, state, spec, sandbox, killed_for, told_to_exit, server);
    }
};

struct Classes {
    std::vector<protocol::driver::ClassInfo> classes;
    void fields(auto& io) { io(classes); }
};

/// For records that say all they have to say by being there.
struct Mark {
    bool there = true;
    void fields(auto& io) { io(there); }
};

}  // namespace opendext::daemon::records
