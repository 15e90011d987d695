// SPDX-License-Identifier: Apache-2.0
// What of "kill to serving" is the kernel's: three processes with nothing but libc. One is killed,
// one hears of it by its pidfd and tells the third by a socket, which tells when it got that.
//
//   floor ROUNDS
// Prints the times in ns from the kill on as JSON.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

using Ends = std::array<int, 2>;

uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

Ends sockets() {
    Ends ends;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("socketpair");
    return ends;
}

template <typename Body>
pid_t start(Body body) {
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        body();
        _exit(0);
    }
    return pid;
}

/// A driver of a port has five threads.
void live() {
    for (int i = 0; i < 5; ++i) std::thread([] { pause(); }).detach();
    pause();
}

uint64_t round() {
    const Ends tell = sockets();
    const Ends told = sockets();
    const pid_t victim = start(live);
    const int process = static_cast<int>(syscall(SYS_pidfd_open, victim, 0));
    if (process < 0) fail("pidfd_open");
    const pid_t watcher = start([&] {
        pollfd dead{process, POLLIN, 0};
        if (poll(&dead, 1, -1) != 1 || send(tell[0], "", 1, 0) != 1) _exit(1);
    });
    const pid_t spare = start([&] {
        char byte = 0;
        if (recv(tell[1], &byte, 1, 0) != 1) _exit(1);
        const uint64_t got = now();
        if (send(told[0], &got, sizeof got, 0) != sizeof got) _exit(1);
    });
    const timespec rest{0, 50'000'000};
    nanosleep(&rest, nullptr);
    const uint64_t begin = now();
    kill(victim, SIGKILL);
    uint64_t got = 0;
    if (recv(told[1], &got, sizeof got, 0) != sizeof got) fail("the spare process said nothing");
    for (const pid_t pid : {victim, watcher, spare}) waitpid(pid, nullptr, 0);
    for (const int fd : {tell[0], tell[1], told[0], told[1], process}) close(fd);
    return got - begin;
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
    if (rounds <= 0) {
        std::fputs("floor ROUNDS\n", stderr);
        return 2;
    }
    for (int i = 0; i < rounds; ++i)
        std::printf("%s%llu", i == 0 ? "[" : ", ", static_cast<unsigned long long>(round()));
    std::printf("]\n");
}
