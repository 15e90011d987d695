// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crash/stacks.h"
#include "daemon/crashes/recent.h"
#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// What is left of a driver process that ended by itself or was killed because it did not answer.
/// As JSON: docs/schemas/opendext-crash.json. For people: to_text().
struct CrashReport {
    struct Provider {
        EntryId id = kNoEntry;
        std::string class_name;
        std::string name;
        Dictionary properties;  ///< those that are short
        void fields(auto& io) { io(id, class_name, name, properties); }
    };
    struct Object {
        EntryId id = kNoEntry;
        std::string class_name;
        std::string state;
        std::string personality;
        Provider provider;
        void fields(auto& io) { io(id, class_name, state, personality, provider); }
    };
    /// What the driver wanted in the report (IOExtensiblePaniclog).
    struct Attachment {
        std::string uuid;
        std::string id;
        std::string bytes;
        void fields(auto& io) { io(uuid, id, bytes); }
    };
    struct Refusal {
        uint32_t count = 0;
        std::string detail;  ///< of the last one
        std::string call;
        void fields(auto& io) { io(count, detail, call); }
    };
    enum class StacksState : uint8_t {
        missing,  ///< there are none: `no_stacks` says why
        pending,  ///< they are being looked at; the report is written again when they are there
        taken,
    };

    std::string id;  ///< BUNDLE-TIME-PID: the files' name
    uint64_t time_ns = 0;
    std::string bundle;
    std::string version;
    std::string process;
    std::string executable;  ///< absolute path
    int32_t pid = 0;
    uint64_t uptime_ms = 0;
    ExitReport end;
    std::optional<crash::Fault> fault;
    StacksState stacks_state = StacksState::missing;
    crash::Stacks stacks;
    std::string no_stacks;
    std::vector<Attachment> panic_logs;
    std::string sandbox;
    std::map<std::string, Refusal> refused;  ///< system calls, by name
    std::vector<std::string> limits;         ///< of its control group that it ran into
    std::vector<Object> objects;
    Recent recent;

    /// For a successor of opendextd: all but the stacks, which are lost with it.
    void fields(auto& io) {
        io(id, time_ns, bundle, version, process, executable, pid, uptime_ms, end, no_stacks);
        bool told = fault.has_value();
        io(told);
        if (told && !fault) fault.emplace();
        if (told) io(*fault);
        std::vector<Refusal> refusals;
        for (const auto& [call, each] : refused) refusals.push_back(each);
        io(panic_logs, sandbox, refusals, limits, objects, recent);
        for (Refusal& each : refusals) refused[each.call] = each;
    }

    [[nodiscard]] Dictionary to_dictionary() const;
    [[nodiscard]] std::string to_text() const;
};
[[nodiscard]] std::string_view to_string(CrashReport::StacksState state);

/// The bytes of a panic log if it is active; the driver may have written anything there.
[[nodiscard]] std::optional<CrashReport::Attachment> read_panic_log(const PanicLog& log);

/// The properties that are short: a report is for reading, and bounded.
[[nodiscard]] Dictionary short_properties(const Dictionary& properties);

/// Reports that are kept; the oldest go first.
inline constexpr size_t kCrashReportsKept = 100;
inline constexpr uint64_t kCrashBytesKept = uint64_t{64} << 20;

/// The id of a report that is about to be written.
[[nodiscard]] std::string crash_id(const CrashReport& report);
/// Writes FOLDER/ID.json and FOLDER/ID.txt, each as a whole or not at all, and gives the path of
/// the first. One that is there is replaced.
Result<std::filesystem::path> write_crash_report(const std::filesystem::path& folder,
                                                 const CrashReport& report);

}  // namespace opendext::daemon
