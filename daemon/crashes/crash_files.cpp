// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "daemon/crashes/crash_report.h"
#include "rpc/json.h"
#include "rpc/whole_file.h"

namespace opendext::daemon {

namespace fs = std::filesystem;

namespace {

/// Lets the newest reports live. Names sort by bundle first, so the files' times decide.
void remove_oldest(const fs::path& folder) {
    std::error_code error;
    std::vector<std::tuple<fs::file_time_type, fs::path, uint64_t>> reports;
    for (const fs::directory_entry& file : fs::directory_iterator(folder, error)) {
        if (file.path().extension() != ".json") continue;
        fs::path text = file.path();
        text.replace_extension(".txt");
        const uint64_t more = fs::file_size(text, error);
        reports.emplace_back(file.last_write_time(error), file.path(),
                             file.file_size(error) + (error ? 0 : more));
    }
    std::sort(reports.begin(), reports.end(), std::greater<>());
    uint64_t bytes = 0;
    for (size_t i = 0; i < reports.size(); ++i) {
        auto& [time, path, size] = reports[i];
        bytes += size;
        if (i < kCrashReportsKept && (i == 0 || bytes <= kCrashBytesKept)) continue;
        fs::remove(path, error);
        fs::remove(path.replace_extension(".txt"), error);
    }
}

}  // namespace

Result<fs::path> write_crash_report(const fs::path& folder, const CrashReport& report) {
    const fs::path path = folder / (report.id + ".json");
    // The text goes first: who sees the one finds the other.
    OD_TRY(write_whole_file(folder / (report.id + ".txt"), report.to_text()));
    OD_TRY(write_whole_file(path, to_json(report.to_dictionary(), 2) + "\n"));
    remove_oldest(folder);
    return path;
}

}  // namespace opendext::daemon
