// SPDX-License-Identifier: Apache-2.0
#include "rpc/control_group.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>

namespace opendext {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> mount_point(const fs::path& mounts) {
    std::ifstream file(mounts);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string device, folder, kind;
        words >> device >> folder >> kind;
        if (kind == "cgroup2") return folder;
    }
    return std::nullopt;
}

/// "0::/user.slice/…" -> "/user.slice/…"
std::optional<std::string> own_group(const fs::path& own) {
    std::ifstream file(own);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::/")) return line.substr(3);
    }
    return std::nullopt;
}

/// systemd marks what it delegates; a group without parent in sight that is not the machine's
/// (which has no cgroup.type) is the root of a container, which is the container's.
bool is_delegated(const fs::path& folder, const std::string& name) {
    for (const char* mark : {"user.delegate", "trusted.delegate"}) {
        char value = 0;
        if (::getxattr(folder.c_str(), mark, &value, 1) == 1 && value == '1') return true;
    }
    return name == "/" && fs::exists(folder / "cgroup.type");
}

}  // namespace

Result<ControlGroup> control_group_at(const fs::path& folder) {
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control"}) {
        if (::access((folder / file).c_str(), W_OK) != 0)
            return Error::system("cannot write " + (folder / file).string());
    }
    ControlGroup group{folder, {}};
    std::ifstream file(folder / "cgroup.controllers");
    constexpr std::array kWanted{"memory", "pids", "cpu"};
    for (std::string name; file >> name;) {
        if (std::ranges::find(kWanted, name) != kWanted.end()) group.controllers.push_back(name);
    }
    if (group.controllers.empty()) {
        return Error{Errc::unsupported, 0,
                     "the control group " + folder.string() +
                         " has none of the controllers memory, pids and cpu to give"};
    }
    return group;
}

Result<ControlGroup> find_control_group(const ControlGroupPlaces& places) {
    const std::optional<fs::path> mount = mount_point(places.mounts);
    const std::optional<std::string> name = own_group(places.own);
    if (!mount || !name) return Error{Errc::unsupported, 0, "no cgroup v2 hierarchy is mounted"};
    const fs::path folder = *name == "/" ? *mount : *mount / name->substr(1);
    if (!is_delegated(folder, *name)) {
        return Error{Errc::not_permitted, 0,
                     "the control group " + folder.string() + " is not delegated"};
    }
    return control_group_at(folder);
}

}  // namespace opendext
