// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "rpc/socket.h"
#include "rpc/value.h"

namespace opendext::daemon {

/// What the kernel says about the process at the other end of a socket when it connected.
struct ProgramIdentity {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups;  ///< own and supplementary
    /// What it runs; empty where opendextd may not look (programs of another user).
    std::string executable;
    /// When the process began (process_start_time); 0: it has ended.
    uint64_t start_time = 0;
};
/// Nothing is said of another process that has the number of the program by now.
[[nodiscard]] ProgramIdentity identify_program(const Socket& socket);

/// What the lists say of a program.
struct Grants {
    Dictionary entitlements;
    /// A list would grant more if it were the program of its `Program`, and what the program runs
    /// cannot be seen: a sentence for who is refused, "" if there is none.
    std::string unseen;
};

/// The entitlements of client programs. A program on Linux carries no signature that could state
/// them, so the administrator of the realm does: each property list in the realm's folder
/// `programs` grants the dictionary `Entitlements` to the programs that fit all of `User` (a name
/// or a number), `Group` (the same; own or supplementary) and `Program` (the absolute path of what
/// it runs) that it has; it has one at least. A program gets those of all lists that fit; arrays of
/// the same entitlement are joined. docs/design/client-entitlements.md says what that is worth.
class ProgramEntitlements {
  public:
    /// `complain` gets each sentence about a list that cannot be used once.
    ProgramEntitlements(std::filesystem::path folder,
                        std::function<void(const std::string&)> complain)
        : folder_(std::move(folder)), complain_(std::move(complain)) {}

    /// Reads the folder anew: a change counts for programs that connect after it.
    [[nodiscard]] Grants of(const ProgramIdentity& program);

  private:
    void complain(const std::string& complaint);

    std::filesystem::path folder_;
    std::function<void(const std::string&)> complain_;
    std::set<std::string> said_;
};

}  // namespace opendext::daemon
