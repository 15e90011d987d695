// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// What a driver process that ended by itself leaves for people, one JSON object a file:
/// {time, bundle, process, pid, signal | exit_status, text, killed_for, sandbox, objects: [{id,
/// class, state}]}.
struct CrashReport {
    struct Object {
        EntryId id = kNoEntry;
        std::string class_name;
        std::string state;
    };
    std::string bundle;
    std::string process;
    int32_t pid = 0;
    ExitReport end;
    std::string sandbox;
    std::vector<Object> objects;

    [[nodiscard]] std::string to_json(uint64_t time_ns) const;
};

/// Reports that are kept; the oldest go first.
inline constexpr size_t kCrashReportsKept = 100;

/// Writes the report as FOLDER/BUNDLE-TIME-PID.json, as a whole or not at all, and gives its path.
Result<std::filesystem::path> write_crash_report(const std::filesystem::path& folder,
                                                 const CrashReport& report);

}  // namespace opendext::daemon
