// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/lock_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "rpc/fd.h"

namespace opendext::serial_tcp {
namespace {

/// "LCK..ttyUSB0", "LCK..pts_3".
std::string name_of(const std::string& device) {
    std::string name = device.starts_with("/dev/") ? device.substr(5) : device.substr(1);
    std::replace(name.begin(), name.end(), '/', '_');
    return "LCK.." + name;
}

/// The process that a lock file names; 0 if it is none, or it is gone. Ten digits as text, or four
/// bytes as old programs write them.
pid_t holder(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(16, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    int pid = 0;
    if (text.size() == sizeof pid) {
        std::copy(text.begin(), text.end(), reinterpret_cast<char*>(&pid));
    } else {
        pid = std::atoi(text.c_str());
    }
    if (pid <= 0) return 0;
    return ::kill(pid, 0) == 0 || errno == EPERM ? pid : 0;
}

}  // namespace

LockFile::LockFile(LockFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
}

LockFile::~LockFile() {
    if (!path_.empty() && holder(path_) == ::getpid()) ::unlink(path_.c_str());
}

Result<LockFile> LockFile::take(const std::string& device, const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / name_of(device);
    const std::filesystem::path draft = folder / ("LTMP.." + std::to_string(::getpid()));
    const auto no_rights = [&] {
        return errno == EACCES || errno == EROFS || errno == ENOENT
                   ? Error{Errc::not_permitted, 0, "cannot make lock files in " + folder.string()}
                   : Error::system("making lock file " + path.string());
    };
    // Written beside and then linked: a lock file is never seen without its process id.
    ::unlink(draft.c_str());
    UniqueFd file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file) return no_rights();
    char text[16];
    const int length = std::snprintf(text, sizeof text, "%10d\n", static_cast<int>(::getpid()));
    const bool written = ::write(file.get(), text, static_cast<size_t>(length)) == length;
    file.reset();
    Result<LockFile> taken = Error{Errc::system, EIO, "writing lock file " + path.string()};
    for (int attempt = 0; written && attempt < 3; ++attempt) {
        if (::link(draft.c_str(), path.c_str()) == 0) {
            taken = LockFile(path);
            break;
        }
        if (errno != EEXIST) {
            taken = no_rights();
            break;
        }
        if (const pid_t other = holder(path); other != 0) {
            taken = Error{Errc::not_ready, 0,
                          device + " is in use: process " + std::to_string(other) +
                              " has it (lock file " + path.string() + "); end that one first"};
            break;
        }
        // The file of a process that is gone. If somebody else replaces it now, that one wins.
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
            taken = Error{Errc::not_permitted, 0,
                          "lock file " + path.string() +
                              " is left of a process that is gone, and not yours: remove it"};
            break;
        }
    }
    ::unlink(draft.c_str());
    return taken;
}

}  // namespace opendext::serial_tcp
