// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "project/settings/settings.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::project::xcode {

/// A file that a build phase lists.
struct File {
    /// Absolute, or with a reference in front that only settings can resolve:
    /// "$(BUILT_PRODUCTS_DIR)/libX.a", "$(SDKROOT)/System/…".
    std::string path;
    std::string
        type;  ///< "sourcecode.cpp.cpp": explicit or last known; "" if the project says none
    std::string flags;        ///< compiler flags of this file in this target, not expanded
    std::string where;        ///< the entry of the project file that names it
    bool is_product = false;  ///< made by a target of this or another project
    bool optional = false;    ///< may be absent (weak frameworks, optional sources of XcodeGen)

    [[nodiscard]] std::string name() const;
    /// Type by the project's word, else by the extension.
    [[nodiscard]] std::string_view kind() const;
};

struct Phase {
    enum class Kind { sources, headers, resources, frameworks, copy_files, script, other };
    Kind kind = Kind::other;
    std::string name;  ///< "Run Script", "Embed System Extensions"
    std::vector<File> files;
    std::string script;                ///< of a script phase
    std::vector<std::string> outputs;  ///< of a script phase or build rule, not expanded
    std::string destination;           ///< of a copy phase: dstSubfolderSpec
    std::string destination_path;      ///< of a copy phase, not expanded
    std::string where;
};
[[nodiscard]] std::string_view to_string(Phase::Kind kind);

/// A build rule of a target: files of a pattern or type that a script turns into others.
struct Rule {
    std::string pattern;  ///< "*.def", or the type if it goes by type
    bool by_type = false;
    std::string name;
    std::string where;
};

/// Settings of one configuration at one level (project or target).
struct Configuration {
    std::string name;
    Level base;                ///< of its .xcconfig file
    std::string missing_base;  ///< the .xcconfig file that it names and that is not there
    std::string base_problem;  ///< what is wrong with that file; told if the configuration is used
    Level settings;
    std::string where;
};

struct ConfigurationList {
    std::vector<Configuration> configurations;
    std::string default_name;
    [[nodiscard]] const Configuration* find(std::string_view name) const;
};

struct Dependency {
    std::string target;             ///< its name
    std::filesystem::path project;  ///< the project file that has it; empty: this one
};

struct Target {
    std::string name;
    std::string type;     ///< "com.apple.product-type.driver-extension"; "" for aggregate, "legacy"
    std::string product;  ///< file name of the product as the project tells it, may be outdated
    std::vector<Phase> phases;
    std::vector<Rule> rules;
    ConfigurationList configurations;
    std::vector<Dependency> dependencies;
    std::vector<std::string> packages;  ///< Swift package products
    std::string where;
    // What XcodeGen's file holds itself instead of naming a file.
    std::optional<Value> info;
    std::optional<Value> entitlements;

    /// "driver-extension": the type without its prefix.
    [[nodiscard]] std::string_view short_type() const;
    [[nodiscard]] bool is_application() const;
    [[nodiscard]] bool is_library() const;  ///< static, dynamic or framework
};

/// An Xcode project, whatever file it was described by.
struct Project {
    std::filesystem::path file;    ///< X.xcodeproj or project.yml
    std::filesystem::path folder;  ///< SRCROOT
    std::string name;
    ConfigurationList configurations;
    std::vector<Target> targets;
    /// Every header and interface file that the project lists, of all targets: the header map.
    std::vector<std::filesystem::path> headers;

    [[nodiscard]] const Target* find(std::string_view name) const;
    /// Names of the configurations: those of the project, then those only targets have.
    [[nodiscard]] std::vector<std::string> configuration_names() const;
};

/// Reads X.xcodeproj. What the file says about files is resolved; the files need not be there.
[[nodiscard]] Result<Project> read_project(const std::filesystem::path& file);
/// The same from text, for tests; `folder` is where the .xcodeproj lies.
[[nodiscard]] Result<Project> parse_project(std::string_view text,
                                            const std::filesystem::path& file);
/// Reads XcodeGen's project.yml.
[[nodiscard]] Result<Project> read_xcodegen(const std::filesystem::path& file);
/// Project files that X.xcworkspace names, in its order; those that are not there included.
[[nodiscard]] Result<std::vector<std::filesystem::path>> read_workspace(
    const std::filesystem::path& file);

/// What lies in a folder, as XcodeGen and synchronised folders take it: the phase that a file
/// belongs to by its extension; Phase::Kind::other for files of no phase.
[[nodiscard]] Phase::Kind phase_of(const std::filesystem::path& file);
/// Files below `folder` in alphabetical order; bundles (.xcassets, .lproj, .framework …) as one.
[[nodiscard]] std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

}  // namespace opendext::project::xcode
