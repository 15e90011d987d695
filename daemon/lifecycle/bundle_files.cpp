// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/bundle_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "daemon/io_return.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

namespace {

constexpr int kFolder = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// O_NONBLOCK: a FIFO must not hold opendextd up.
constexpr int kFile = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

int32_t io_return_of(const Error& error) {
    switch (error.code) {
        case Errc::not_permitted:
            return kIOReturnNotPermitted;
        case Errc::not_found:
            return kIOReturnNotFound;
        default:
            return kIOReturnIOError;
    }
}

Error not_opened(std::string what, int error) {
    if (error == ELOOP || error == ENOTDIR)
        return Error{Errc::not_permitted, 0, what + " leads through a link or a file"};
    if (error == ENOENT) return Error{Errc::not_found, 0, what + " is not in the bundle"};
    return Error::system(what, error);
}

}  // namespace

Result<UniqueFd> open_in_bundle(const std::filesystem::path& bundle, std::string_view path) {
    UniqueFd at(::open(bundle.c_str(), kFolder & ~O_NOFOLLOW));
    if (!at) return Error::system("cannot open " + bundle.string());
    std::string_view rest = path;
    while (true) {
        const size_t slash = rest.find('/');
        const std::string part(rest.substr(0, slash));
        const bool last = slash == std::string_view::npos;
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) {
            return Error{Errc::not_permitted, 0,
                         "\"" + std::string(path) + "\" is no plain path below the bundle"};
        }
        at = UniqueFd(::openat(at.get(), part.c_str(), last ? kFile : kFolder));
        if (!at) return not_opened("\"" + std::string(path) + "\"", errno);
        if (last) break;
        rest.remove_prefix(slash + 1);
    }
    struct stat status{};
    if (::fstat(at.get(), &status) != 0) return Error::system("cannot examine a bundle's file");
    if (!S_ISREG(status.st_mode))
        return Error{Errc::not_permitted, 0, "\"" + std::string(path) + "\" is no regular file"};
    return at;
}

Status answer_open_file(DriverProcess& process, const Message& message) {
    const auto request = OD_TRY(decode<driver::OpenFile>(message));
    auto file = open_in_bundle(process.spec().bundle_path, request.path);
    driver::FileOpened answer;
    std::vector<UniqueFd> fds;
    if (file.ok()) {
        fds.push_back(std::move(file).value());
    } else {
        answer.outcome = {io_return_of(file.error()), file.error().text()};
    }
    process.send(std::move(answer), message.serial, std::move(fds));
    return success();
}

}  // namespace opendext::daemon
