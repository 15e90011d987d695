// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace opendext::prepared {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOurs = "opendext";  // keeper, opendextd, prepared process
constexpr const char* kDriverPrefix = "driver-";

Status write_to(const fs::path& path, const std::string& text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return Error::system("cannot write \"" + text + "\" to " + path.string());
    return success();
}

Status make_folder(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        return Error::system("cannot make the control group " + folder.string());
    return success();
}

/// A group with processes of its own cannot hand controllers down. New ones may come while we move
/// those that are there: a few rounds.
Status move_processes(const fs::path& from, const fs::path& to) {
    constexpr int kRounds = 10;
    for (int round = 0; round < kRounds; ++round) {
        std::ifstream processes(from / "cgroup.procs");
        bool any = false;
        for (std::string pid; std::getline(processes, pid);) {
            any = true;
            const Status moved = write_to(to / "cgroup.procs", pid);
            if (!moved.ok() && moved.error().number != ESRCH) return moved;
        }
        if (!any) return success();
    }
    return Error{Errc::system, EBUSY, "processes keep coming into " + from.string()};
}

}  // namespace

Status claim_group(const ControlGroup& group) {
    const fs::path ours = group.folder / kOurs;
    OD_TRY(make_folder(ours));
    OD_TRY(move_processes(group.folder, ours));
    std::string all;
    for (const std::string& name : group.controllers) all += (all.empty() ? "+" : " +") + name;
    OD_TRY(write_to(group.folder / "cgroup.subtree_control", all));
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(group.folder, ignored)) {
        if (entry.path().filename().string().starts_with(kDriverPrefix))
            ::rmdir(entry.path().c_str());  // fails while processes are in it
    }
    return success();
}

Result<DriverGroup> make_group(const fs::path& parent, const std::string& name,
                               const std::vector<std::string>& controllers, const Limits& limits) {
    DriverGroup group{parent / (kDriverPrefix + name), {}};
    OD_TRY(make_folder(group.folder));
    const auto has = [&](const char* controller) {
        return std::ranges::find(controllers, controller) != controllers.end();
    };
    if (has("memory") && limits.memory != 0) {
        OD_TRY(write_to(group.folder / "memory.max", std::to_string(limits.memory)));
        OD_TRY(write_to(group.folder / "memory.oom.group", "1"));
    }
    if (has("pids") && limits.threads != 0)
        OD_TRY(write_to(group.folder / "pids.max", std::to_string(limits.threads)));
    if (has("cpu") && limits.cpu_percent != 0) {
        constexpr uint64_t kPeriod = 100'000;  // us
        OD_TRY(write_to(
            group.folder / "cpu.max",
            std::to_string(limits.cpu_percent * kPeriod / 100) + " " + std::to_string(kPeriod)));
    }
    group.fd = UniqueFd(::open(group.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!group.fd) return Error::system("cannot open the control group " + group.folder.string());
    return group;
}

}  // namespace opendext::prepared
