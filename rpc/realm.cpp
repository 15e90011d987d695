// SPDX-License-Identifier: Apache-2.0
#include "rpc/realm.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "rpc/socket.h"

namespace opendext {
namespace {

constexpr const char* kSystemRoot = "/run/opendext";
constexpr const char* kSystemState = "/var/lib/opendext";

Status make_directory(const std::filesystem::path& path, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) {
        if (std::filesystem::is_directory(path)) return success();
        return Error::system(path.string(), ENOTDIR);
    }
    return Error::system("cannot create " + path.string());
}

}  // namespace

Realm::Realm(std::filesystem::path root)
    : root_(std::filesystem::absolute(root).lexically_normal()), state_(root_) {
    if (root_ == kSystemRoot) {
        is_system_ = true;
        state_ = kSystemState;
    }
}

Realm Realm::system() {
    return Realm(kSystemRoot);
}

Realm Realm::user() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && *runtime == '/')
        return Realm(std::filesystem::path(runtime) / "opendext");
    return Realm("/tmp/opendext-" + std::to_string(::getuid()));
}

Realm Realm::select(std::string_view option) {
    if (!option.empty()) return Realm(option);
    const char* variable = std::getenv("OPENDEXT_REALM");
    if (variable != nullptr && *variable != '\0') return Realm(variable);
    if (Socket::connect(system().socket()).ok()) return system();
    return user();
}

std::filesystem::path Realm::programs() const {
    return (is_system_ ? std::filesystem::path("/etc/opendext") : root_) / "programs";
}

std::filesystem::path Realm::settings() const {
    return (is_system_ ? std::filesystem::path("/etc/opendext") : root_) / "realm.conf";
}

Status Realm::create() const {
    const mode_t mode = is_system_ ? 0755 : 0700;
    OD_TRY(make_directory(root_, mode));
    OD_TRY(make_directory(state_, mode));
    for (const auto& path : {socket().parent_path(), devices(), extensions(), crashes()}) {
        OD_TRY(make_directory(path, mode));
    }
    return success();
}

std::filesystem::path installation_prefix() {
    const char* variable = std::getenv("OPENDEXT_PREFIX");
    if (variable != nullptr && *variable != '\0') return variable;
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::filesystem::path folder = self.parent_path();
    // Programs lie in bin/ or in libexec/opendext/.
    return folder.filename() == "opendext" ? folder.parent_path().parent_path()
                                           : folder.parent_path();
}

}  // namespace opendext
