// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "project/xcode/model.h"

namespace opendext::project::xcode {

/// A folder whose files belong to a target without being listed (Xcode 16), and what is different
/// for some of them. Names are relative to the folder.
struct SynchronizedFolder {
    struct PhaseFile {
        Phase* phase;
        std::string name;
    };
    std::filesystem::path folder;
    std::string where;
    std::set<std::string, std::less<>> exceptions;  ///< files or folders that do not belong to it
    std::map<std::string, std::string, std::less<>> flags;  ///< compiler flags by file
    std::map<std::string, std::string, std::less<>> types;  ///< explicit file types
    std::set<std::string, std::less<>> folders;             ///< copied as they are
    std::vector<PhaseFile> phase_files;                     ///< into a copy phase instead

    /// Puts each file into the phase of its kind, which is added where the target has none.
    void add_to(Target& target) const;
    /// The same for one file.
    void add(const std::filesystem::path& relative, Target& target) const;
};

}  // namespace opendext::project::xcode
