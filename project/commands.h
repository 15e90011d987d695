// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "project/job.h"
#include "project/target.h"
#include "rpc/result.h"

namespace opendext::project {

struct Toolchain;

/// The commands that make a dext's executable: iig, compilers, linker. All that they write lies in
/// the work folder:
///
///     generated/NAME/X.h   found as "X.h" and <NAME/X.h>; further names of the target are links
///     generated/X.iig.cpp
///     interfaces.yaml      puts X.h in the place of X.iig where a source includes that
///     objects/…            of the target; of a library in objects/lib-NAME/…
///     linked/EXECUTABLE
class Commands {
  public:
    /// What is referred to must outlive this.
    Commands(const Target& target, const Toolchain& toolchain, std::filesystem::path work,
             bool colored);

    /// Reads the SDK's flags and writes what the commands need besides their sources.
    Status prepare();

    /// Where the commands differ from what the project says: flags that this compiler does not
    /// know, a language standard that the SDK's headers cannot be read in. After prepare().
    [[nodiscard]] std::vector<std::string> remarks() const;

    [[nodiscard]] std::vector<Job> interfaces() const;
    [[nodiscard]] std::vector<Job> compilations() const;
    /// `objects` are the results of compilations().
    [[nodiscard]] Job link(const std::vector<Job>& compilations,
                           const std::string& executable) const;
    /// compile_commands.json, as editors and clangd read it: one entry for each compilation.
    [[nodiscard]] std::string compile_commands(const std::vector<Job>& compilations) const;
    [[nodiscard]] std::filesystem::path executable(const std::string& name) const;

  private:
    struct Unit;
    [[nodiscard]] Job compile(const Unit& unit, const std::filesystem::path& source) const;
    [[nodiscard]] std::vector<std::string> include_flags(const Unit& unit) const;
    [[nodiscard]] std::vector<std::string> language_flags(
        const Unit& unit, const std::filesystem::path& source) const;
    [[nodiscard]] std::vector<std::string> sdk_includes() const;
    [[nodiscard]] std::string interface_overlay() const;
    [[nodiscard]] std::filesystem::path header_folder() const;
    [[nodiscard]] Unit own_unit() const;
    [[nodiscard]] static Unit unit_of(const Library& library);
    [[nodiscard]] std::map<std::string, std::string> product_headers() const;
    Status find_unknown_flags();

    const Target& target_;
    const Toolchain& toolchain_;
    std::filesystem::path work_;
    std::filesystem::path generated_;
    std::string framework_;
    bool colored_;
    std::vector<std::string> sdk_flags_;
    std::set<std::string> unknown_flags_;
};

}  // namespace opendext::project
