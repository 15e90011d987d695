// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::bundle {

/// Which state of a file was looked at. Two that are alike: the file is as it was.
struct FileStamp {
    uint64_t size = 0;
    int64_t modified = 0;  ///< nanoseconds since 1970
    uint64_t inode = 0;
    bool operator==(const FileStamp&) const = default;
    void fields(auto& io) { io(size, modified, inode); }
};

/// Of the file at `path`; all zero if it is not there.
[[nodiscard]] FileStamp stamp_of(const std::filesystem::path& path);

/// What the dynamic loader will find in a shared object, so far as it must be right for the loader
/// to come to an end: it checks next to nothing itself, and dies of what is wrong.
struct ElfObject {
    std::vector<std::string> libraries;  ///< DT_NEEDED, in the file's order

    /// Checks the part of a file that is loaded. `bytes` begin with the file's first and hold all
    /// that its segments name, unless the file is cut short: then what they hold is all there is.
    /// Errors (Errc::invalid) say what is wrong with it and what to do, without a name of the file.
    [[nodiscard]] static Result<ElfObject> parse(const std::vector<char>& bytes);
};

}  // namespace opendext::bundle
