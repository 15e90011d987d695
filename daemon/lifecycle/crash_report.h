// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// What a driver process that ended by itself leaves for people, one JSON object a file:
/// {time, bundle, process, pid, signal | exit_status, text, killed_for, sandbox, objects: [{id,
/// class, state}], panic_logs: [{uuid, id, text | hex}]}.
struct CrashReport {
    struct Object {
        EntryId id = kNoEntry;
        std::string class_name;
        std::string state;
    };
    /// What the driver wanted in the report (IOExtensiblePaniclog).
    struct Attachment {
        std::string uuid;
        std::string id;
        std::string bytes;
    };
    std::string bundle;
    std::string process;
    int32_t pid = 0;
    ExitReport end;
    std::vector<Attachment> panic_logs;
    std::string sandbox;
    std::vector<Object> objects;

    [[nodiscard]] std::string to_json(uint64_t time_ns) const;
};

/// The bytes of a panic log if it is active; the driver may have written anything there.
[[nodiscard]] std::optional<CrashReport::Attachment> read_panic_log(const PanicLog& log);

/// Reports that are kept; the oldest go first.
inline constexpr size_t kCrashReportsKept = 100;

/// Writes the report as FOLDER/BUNDLE-TIME-PID.json, as a whole or not at all, and gives its path.
Result<std::filesystem::path> write_crash_report(const std::filesystem::path& folder,
                                                 const CrashReport& report);

}  // namespace opendext::daemon
