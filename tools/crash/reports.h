// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::crash_tool {

/// One report of the realm, as opendextd wrote it (docs/schemas/opendext-crash.json).
struct Report {
    std::filesystem::path path;
    std::string id;
    std::string time;
    std::string bundle;
    std::string text;  ///< how the process ended, in words
    uint64_t pid = 0;
    Dictionary all;

    [[nodiscard]] bool is_pending() const;  ///< opendextd is still looking at its stacks
};

/// Reads a report. The error names the file.
[[nodiscard]] Result<Report> read_report(const std::filesystem::path& path);
/// All that can be read, oldest first; what is wrong with the others is in `problems`.
[[nodiscard]] std::vector<Report> read_reports(const std::filesystem::path& folder,
                                               std::vector<std::string>& problems);

/// The newest report that `name` means: "latest", an id or its beginning, a process id, a bundle
/// identifier or its last part, or the class of an object. nullptr if it means none.
[[nodiscard]] const Report* choose(const std::vector<Report>& reports, const std::string& name);

/// Text that is safe for a terminal: other control characters than line feeds become blanks.
[[nodiscard]] std::string safe_text(std::string text);

}  // namespace opendext::crash_tool
