// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// opendextd -> opendext-keeper, over a socket pair that the keeper made. Every request is answered
/// by the reply of the same serial; Exited events carry serial 0. The keeper -> prepared process
/// link uses Spawn and Spawned too.
namespace opendext::protocol::keeper {

enum class Kind : uint32_t {
    outcome = 1,
    spawn = 2,
    spawned = 3,
    signal = 4,
    exited = 5,
    open = 6,
    opened = 7,
    hold = 8,
    fetch = 9,
    held = 10,
    release = 11,
    publish_node = 12,
    remove_node = 13,
    shut_down = 14,
    ready = 15,
    refused = 16,
    inherit = 17,
    inherited = 18,
    abandon = 19,
    limits_hit = 20,
    furnish = 21,
};

struct Reply : Outcome {
    static constexpr auto kKind = Kind::outcome;
};

/// Fork a driver process. fds: [0] its end of the control socket; [1], which may be left out,
/// opendextd's end: the keeper keeps a duplicate as long as the process lives, and Fetch of
/// control_key(pid) gives it to an opendextd that adopts the process (docs/design/adoption.md).
/// Answered by Spawned or by Reply on failure.
struct Spawn {
    static constexpr auto kKind = Kind::spawn;
    uint64_t token = 0;       ///< the process must show it at check-in
    std::string server_name;  ///< IOUserServerName
    std::string bundle_id;
    uint64_t tag = 0;  ///< registry entry id of the object it is started for
    /// Absolute; the only files that the process may read. Empty: none before Furnish. Where the
    /// keeper cannot open them for it, that is refused.
    std::string bundle_path;
    std::string title;          ///< what `ps` shows: bundle path, bundle id, registry id
    uint64_t memory_limit = 0;  ///< bytes of address space above the baseline; 0 = default
    /// Libraries that the executable names (DT_NEEDED). The process may make the system calls of
    /// the families among them; empty: of every family.
    std::vector<std::string> libraries = {};
    void fields(auto& io) {
        io(token, server_name, bundle_id, tag, bundle_path, title, memory_limit, libraries);
    }
};

/// fds: [0] a pidfd of the process. Between prepared process and keeper, if it has a process id
/// namespace of its own, [1] a pidfd of that namespace's process 1.
struct Spawned {
    static constexpr auto kKind = Kind::spawned;
    int32_t pid = 0;
    std::string sandbox;  ///< the list of what closes the process in, for the log
    /// The same for programs: docs/design/sandbox.md, "Rights as a list".
    Dictionary rights = {};
    void fields(auto& io) { io(pid, sandbox, rights); }
};
/// In `rights`: the folder of the process's control group, if it has one of its own. The keeper
/// removes it when the process has ended.
inline constexpr const char* kControlGroup = "control group";

/// A process that was forked without a bundle, and has loaded nothing yet, may read this one's
/// files from now on. Once; answered by Reply. The keeper sees to it before it answers any call
/// that the process makes after whoever sends this went on.
struct Furnish {
    static constexpr auto kKind = Kind::furnish;
    int32_t pid = 0;
    std::string bundle_id;
    std::string bundle_path;  ///< absolute
    void fields(auto& io) { io(pid, bundle_id, bundle_path); }
};

/// Send a signal to a driver process that is still alive.
struct Signal {
    static constexpr auto kKind = Kind::signal;
    int32_t pid = 0;
    int32_t number = 0;
    void fields(auto& io) { io(pid, number); }
};

/// Event: no thread of a driver process runs any more, or it was reaped. `wait_status` as waitpid
/// gives it. What descriptors it had may be closed a moment later.
struct Exited {
    static constexpr auto kKind = Kind::exited;
    int32_t pid = 0;
    int32_t wait_status = 0;
    void fields(auto& io) { io(pid, wait_status); }
};

/// Open a Linux resource in a short-lived child with a deadline. `resource` "pseudo-terminal":
/// answer fds [0] the master (non-blocking); properties {"path": the terminal's path, "watch": its
/// number in the watch of terminals}. The terminal was opened and closed once: POLLHUP on the
/// master means that nobody has it open. "terminal-watch": fds [0] the inotify descriptor that
/// tells of opens and closes of all terminals; the keeper has it too, so a new opendextd gets what
/// happened meanwhile. Who has it takes out the numbers of terminals that go. "cpu-latency"
/// {"microseconds": n}: fds [0] a descriptor; while it is open the processors wake up within that
/// time. "device" {"subsystem", "name": as /sys/class has them}: fds [0] its node, a character
/// device, non-blocking; with {"attribute": name} that file of the device in sysfs, for writing.
struct Open {
    static constexpr auto kKind = Kind::open;
    std::string resource;
    Dictionary arguments;
    void fields(auto& io) { io(resource, arguments); }
};

struct Opened {
    static constexpr auto kKind = Kind::opened;
    Dictionary properties;
    void fields(auto& io) { io(properties); }
};

/// Keep the descriptors of this message under `key` until Release: they outlive drivers and
/// opendextd.
struct Hold {
    static constexpr auto kKind = Kind::hold;
    std::string key;
    Dictionary notes;  ///< given back by Fetch
    void fields(auto& io) { io(key, notes); }
};

/// Answered by Held with duplicates, or by Reply (not found).
struct Fetch {
    static constexpr auto kKind = Kind::fetch;
    std::string key;
    void fields(auto& io) { io(key); }
};

struct Held {
    static constexpr auto kKind = Kind::held;
    Dictionary notes;
    void fields(auto& io) { io(notes); }
};

struct Release {
    static constexpr auto kKind = Kind::release;
    std::string key;
    void fields(auto& io) { io(key); }
};

/// Make `name` in the realm's device directory a link to `target` (in the system realm also in
/// /dev, and the target gets `group` and `mode`). Taken names are refused with Errc::exists' text
/// in the Reply.
struct PublishNode {
    static constexpr auto kKind = Kind::publish_node;
    std::string name;
    std::string target;
    std::string group;
    uint32_t mode = 0;
    void fields(auto& io) { io(name, target, group, mode); }
};

struct RemoveNode {
    static constexpr auto kKind = Kind::remove_node;
    std::string name;
    void fields(auto& io) { io(name); }
};

/// End the realm: drivers, opendextd, keeper. No answer.
struct ShutDown {
    static constexpr auto kKind = Kind::shut_down;
    void fields(auto&) {}
};

/// opendextd serves its socket: whoever started the keeper may go on. No answer.
struct Ready {
    static constexpr auto kKind = Kind::ready;
    void fields(auto&) {}
};

/// Event, serial 0: the sandbox refused a system call of driver process `pid` (EPERM). The keeper
/// limits how many come; `suppressed` counts those left out since the last event of this process.
/// opendextd logs it as "BUNDLE_ID[PID]: refused: CALL (sandbox)".
struct Refused {
    static constexpr auto kKind = Kind::refused;
    int32_t pid = 0;
    std::string call;    ///< "socket", "openat", "clone" …
    std::string detail;  ///< the path or what else tells one call from another; may be empty
    uint32_t suppressed = 0;
    /// Where in the bundle the call comes from: a file below it and an offset in that file. Empty
    /// and 0 if that cannot be told.
    std::string file = {};
    uint64_t offset = 0;
    void fields(auto& io) { io(pid, call, detail, suppressed, file, offset); }
};

/// Event, serial 0, just before Exited of the same process: limits of its control group that it ran
/// into.
struct LimitsHit {
    static constexpr auto kKind = Kind::limits_hit;
    int32_t pid = 0;
    std::vector<std::string> limits;  ///< in words
    void fields(auto& io) { io(pid, limits); }
};

/// What an earlier opendextd of this keeper left. Answered by Inherited.
struct Inherit {
    static constexpr auto kKind = Kind::inherit;
    void fields(auto&) {}
};

struct Inherited {
    static constexpr auto kKind = Kind::inherited;
    uint64_t starts = 0;           ///< of opendextd under this keeper, this one included
    std::vector<int32_t> running;  ///< driver processes that live
    /// Driver processes that ended lately, oldest first: an event that was on its way when
    /// opendextd died is here again.
    std::vector<Exited> ended;
    std::vector<std::string> held;  ///< keys of Hold
    void fields(auto& io) { io(starts, running, ended, held); }
};

/// Nothing of an earlier opendextd is adopted: its driver processes see the end of their control
/// sockets and are killed if they do not end, its nodes are removed. Answered by Reply when no
/// process is left.
struct Abandon {
    static constexpr auto kKind = Kind::abandon;
    void fields(auto&) {}
};

inline constexpr std::string_view kControlKey = "opendextd/control/";
/// Under which Fetch finds opendextd's end of the control socket of a living driver process.
[[nodiscard]] inline std::string control_key(int32_t pid) {
    return std::string(kControlKey) + std::to_string(pid);
}

}  // namespace opendext::protocol::keeper
