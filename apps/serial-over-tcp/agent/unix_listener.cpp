// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace opendext::serial_tcp {
namespace {

/// Whether the socket file at `path` belongs to nobody any more.
Result<bool> is_stale(const std::string& path, const SocketAddress& address) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) return Error::system("cannot listen on " + path);
    if (!S_ISSOCK(found.st_mode)) {
        return Error{Errc::exists, 0,
                     "cannot listen on " + path +
                         ": a file that is not a socket has this name; choose another path"};
    }
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), address.get(), address.length) != 0 && errno == ECONNREFUSED;
}

}  // namespace

UnixSocketFile::UnixSocketFile(UnixSocketFile&& other) noexcept {
    *this = std::move(other);
}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

UnixSocketFile::~UnixSocketFile() {
    struct stat now{};
    if (!path_.empty() && ::lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ &&
        now.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
}

Result<UnixSocketFile> UnixSocketFile::listen(int socket, const SocketAddress& address, mode_t mode,
                                              int backlog) {
    UnixSocketFile file;
    const std::string path = reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
    // Two who find the same stale file must not remove each other's new one, nor take one that is
    // bound and about to listen for a stale one.
    const std::string folder = std::filesystem::path(path).parent_path();
    const UniqueFd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) return Error::system("cannot listen on " + path + ": folder " + folder);
    ::flock(lock.get(), LOCK_EX);

    ::fchmod(socket, mode);  // what bind() makes gets no more than this
    if (::bind(socket, address.get(), address.length) != 0) {
        if (errno != EADDRINUSE) return Error::system("cannot listen on " + path);
        if (!OD_TRY(is_stale(path, address))) {
            return Error{Errc::exists, 0,
                         "cannot listen on " + path +
                             ": another program listens there; choose another path"};
        }
        if (::unlink(path.c_str()) != 0 || ::bind(socket, address.get(), address.length) != 0) {
            return Error::system("cannot listen on " + path);
        }
    }
    struct stat made{};
    if (::chmod(path.c_str(), mode) != 0 || ::lstat(path.c_str(), &made) != 0)
        return Error::system("cannot set the mode of " + path);
    if (::listen(socket, backlog) != 0) return Error::system("cannot listen on " + path);
    file.path_ = path;
    file.device_ = made.st_dev;
    file.inode_ = made.st_ino;
    return file;
}

}  // namespace opendext::serial_tcp
