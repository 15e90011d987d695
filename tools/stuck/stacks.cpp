// SPDX-License-Identifier: Apache-2.0
#include "tools/stuck/stacks.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "rpc/fd.h"
#include "rpc/realm.h"

namespace opendext::stuck {

Result<std::string> stacks_of(pid_t pid) {
    const std::string program =
        (installation_prefix() / "libexec" / "opendext" / "opendext-stacks").string();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::system("cannot make a pipe");
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
    std::vector<std::string> words{program, "--text", std::to_string(pid)};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int error =
        ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return Error::system("cannot run " + program, error);
    write_end.reset();
    std::string text;
    char bytes[4096];
    for (;;) {
        const ssize_t size = ::read(read_end.get(), bytes, sizeof bytes);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        text.append(bytes, static_cast<size_t>(size));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error{Errc::not_permitted, 0, text.empty() ? program + " failed" : text};
    return text;
}

}  // namespace opendext::stuck
