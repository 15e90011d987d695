// SPDX-License-Identifier: Apache-2.0
// What closing a driver process in costs: from Spawn to the first message of its runtime, and from
// its kill to the report, beside posix_spawn of a bare dynamically linked C++ program in the same
// run. Not part of the suite: run it by hand when the order of the sandbox's steps changes.
//     WITHOUT=namespaces LAYOUT=0 ROUNDS=200 OPENDEXT_PREFIX=BUILD BUILD/tests/keeper_spawn_time
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

using Clock = std::chrono::steady_clock;
using Times = std::vector<double>;

double since(Clock::time_point start) {
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double percentile(Times times, double part) {
    std::sort(times.begin(), times.end());
    return times[static_cast<size_t>(static_cast<double>(times.size() - 1) * part)];
}

/// From the call to the first byte of a program that links libstdc++ and says one byte.
double bare_program(const std::string& program) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    std::string name = program;
    char* argv[] = {name.data(), nullptr};
    pid_t child = 0;
    const auto start = Clock::now();
    EXPECT_EQ(::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ), 0);
    ::close(ends[1]);
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    const double time = since(start);
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return time;
}

uint64_t proportional_kib(pid_t pid) {
    const std::string text = read_file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    const size_t at = text.find("\nPss:");
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 5, nullptr, 10);
}

using SpawnTime = KeeperTest;

TEST_F(SpawnTime, BesideABareProgram) {
    const char* without = std::getenv("WITHOUT");
    const char* rounds_wanted = std::getenv("ROUNDS");
    const int rounds = rounds_wanted != nullptr ? std::atoi(rounds_wanted) : 200;
    const char* layout = std::getenv("LAYOUT");
    start_keeper({"--without", without != nullptr ? without : "", "--layout",
                  layout != nullptr ? layout : "64"});
    const std::string bare =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "keeper_bare_program")
            .string();
    Times spawn_times, bare_times, end_times;
    std::string sandbox;
    for (int i = 0; i < rounds; ++i) {
        bare_times.push_back(bare_program(bare));
        auto start = Clock::now();
        Driver driver = spawn();
        spawn_times.push_back(since(start));
        sandbox = driver.sandbox;
        start = Clock::now();
        ASSERT_EQ(::kill(driver.pid, SIGKILL), 0);
        ASSERT_EQ(event<wire::Exited>().pid, driver.pid);
        end_times.push_back(since(start));
    }
    std::vector<Driver> many;
    for (int i = 0; i < 200; ++i) many.push_back(spawn());
    uint64_t memory = 0;
    for (const Driver& driver : many) memory += proportional_kib(driver.pid);
    for (int i = 0; i < 200; ++i) ::kill(many[static_cast<size_t>(i)].pid, SIGKILL);
    for (int i = 0; i < 200; ++i) static_cast<void>(event<wire::Exited>());
    const double base = percentile(bare_times, 0.5);
    std::printf("sandbox: %s\n", sandbox.c_str());
    std::printf("bare program p50 %.0f us\n", base);
    std::printf("driver process p50 %.0f us, p90 %.0f us, ratio %.2f\n",
                percentile(spawn_times, 0.5), percentile(spawn_times, 0.9),
                percentile(spawn_times, 0.5) / base);
    std::printf("kill to report p50 %.0f us, p90 %.0f us\n", percentile(end_times, 0.5),
                percentile(end_times, 0.9));
    std::printf("PSS of 200 idle ones: %.1f KiB each\n", static_cast<double>(memory) / 200);
}

}  // namespace
}  // namespace opendext::keeper::tests
