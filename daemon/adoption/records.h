// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/adoption/entry_record.h"
#include "daemon/adoption/recorder.h"
#include "daemon/lifecycle/instance.h"
#include "daemon/lifecycle/power_state.h"
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
    bool left = false;
    End end = End::terminated;
    std::string failure;  ///< empty: none
    Errc failure_code = Errc::unknown;
    int64_t failure_number = 0;
    // The personality; empty for what Create() made, which has that of its provider.
    std::string bundle_id;
    std::string bundle_path;
    std::string executable;
    std::string personality;
    Dictionary table;
    Dictionary entitlements;
    void fields(auto& io) {
        io(provider, state, process, created, registration_pending, stop_requested, stop_replied,
           super_stopped, start_returned, family_started, start_finished, left, end, failure,
           failure_code, failure_number);
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
    void fields(auto& io) { io(pid, state, spec, sandbox, killed_for, told_to_exit, server); }
};

/// A message of opendextd that was not sent when the record was written. Descriptors cannot be
/// recorded: what carries some is not sent by a successor.
struct Unsent {
    uint32_t kind = 0;
    uint64_t serial = 0;
    std::vector<uint8_t> body;
    void fields(auto& io) { io(kind, serial, body); }
};

/// Of a queue (Connection::waiting); empty if it is not there or cannot be recorded.
[[nodiscard]] inline std::vector<uint8_t> unsent_record(const Message* message) {
    if (message == nullptr || !message->fds.empty()) return {};
    return record_of(Unsent{message->kind, message->serial, message->body});
}

struct Classes {
    std::vector<protocol::driver::ClassInfo> classes;
    void fields(auto& io) { io(classes); }
};

/// A connection of a program to a user client, while it is connected.
struct Connection {
    int32_t pid = 0;
    uint32_t uid = 0;
    uint64_t start_time = 0;
    uint64_t session = 0;
    std::string program;
    EntryId service = kNoEntry;
    EntryId user_client = kNoEntry;
    uint32_t type = 0;
    void fields(auto& io) {
        io(pid, uid, start_time, session, program, service, user_client, type);
    }
};

struct Power {
    bool node = false;
    bool joined = false;
    uint32_t desired = 0;
    uint32_t current = 0;
    bool override_ = false;
    uint64_t latency = 0;  ///< RequireMaxBusStall in nanoseconds; 0: none
    void fields(auto& io) { io(node, joined, desired, current, override_, latency); }
};

struct System {
    SystemPower state = SystemPower::awake;
    void fields(auto& io) { io(state); }
};

struct Item {
    std::string name;
    Dictionary schema;
    std::string bundle_id;
    bool set = false;
    Dictionary value;
    uint64_t generation = 0;
    void fields(auto& io) { io(name, schema, bundle_id, set, value, generation); }
};

struct Waiting {
    uint32_t type = 0;
    uint64_t entry = 0;
    void fields(auto& io) { io(type, entry); }
};

struct Told {
    std::string item;
    uint64_t generation = 0;
    void fields(auto& io) { io(item, generation); }
};

/// What a dispatch source of a driver watches.
struct Watch {
    protocol::driver::WatchKind kind = protocol::driver::WatchKind::services;
    Dictionary matching;
    std::vector<Waiting> waiting;
    bool told = false;
    std::vector<Told> items;
    bool armed = false;
    void fields(auto& io) { io(kind, matching, waiting, told, items, armed); }
};

/// An entry that a driver has for itself.
struct Opened {
    EntryId client = kNoEntry;
    void fields(auto& io) { io(client); }
};

struct Action {
    uint64_t process = 0;
    uint64_t number = 0;
    std::vector<uint64_t> holders;
    void fields(auto& io) { io(process, number, holders); }
};

/// For records that say all they have to say by being there.
struct Mark {
    bool there = true;
    void fields(auto& io) { io(there); }
};

}  // namespace opendext::daemon::records
