// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/device_rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace opendext::serial_tcp {
namespace {

/// The group of a device whose members may use it is what people are missing as a rule.
std::string how_to_get_rights(const std::string& path) {
    struct stat node{};
    if (::stat(path.c_str(), &node) != 0) return "use sudo";
    const struct group* group = ::getgrgid(node.st_gid);
    if (group == nullptr || node.st_gid == 0 || (node.st_mode & 0060) != 0060) return "use sudo";
    const struct passwd* user = ::getpwuid(::geteuid());
    return "it belongs to group " + std::string(group->gr_name) + ": `sudo usermod -aG " +
           group->gr_name + " " + (user != nullptr ? user->pw_name : "YOU") +
           "`, then log in again";
}

}  // namespace

Error device_error(const std::string& path, int number) {
    switch (number) {
        case ENOENT:
        case ENOTDIR:
            return Error{Errc::not_found, 0,
                         "there is no device " + path +
                             ": plug it in, or check the path (`opendext serial ports` lists what "
                             "is there)"};
        case ENXIO:
        case ENODEV:
        case EIO:
            return Error{Errc::not_found, 0,
                         path + " has no hardware behind it, or it is unplugged"};
        case EACCES:
        case EPERM:
            return Error{Errc::not_permitted, 0,
                         "no rights for " + path + ": " + how_to_get_rights(path)};
        case EBUSY:
            return Error{Errc::not_ready, 0,
                         path + " is in use: another program has it exclusively (`fuser -v " +
                             path + "` says which); close that one first"};
        default:
            return Error::system(path, number);
    }
}

Status check_device_rights(const std::string& path) {
    if (::access(path.c_str(), R_OK | W_OK) == 0) return success();
    return device_error(path, errno);
}

}  // namespace opendext::serial_tcp
