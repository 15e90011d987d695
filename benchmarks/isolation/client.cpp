// SPDX-License-Identifier: Apache-2.0
// Measures starts of driver processes, and those of the bare program beside them.
//
//   client start ROUNDS BARE            a nub is published, its driver starts, both go; in turns
//   with BARE client crowd COUNT                  so many at once; each is called; waits for a
//   line; all go client serve TERMINAL SOCKET BARE   for each line with a process id on standard
//   input: kills it, and
//                                       waits until a byte written to TERMINAL comes out of SOCKET;
//                                       "spawn": starts BARE
// Prints JSON, times in ns.
#include <IOKit/IOKitLib.h>
#include <fcntl.h>
#include <opendext/client.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "swarm/SwarmProtocol.h"

namespace {

[[noreturn]] void fail(const std::string& text) {
    std::fprintf(stderr, "client: %s\n", text.c_str());
    std::exit(1);
}

void check(kern_return_t code, const char* what) {
    if (code == kIOReturnSuccess) return;
    char text[32];
    std::snprintf(text, sizeof text, " (0x%08x) ", static_cast<unsigned>(code));
    fail(std::string(what) + text + opendext_last_error_reason());
}

uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void pause_ms(long ms) {
    const timespec time{ms / 1000, ms % 1000 * 1'000'000};
    nanosleep(&time, nullptr);
}

/// Until the condition holds; fails after two minutes.
template <typename Condition>
void wait_until(const char* what, Condition condition) {
    for (const uint64_t end = now() + 120'000'000'000; !condition(); pause_ms(2)) {
        if (now() > end) fail(std::string("waited two minutes for ") + what);
    }
}

struct Spawned {
    uint64_t main;  ///< until its main ran
    uint64_t byte;  ///< until its first byte was here
};

Spawned spawn(char* program) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::array<char*, 2> arguments{program, nullptr};
    std::array<char*, 1> environment{nullptr};
    pid_t pid = 0;
    uint64_t stamp = 0;
    const uint64_t begin = now();
    if (posix_spawn(&pid, program, &actions, nullptr, arguments.data(), environment.data()) != 0)
        fail(std::string("cannot start ") + program);
    if (read(ends[0], &stamp, sizeof stamp) != sizeof stamp) fail("the bare program said nothing");
    const uint64_t end = now();
    waitpid(pid, nullptr, 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    close(ends[1]);
    return {stamp - begin, end - begin};
}

class Swarm {
  public:
    Swarm() {
        io_service_t service = IO_OBJECT_NULL;
        wait_until("the driver", [&] {
            service = IOServiceGetMatchingService(kIOMainPortDefault,
                                                  IOServiceNameMatching("swarm-control"));
            return service != IO_OBJECT_NULL;
        });
        check(IOServiceOpen(service, mach_task_self(), 0, &control_), "IOServiceOpen");
        IOObjectRelease(service);
    }
    void make(uint64_t count) {
        check(IOConnectCallScalarMethod(control_, kSwarmMake, &count, 1, nullptr, nullptr), "make");
    }
    struct Times {
        uint64_t count, first, last;
    };
    [[nodiscard]] Times times() const {
        uint64_t out[3] = {};
        uint32_t outs = 3;
        check(IOConnectCallScalarMethod(control_, kSwarmTimes, nullptr, 0, out, &outs), "times");
        return {out[0], out[1], out[2]};
    }
    void clear() {
        check(IOConnectCallScalarMethod(control_, kSwarmClear, nullptr, 0, nullptr, nullptr),
              "clear");
    }
    /// The services of the leaves, to be released.
    [[nodiscard]] static std::vector<io_service_t> leaves() {
        io_iterator_t iterator = IO_OBJECT_NULL;
        check(IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceNameMatching("swarm-leaf"),
                                           &iterator),
              "IOServiceGetMatchingServices");
        std::vector<io_service_t> found;
        while (const io_service_t service = IOIteratorNext(iterator)) found.push_back(service);
        IOObjectRelease(iterator);
        return found;
    }
    static size_t leaf_count() {
        const std::vector<io_service_t> found = leaves();
        for (const io_service_t service : found) IOObjectRelease(service);
        return found.size();
    }

  private:
    io_connect_t control_ = IO_OBJECT_NULL;
};

void print(const char* name, const std::vector<uint64_t>& values, const char* end) {
    std::printf("\"%s\": [", name);
    for (size_t i = 0; i < values.size(); ++i)
        std::printf("%s%llu", i == 0 ? "" : ", ", static_cast<unsigned long long>(values[i]));
    std::printf("]%s", end);
}

