// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bundle/plist.h"
#include "project/settings/settings.h"
#include "rpc/result.h"

namespace opendext::project {

/// Build variables by name, values not yet expanded.
using Variables = std::map<std::string, std::string, std::less<>>;

/// What a target's variables are when nobody says otherwise: PRODUCT_NAME, EXECUTABLE_NAME and so
/// on.
[[nodiscard]] Variables default_variables(const std::string& name);

/// How sources are compiled, beyond what the SDK says. Empty members: as the SDK says.
struct CompileOptions {
    std::string cxx_standard;                           ///< "gnu++17"
    std::string c_standard;                             ///< "gnu11"
    std::string optimization;                           ///< "0", "2", "s" …
    std::vector<std::filesystem::path> quote_folders;   ///< only for #include "X.h"
    std::vector<std::filesystem::path> system_folders;  ///< warnings in them do not count
    std::filesystem::path prefix_header;
    std::vector<std::string> c_flags;    ///< of C sources
    std::vector<std::string> cxx_flags;  ///< of C++ sources
    /// Headers that are found by their name alone, wherever they lie.
    std::vector<std::filesystem::path> named_headers;
};

/// Flags of single sources.
using SourceFlags = std::map<std::filesystem::path, std::vector<std::string>>;

/// A static library or framework that is linked into the dext: its sources and how it compiles
/// them.
struct Library {
    std::string name;
    std::filesystem::path folder;
    std::vector<std::filesystem::path> sources;
    SourceFlags source_flags;
    std::vector<std::filesystem::path> headers;  ///< found as <NAME/X.h> by the dext
    std::vector<std::filesystem::path> include_folders;
    std::vector<std::string> definitions;
    CompileOptions compile;
};

/// A file of the bundle besides executable and property lists.
struct Resource {
    std::filesystem::path from;
    std::filesystem::path to;  ///< relative to the bundle
};

/// One dext to build, whoever described it: a plain folder (find_folder_target), a target
/// description or an Xcode project. All paths are absolute.
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
    Variables variables;                 ///< not used if there are `settings`

    std::optional<Settings> settings;  ///< build settings of an Xcode project
    std::string framework_name;        ///< of `<NAME/X.h>` for generated headers; empty: `name`
    std::vector<std::string> header_names;  ///< further NAMEs that mean the same
    CompileOptions compile;
    SourceFlags source_flags;
    std::vector<Library> libraries;
    std::vector<std::string> link_flags;
    std::optional<bundle::Plist> info;  ///< instead of the file `info_plist`
    Dictionary info_additions;          ///< keys that Info.plist gets unless it has them
    std::optional<bundle::Plist> entitlements_plist;  ///< instead of the file `entitlements`
    std::vector<Resource> resources;
    /// Said before the build: what is left out, and why.
    std::vector<std::string> notes;
    /// Said before the build, and again if it fails: steps that Xcode takes and OpenDext does not.
    std::vector<std::string> skipped_steps;
    /// Said only if a file is missing: search paths that are not there, packages.
    std::vector<std::string> suspects;
    /// Frameworks that the project links and this OpenDext does not have.
    std::vector<std::string> missing_frameworks;
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
