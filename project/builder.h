// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "project/job.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

/// The programs and files of this installation that a build uses.
struct Toolchain {
    std::string compiler;  ///< clang++ 19 or later
    std::filesystem::path iig;
    std::filesystem::path sdk;  ///< folder with include/, platform/ and dext-flags.rsp
    std::vector<std::filesystem::path> libraries;  ///< libDriverKit.so.0 and the family libraries
    std::filesystem::path lib_folder;

    /// Finds them below the installation's folder and in PATH; the error says what is missing and
    /// how to get it.
    [[nodiscard]] static Result<Toolchain> find(const std::filesystem::path& prefix);
};

struct BuildOptions {
    std::filesystem::path
        output;  ///< absolute; gets NAME.dext and, for what is in between, NAME.build/
    std::set<std::string>
        provider_classes;  ///< classes of other dexts that IOProviderClass may name
    RunOptions run;
};

struct BuildResult {
    std::filesystem::path bundle;
    bool changed = false;  ///< false: it was up to date
    std::vector<std::string> warnings;
};

/// Checks the property lists first, then generates, compiles, links and assembles. NAME.dext is
/// replaced in one step by a complete, checked bundle, or stays what it was. Diagnostics of iig and
/// clang go to standard error as they are; the Error is what remains to be said.
[[nodiscard]] Result<BuildResult> build(const Target& target, const Toolchain& toolchain,
                                        const BuildOptions& options);

}  // namespace opendext::project
