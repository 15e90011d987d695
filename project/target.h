// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::project {

/// Build variables by name, values not yet expanded.
using Variables = std::map<std::string, std::string, std::less<>>;

/// What a target's variables are when nobody says otherwise: PRODUCT_NAME, EXECUTABLE_NAME and so
/// on.
[[nodiscard]] Variables default_variables(const std::string& name);

/// One dext to build, whoever described it: a plain folder (find_folder_target) or, later, a
/// project file. All paths are absolute.
struct Target {
    std::string
        name;  ///< of the bundle (NAME.dext), of `<NAME/X.h>`, and the default of PRODUCT_NAME
    std::filesystem::path folder;
    std::vector<std::filesystem::path> interfaces;  ///< .iig
    std::vector<std::filesystem::path> sources;     ///< .cpp, .cc, .cxx, .c
    std::vector<std::filesystem::path> headers;     ///< what iig may read besides interfaces
    std::vector<std::filesystem::path> include_folders;
    std::vector<std::string> definitions;  ///< NAME or NAME=VALUE
    std::filesystem::path info_plist;
    std::filesystem::path entitlements;  ///< empty: none
    Variables variables;
};

/// What the command line adds to what is found.
struct TargetOptions {
    std::string name;       ///< empty: the stem of the .entitlements file, else the folder's name
    std::string bundle_id;  ///< PRODUCT_BUNDLE_IDENTIFIER
    Variables variables;
    std::vector<std::filesystem::path> include_folders;
    std::vector<std::string> definitions;
    std::filesystem::path output;  ///< not searched for sources
};

/// Describes the sources below `folder`: every .iig and C++ file, Info.plist (or the only
/// *Info.plist), the .entitlements file. Hidden folders, bundles, Xcode's folders and
/// `options.output` are left out.
[[nodiscard]] Result<Target> find_folder_target(const std::filesystem::path& folder,
                                                const TargetOptions& options);

/// Extension of a target description: a property list whose keys are the names of Target's fields.
/// A generator of build files writes it (add_dext() does); relative paths start at its own folder.
inline constexpr const char* kDescriptionExtension = ".dexttarget";

/// Reads a target description. `options` win over what stands in it.
[[nodiscard]] Result<Target> read_target_description(const std::filesystem::path& file,
                                                     const TargetOptions& options);

}  // namespace opendext::project
