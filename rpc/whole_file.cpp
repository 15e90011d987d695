// SPDX-License-Identifier: Apache-2.0
#include "rpc/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "rpc/fd.h"

namespace opendext {
namespace {

/// A name beside `path` that no other writer uses now. One that is there already was left by a
/// writer that was killed, whose process id this process has got.
std::string name_beside(const std::filesystem::path& path) {
    static std::atomic<unsigned> count{0};
    return path.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(++count) +
           ".new";
}

/// False: errno says why not.
bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
}

}  // namespace

Status write_whole_file(const std::filesystem::path& path, std::string_view text, mode_t mode,
                        Keep keep) {
    const std::string next = name_beside(path);
    const auto failed = [&] {
        const int number = errno;
        ::unlink(next.c_str());
        return Error::system("cannot write " + path.string(), number);
    };
    ::unlink(next.c_str());
    const UniqueFd file(
        ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file) return Error::system("cannot write " + path.string());
    if (!write_all(file.get(), text)) return failed();
    if (keep == Keep::over_power_loss && ::fsync(file.get()) != 0) return failed();
    if (::rename(next.c_str(), path.c_str()) != 0) return failed();
    if (keep == Keep::over_crashes) return success();
    const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
    const UniqueFd place(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // A folder that may not be read, or a file system that cannot: the file itself is there.
    if (place) (void)::fsync(place.get());
    return success();
}

}  // namespace opendext
