// SPDX-License-Identifier: Apache-2.0
#include "keeper/nodes.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

namespace opendext::keeper {
namespace {

constexpr size_t kLongestName = 255;  // NAME_MAX

Status check_name(const std::string& name) {
    const auto refuse = [&](const char* why) {
        return Error{Errc::invalid, 0, "device node name \"" + name + "\" is not allowed: " + why};
    };
    if (name.empty()) return refuse("it is empty");
    if (name.size() > kLongestName) return refuse("it is longer than 255 bytes");
    if (name.front() == '.') return refuse("it begins with a dot");
    for (const char c : name) {
        if (c == '/') return refuse("it contains a slash");
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return refuse("it contains a control character");
    }
    return success();
}

Status link(const std::filesystem::path& folder, const std::string& name,
            const std::string& target) {
    if (::symlink(target.c_str(), (folder / name).c_str()) == 0) return success();
    if (errno == EEXIST)
        return Error{Errc::exists, 0,
                     "device node " + (folder / name).string() + " exists already"};
    return Error::system("cannot make the device node " + (folder / name).string());
}

/// Only terminals of devpts may be handed out: opendextd, which asks, has no privilege of its own.
Status give_access(const std::string& target, const std::string& group, uint32_t mode) {
    const std::string number = target.starts_with("/dev/pts/") ? target.substr(9) : "";
    if (number.empty() || !std::all_of(number.begin(), number.end(),
                                       [](unsigned char c) { return std::isdigit(c); })) {
        return Error{Errc::not_permitted, 0,
                     target + " is no pseudo-terminal: its group and mode stay as they are"};
    }
    const UniqueFd file(::open(target.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file) return Error::system(target);
    if (!group.empty()) {
        const struct group* entry = ::getgrnam(group.c_str());
        if (entry == nullptr) return Error{Errc::not_found, 0, "there is no group " + group};
        if (::fchownat(file.get(), "", static_cast<uid_t>(-1), entry->gr_gid, AT_EMPTY_PATH) != 0) {
            return Error::system("cannot give " + target + " to group " + group);
        }
    }
    if (mode != 0 && ::chmod(target.c_str(), mode & 0666) != 0)
        return Error::system("cannot set the mode of " + target);
    return success();
}

}  // namespace

void Nodes::remove_link(const std::filesystem::path& folder, const std::string& name,
                        const std::string& target) {
    std::error_code error;
    const std::filesystem::path path = folder / name;
    if (std::filesystem::read_symlink(path, error) == target) ::unlink(path.c_str());
}

void Nodes::remove_leftovers() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(devices_, error)) {
        const std::string target = std::filesystem::read_symlink(entry.path(), error);
        if (target.empty()) continue;
        if (system_devices_) remove_link(*system_devices_, entry.path().filename(), target);
        ::unlink(entry.path().c_str());
    }
}

Status Nodes::publish(const protocol::keeper::PublishNode& request) {
    OD_TRY(check_name(request.name));
    if (request.target.empty() || request.target.front() != '/') {
        return Error{Errc::invalid, 0,
                     "device node " + request.name + " needs an absolute target, not \"" +
                         request.target + "\""};
    }
    // An opendextd that goes on for a predecessor may not know that it is there.
    if (const auto known = targets_.find(request.name);
        known != targets_.end() && known->second == request.target)
        return success();
    OD_TRY(link(devices_, request.name, request.target));
    if (system_devices_) {
        Status done = link(*system_devices_, request.name, request.target);
        if (done.ok()) {
            done = give_access(request.target, request.group, request.mode);
            if (!done.ok()) remove_link(*system_devices_, request.name, request.target);
        }
        if (!done.ok()) {
            remove_link(devices_, request.name, request.target);
            return done;
        }
    }
    targets_[request.name] = request.target;
    return success();
}

Status Nodes::remove(const std::string& name) {
    const auto node = targets_.find(name);
    if (node == targets_.end())
        return Error{Errc::not_found, 0, "device node " + name + " is not published"};
    remove_link(devices_, name, node->second);
    if (system_devices_) remove_link(*system_devices_, name, node->second);
    targets_.erase(node);
    return success();
}

void Nodes::remove_all() {
    while (!targets_.empty()) static_cast<void>(remove(std::string(targets_.begin()->first)));
}

}  // namespace opendext::keeper
