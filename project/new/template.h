// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::project {

/// One kind of project that `opendext new` can make: a folder of share/opendext/templates/.
struct Template {
    std::string name;     ///< of the folder, and of --family
    std::string summary;  ///< last line of summary.txt
};

/// The kinds that are there, by name. `root` is share/opendext/templates; its folder `common`
/// belongs to all kinds and is none itself.
[[nodiscard]] Result<std::vector<Template>> list_templates(const std::filesystem::path& root);

struct NewProject {
    std::string name;                 ///< of the driver's class, its bundle and its project
    std::string family;               ///< of a template
    std::string bundle_id;            ///< empty: org.example.NAME
    std::filesystem::path directory;  ///< the project's folder, which is made; empty: NAME
};

/// Whether NAME can be a class of a driver: an identifier that is no word of C++, that no class of
/// the SDK has, and that leaves room for what is made from it. The error says what to change.
[[nodiscard]] Status check_project_name(const std::string& name,
                                        const std::set<std::string>& sdk_classes);

/// Makes the project from `root`/common and `root`/FAMILY. The folder is there as a whole or not at
/// all. Gives its path. Refuses a folder that is there and not empty.
[[nodiscard]] Result<std::filesystem::path> create_project(
    const std::filesystem::path& root, const NewProject& project,
    const std::set<std::string>& sdk_classes);

}  // namespace opendext::project
