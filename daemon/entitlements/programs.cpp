// SPDX-License-Identifier: Apache-2.0
#include "daemon/entitlements/programs.h"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "bundle/plist.h"
#include "daemon/adoption/program_watch.h"

namespace opendext::daemon {
namespace {

namespace fs = std::filesystem;

Error wrong(const bundle::Plist& list, std::string_view key, const std::string& what) {
    return Error{Errc::invalid, 0, list.where(key) + ": " + std::string(key) + ": " + what};
}

/// A user or group, by name or number.
template <typename Lookup>
Result<uint32_t> number_of(const bundle::Plist& list, std::string_view key, const Value& value,
                           Lookup lookup) {
    if (const Number* number = value.number()) return static_cast<uint32_t>(number->raw);
    const std::string* name = value.string();
    if (name == nullptr)
        return wrong(list, key, bundle::describe(value) + ", must be a name or a number");
    uint32_t number = 0;
    const auto end = name->data() + name->size();
    if (!name->empty() && std::from_chars(name->data(), end, number).ptr == end) return number;
    if (const auto* entry = lookup(name->c_str())) {
        if constexpr (requires { entry->pw_uid; }) {
            return entry->pw_uid;
        } else {
            return entry->gr_gid;
        }
    }
    return wrong(list, key, "\"" + *name + "\" does not exist on this system");
}

/// Whether the program is one of those that the list is for.
enum class Fit : uint8_t { no, yes, unseen };
Result<Fit> fits(const bundle::Plist& list, const Dictionary& keys,
                 const ProgramIdentity& program) {
    const Value* user = find(keys, "User");
    const Value* group = find(keys, "Group");
    const Value* path = find(keys, "Program");
    if (user == nullptr && group == nullptr && path == nullptr)
        return wrong(list, "Entitlements", "for whom? write User, Group or Program");
    if (user != nullptr && OD_TRY(number_of(list, "User", *user, getpwnam)) != program.uid)
        return Fit::no;
    if (group != nullptr) {
        const gid_t number = OD_TRY(number_of(list, "Group", *group, getgrnam));
        if (std::find(program.groups.begin(), program.groups.end(), number) == program.groups.end())
            return Fit::no;
    }
    if (path == nullptr) return Fit::yes;
    if (path->string() == nullptr || !path->string()->starts_with('/'))
        return wrong(list, "Program", bundle::describe(*path) + ", must be an absolute path");
    if (program.executable.empty()) return Fit::unseen;
    return *path->string() == program.executable ? Fit::yes : Fit::no;
}

/// "lamp (1000)"
std::string user_name(uid_t uid) {
    const passwd* entry = ::getpwuid(uid);
    const std::string number = std::to_string(uid);
    return entry == nullptr ? number : std::string(entry->pw_name) + " (" + number + ")";
}

/// Arrays of one entitlement are joined, of other values the later list's counts.
void grant(Dictionary& granted, const Dictionary& more) {
    for (const auto& [name, value] : more) {
        const auto [place, is_new] = granted.emplace(name, value);
        if (is_new) continue;
        Array* known = place->second.array();
        if (known != nullptr && value.array() != nullptr) {
            known->insert(known->end(), value.array()->begin(), value.array()->end());
        } else {
            place->second = value;
        }
    }
}

Status apply(const fs::path& path, const ProgramIdentity& program, Grants& grants) {
    const bundle::Plist list = OD_TRY(bundle::read_plist(path));
    const Dictionary keys = OD_TRY(list.dictionary());
    for (const auto& [key, value] : keys) {
        if (key != "User" && key != "Group" && key != "Program" && key != "Entitlements")
            return wrong(list, key, "unknown; known are User, Group, Program and Entitlements");
    }
    const Value* entitlements = find(keys, "Entitlements");
    if (entitlements == nullptr || entitlements->dictionary() == nullptr)
        return wrong(list, "Entitlements", "must be there, and a dictionary");
    const Fit fit = OD_TRY(fits(list, keys, program));
    if (fit == Fit::yes) grant(grants.entitlements, *entitlements->dictionary());
    if (fit == Fit::unseen) {
        grants.unseen = list.where("Program") + ": Program: opendextd (user " +
                        user_name(::geteuid()) + ") cannot see what programs of user " +
                        user_name(program.uid) +
                        " run, so the list does not count for them; write User or Group instead";
    }
    return success();
}

/// Whether the process that connected is gone, though its end of the socket is not: somebody else
/// has that, and its number may be another's. Linux tells from 6.5 on.
bool has_ended(const Socket& socket) {
#ifdef SO_PEERPIDFD
    constexpr int kPeerPidfd = SO_PEERPIDFD;
#else
    constexpr int kPeerPidfd = 77;  // <asm-generic/socket.h> of Linux 6.5
#endif
    int fd = -1;
    socklen_t size = sizeof fd;
    if (::getsockopt(socket.fd(), SOL_SOCKET, kPeerPidfd, &fd, &size) != 0)
        return errno == ESRCH || errno == EINVAL;  // reaped already
    const UniqueFd process(fd);
    pollfd end{process.get(), POLLIN, 0};
    return ::poll(&end, 1, 0) > 0;
}

}  // namespace

ProgramIdentity identify_program(const Socket& socket) {
    ProgramIdentity program;
    const Result<PeerCredentials> peer = peer_credentials(socket);
    if (!peer.ok()) return program;
    program.pid = peer->pid;
    program.uid = peer->uid;
    program.groups.resize(64);
    auto size = static_cast<socklen_t>(program.groups.size() * sizeof(gid_t));
    int got = ::getsockopt(socket.fd(), SOL_SOCKET, SO_PEERGROUPS, program.groups.data(), &size);
    if (got != 0 && errno == ERANGE) {  // `size` is what it takes
        program.groups.resize(size / sizeof(gid_t));
        got = ::getsockopt(socket.fd(), SOL_SOCKET, SO_PEERGROUPS, program.groups.data(), &size);
    }
    program.groups.resize(got == 0 ? size / sizeof(gid_t) : 0);
    program.groups.push_back(peer->gid);
    std::error_code none;
    program.executable = fs::read_symlink("/proc/" + std::to_string(peer->pid) + "/exe", none);
    program.start_time = process_start_time(peer->pid);
    if (has_ended(socket)) {
        program.executable.clear();
        program.start_time = 0;
    }
    return program;
}

void ProgramEntitlements::complain(const std::string& complaint) {
    if (said_.insert(complaint).second) complain_(complaint);
}

Grants ProgramEntitlements::of(const ProgramIdentity& program) {
    std::vector<fs::path> lists;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (entry.path().extension() == ".plist") lists.push_back(entry.path());
    }
    std::sort(lists.begin(), lists.end());
    Grants grants;
    for (const fs::path& list : lists) {
        const Status applied = apply(list, program, grants);
        if (!applied.ok()) complain(applied.error().text() + "; this list grants nothing");
    }
    if (!grants.unseen.empty()) complain(grants.unseen);
    return grants;
}

}  // namespace opendext::daemon
