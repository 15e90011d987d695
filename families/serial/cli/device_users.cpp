// SPDX-License-Identifier: Apache-2.0
#include "families/serial/cli/device_users.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

namespace opendext::serial {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kFirstPtyMajor = 136;
constexpr unsigned kLastPtyMajor = 143;

/// What tells a device from others: pseudo-terminals of different containers have the same numbers.
std::optional<std::pair<dev_t, dev_t>> key_of(const fs::path& path) {
    struct stat node{};
    if (::stat(path.c_str(), &node) != 0 || !S_ISCHR(node.st_mode)) return std::nullopt;
    const unsigned major = ::major(node.st_rdev);
    const bool pseudo = major >= kFirstPtyMajor && major <= kLastPtyMajor;
    return std::pair{node.st_rdev, pseudo ? node.st_dev : 0};
}

std::string command_of(const fs::path& process) {
    std::string name;
    std::getline(std::ifstream(process / "comm"), name);
    return name;
}

}  // namespace

DeviceUsers DeviceUsers::read() {
    DeviceUsers all;
    std::error_code error;
    for (const auto& process : fs::directory_iterator("/proc", error)) {
        const std::string name = process.path().filename().string();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc())
            continue;
        std::error_code closed;
        for (const auto& file : fs::directory_iterator(process.path() / "fd", closed)) {
            std::error_code gone;
            const std::string target = fs::read_symlink(file.path(), gone).string();
            if (!target.starts_with("/dev/") || target == "/dev/null") continue;
            const auto key = key_of(file.path());
            if (!key) continue;
            auto& users = all.users_[*key];
            if (users.empty() || users.back().pid != pid)
                users.push_back({pid, command_of(process.path())});
        }
        if (closed == std::errc::permission_denied) all.complete_ = false;
    }
    return all;
}

std::vector<DeviceUser> DeviceUsers::of(const std::string& path) const {
    const auto key = key_of(path);
    const auto found = key ? users_.find(*key) : users_.end();
    return found == users_.end() ? std::vector<DeviceUser>{} : found->second;
}

}  // namespace opendext::serial
