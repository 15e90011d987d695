// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/handover.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "keeper/prepared/runtime_library.h"
#include "keeper/prepared/sanitized.h"
#include "rpc/fields.h"
#include "rpc/protocol/keeper.h"

namespace opendext::prepared {
namespace {

/// predecessor -> successor, first.
struct Handover {
    static constexpr uint32_t kKind = 1;
    Features features;
    void fields(auto& io) { io(features); }
};

/// successor -> predecessor.
struct Ready {
    static constexpr uint32_t kKind = 2;
    void fields(auto&) {}
};

constexpr int kHandoverFd = 4;

/// Says in the environment how the successor is loaded and what it keeps, so that what is the same
/// in all drivers is in pages that all share.
void set_loading(const Start& start) {
    // Stacks of threads that have ended are not kept for others: most drivers are idle.
    static constexpr std::string_view kMine = "glibc.pthread.stack_cache_size=0";
    const char* given = ::getenv("GLIBC_TUNABLES");
    std::string tunables = given == nullptr ? "" : given;
    if (tunables.find(kMine) == std::string::npos)
        tunables.append(tunables.empty() ? "" : ":").append(kMine);
    ::setenv("GLIBC_TUNABLES", tunables.c_str(), 1);
    // Else each driver looks up by itself, and writes down, where the functions are that it calls.
    ::setenv("LD_BIND_NOW", "1", 1);
    if (kSanitized || !start.runtime.empty()) return;  // the sanitizer's library is the first
    if (const std::string libraries = preloaded_libraries(); !libraries.empty())
        ::setenv("LD_PRELOAD", libraries.c_str(), 1);
}

/// In the child: the same program with the same arguments but for --handover.
[[noreturn]] void run_again(const Start& start, Socket socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    pollfd keeper{start.link, 0, 0};
    if (::poll(&keeper, 1, 0) != 0) ::_exit(0);  // it ended before the line above
    // The predecessor has emptied its own.
    std::vector<std::string> environment = start.environment;
    for (std::string& variable : environment) ::putenv(variable.data());
    std::vector<std::string> words = start.words;
    words.insert(words.begin() + 1, {"--handover", std::to_string(kHandoverFd)});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int ours = socket.take_fd().release();
    if (ours == kHandoverFd) {
        ::fcntl(ours, F_SETFD, 0);
    } else {
        ::dup2(ours, kHandoverFd);
    }
    ::fcntl(start.link, F_SETFD, 0);
    set_loading(start);
    ::execv("/proc/self/exe", arguments.data());
    std::fprintf(stderr, "opendext-driver: cannot start anew: %s\n", std::strerror(errno));
    ::_exit(0);  // the predecessor goes on
}

}  // namespace

Start parse(int argc, char** argv) {
    Start start;
    start.print_calls = argc == 2 && std::string_view(argv[1]) == "--print-calls";
    for (char** variable = environ; *variable != nullptr; ++variable)
        start.environment.emplace_back(*variable);
    start.words.emplace_back(argv[0]);
    for (int i = 1; i + 2 < argc; i += 2) {
        const std::string option = argv[i];
        const char* value = argv[i + 1];
        if (option == "--handover") {
            start.handover = std::atoi(value);
            continue;
        }
        if (option == "--link") start.link = std::atoi(value);
        if (option == "--runtime") start.runtime = value;
        if (option == "--without") start.without = value;
        if (option == "--require") start.require = value;
        if (option == "--settings") start.settings = value;
        if (option == "--layout") start.layout = std::atoi(value);
        start.words.insert(start.words.end(), {option, value});
    }
    start.words.emplace_back(argv[argc - 1]);
    return start;
}

std::string Start::variable(std::string_view name) const {
    for (const std::string& each : environment) {
        if (each.size() > name.size() && each[name.size()] == '=' && each.starts_with(name))
            return each.substr(name.size() + 1);
    }
    return "";
}

Result<Successor> Successor::start(const Start& start, const Features& features,
                                   const Socket& keeper) {
    auto ends = OD_TRY(Socket::pair());
    Forked forked;
    OD_TRY(fork_sibling(forked));
    if (forked.pid == 0) run_again(start, std::move(ends.second));
    Message announcement = encode(protocol::keeper::Spawned{forked.pid, "prepared process"});
    announcement.fds.push_back(std::move(forked.pidfd));
    OD_TRY(keeper.send(announcement));
    OD_TRY(ends.first.send(encode(Handover{features})));
    return Successor(std::move(ends.first));
}

std::optional<bool> Successor::ready_before_request(const Socket& keeper) const {
    pollfd sources[] = {{keeper.fd(), POLLIN, 0}, {socket_.fd(), POLLIN, 0}};
    while (::poll(sources, 2, -1) < 0 && errno == EINTR) {
    }
    if (sources[1].revents == 0) return false;
    const Result<std::optional<Message>> said = socket_.receive();
    if (said.ok() && decode<Ready>(**said).ok()) return true;
    return std::nullopt;
}

Result<Features> take_over(const Socket& predecessor) {
    const std::optional<Message> message = OD_TRY(predecessor.receive());
    return OD_TRY(decode<Handover>(*message)).features;
}

Status say_ready(const Socket& predecessor) {
    const Status said = predecessor.send(encode(Ready{}));
    // One that has ended leaves all requests to us too.
    if (!said.ok() && said.error().code != Errc::peer_gone) return said;
    return success();
}

}  // namespace opendext::prepared
