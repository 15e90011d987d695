// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "project/lint/finding.h"
#include "project/lint/subject.h"

namespace opendext::lint {

/// What one .iig file declares.
struct InterfaceFacts {
    std::vector<DeclaredClass> classes;
};
/// Reads the classes of the file, errors or not. `iig_command`: how the build runs iig on it;
/// `interfaces`: all of the driver.
[[nodiscard]] InterfaceFacts read_interface(const std::filesystem::path& file,
                                            const std::vector<std::string>& iig_command,
                                            const std::vector<std::filesystem::path>& interfaces);

/// What one source holds, and the headers of the driver that it includes.
struct ParsedSource {
    std::vector<Finding> findings;
    std::vector<CreateCall> creates;
    bool complete = true;
};
/// Parses with libclang. Files below `generated` are not looked at. Thread-safe.
[[nodiscard]] ParsedSource parse_source(const std::filesystem::path& source,
                                        const std::vector<std::string>& arguments,
                                        const std::string& generated);

}  // namespace opendext::lint
