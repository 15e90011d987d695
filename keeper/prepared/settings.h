// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"

namespace opendext::prepared {

/// What a driver process may use up. 0: no limit.
struct Limits {
    uint64_t memory = uint64_t{1} << 30;  ///< bytes; by a control group only
    uint64_t threads = 4096;              ///< one for each connection of a client program, and more
    uint64_t cpu_percent = 0;             ///< 100 is one processor; by a control group only
    uint64_t descriptors = 4096;
    uint64_t address_space = 0;  ///< bytes above what the process begins with
    void fields(auto& io) { io(memory, threads, cpu_percent, descriptors, address_space); }
};

/// What a realm's file realm.conf says of the sandbox: the lines whose key begins with "sandbox.".
///
///     sandbox.require = namespaces, landlock     strict mode: refuse drivers where one is missing
///     sandbox.memory = 256 MiB
///     sandbox.cpu = 150 %
///
/// Keys: require, layout (driver processes that share one address layout), memory, threads, cpu,
/// descriptors, address-space, cgroup (a folder of a cgroup v2 hierarchy that is left to OpenDext).
struct SandboxSettings {
    std::vector<std::string> require;
    unsigned layout = 64;
    Limits limits;
    std::string cgroup;  ///< empty: find one
};

/// A file that is not there says nothing. Errors name file, line, key, value and what may stand
/// there.
Status read_settings(const std::filesystem::path& file, SandboxSettings& settings);
Status parse_settings(std::string_view text, std::string_view name, SandboxSettings& settings);

/// The names that `require` and --without may have.
[[nodiscard]] const std::vector<std::string>& sandbox_items();
/// "a, b": known names only, else an error with all of them.
Result<std::vector<std::string>> parse_items(std::string_view text);

}  // namespace opendext::prepared