void start(int rounds, char* bare) {
    Swarm swarm;
    std::vector<uint64_t> ours;
    std::vector<uint64_t> main;
    std::vector<uint64_t> byte;
    for (int i = 0; i < rounds; ++i) {
        swarm.make(1);
        wait_until("a start", [&] { return swarm.times().count == 1; });
        const Swarm::Times times = swarm.times();
        ours.push_back(times.last - times.first);
        swarm.clear();
        wait_until("the end of a driver", [] { return Swarm::leaf_count() == 0; });
        pause_ms(100);  // the realm comes to rest
        const Spawned peer = spawn(bare);
        main.push_back(peer.main);
        byte.push_back(peer.byte);
    }
    std::printf("{");
    print("start", ours, ", ");
    print("main", main, ", ");
    print("byte", byte, "}\n");
}

void crowd(uint64_t count) {
    Swarm swarm;
    swarm.make(count);
    wait_until("all starts", [&] { return swarm.times().count == count; });
    const Swarm::Times times = swarm.times();
    wait_until("all services", [&] { return Swarm::leaf_count() == count; });
    const uint64_t begin = now();
    uint64_t answered = 0;
    for (const io_service_t service : Swarm::leaves()) {
        io_connect_t connect = IO_OBJECT_NULL;
        check(IOServiceOpen(service, mach_task_self(), 0, &connect), "IOServiceOpen of a leaf");
        const uint64_t in = answered;
        uint64_t out = 0;
        uint32_t outs = 1;
        check(IOConnectCallScalarMethod(connect, kSwarmAnswer, &in, 1, &out, &outs), "answer");
        if (out != in + 1) fail("a wrong answer");
        ++answered;
        IOServiceClose(connect);
        IOObjectRelease(service);
    }
    const uint64_t end = now();
    std::printf("{\"started\": %llu, \"answered\": %llu, \"answering\": %llu}\n",
                static_cast<unsigned long long>(times.last - times.first),
                static_cast<unsigned long long>(answered),
                static_cast<unsigned long long>(end - begin));
    std::fflush(stdout);
    if (std::getchar() == EOF) return;
    const uint64_t going = now();
    swarm.clear();
    wait_until("the end of all", [] { return Swarm::leaf_count() == 0; });
    std::printf("{\"ended\": %llu}\n", static_cast<unsigned long long>(now() - going));
}

/// ns from the kill to the byte.
uint64_t kill_and_serve(pid_t pid, int terminal, int socket) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (process < 0) fail("there is no process " + std::to_string(pid));
    const uint64_t begin = now();
    if (kill(pid, SIGKILL) != 0) fail("kill");
    pollfd dead{process, POLLIN, 0};
    if (poll(&dead, 1, 10'000) != 1) fail("it does not die");
    close(process);
    // Nobody of those who served before can take this one.
    static uint8_t next = 0;
    const uint8_t out = ++next;
    if (write(terminal, &out, 1) != 1) fail("the terminal takes nothing");
    pollfd arrived{socket, POLLIN, 0};
    if (poll(&arrived, 1, 30'000) != 1) fail("nothing arrives after a kill");
    const uint64_t end = now();
    uint8_t in = 0;
    if (read(socket, &in, 1) != 1 || in != out) fail("another byte arrived");
    return end - begin;
}

void serve(const char* path, int socket, char* bare) {
    const int terminal = open(path, O_RDWR | O_NOCTTY);
    if (terminal < 0) fail(std::string("cannot open ") + path);
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        const uint64_t time = std::strncmp(line, "spawn", 5) == 0
                                  ? spawn(bare).main
                                  : kill_and_serve(std::atoi(line), terminal, socket);
        std::printf("%llu\n", static_cast<unsigned long long>(time));
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 2 ? argv[1] : "";
    if (mode == "start" && argc == 4) {
        start(std::atoi(argv[2]), argv[3]);
    } else if (mode == "crowd" && argc == 3) {
        crowd(static_cast<uint64_t>(std::atoi(argv[2])));
    } else if (mode == "serve" && argc == 5) {
        serve(argv[2], std::atoi(argv[3]), argv[4]);
    } else {
        std::fprintf(stderr,
                     "client start ROUNDS BARE | crowd COUNT | serve TERMINAL SOCKET BARE\n");
        return 2;
    }
}
