// SPDX-License-Identifier: Apache-2.0
#include "keeper/realm_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "rpc/socket.h"

namespace opendext::keeper {

Result<std::optional<RealmLock>> RealmLock::acquire(const Realm& realm,
                                                    std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const std::filesystem::path path = realm.keeper_pid();
    for (;;) {
        UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (!file) return Error::system("cannot open " + path.string());
        if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
            // The keeper before us may have removed the file between open and flock.
            struct stat ours{}, named{};
            ::fstat(file.get(), &ours);
            if (::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino) {
                return std::optional(RealmLock(std::move(file), path));
            }
            continue;
        }
        if (Socket::connect(realm.socket()).ok()) return std::optional<RealmLock>{};
        if (std::chrono::steady_clock::now() > deadline) {
            return Error{Errc::timed_out, 0,
                         "another keeper has the realm " + realm.root().string() +
                             ", but it does not answer"};
        }
        const timespec pause{0, 20'000'000};
        ::nanosleep(&pause, nullptr);
    }
}

Status RealmLock::set_owner() const {
    const std::string text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file_.get(), 0) != 0 ||
        ::pwrite(file_.get(), text.data(), text.size(), 0) < 0) {
        return Error::system("cannot write " + path_.string());
    }
    return success();
}

void RealmLock::remove() const {
    ::unlink(path_.c_str());
}

}  // namespace opendext::keeper
