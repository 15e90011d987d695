// SPDX-License-Identifier: Apache-2.0
// The keeper's event loop: what a watch leaves behind when it ends.
#include "keeper/event.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "rpc/fd.h"

namespace opendext::keeper {
namespace {

/// How many descriptors the epolls of this process watch.
size_t watched() {
    size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream file(each.path());
        for (std::string line; std::getline(file, line);) count += line.starts_with("tfd:");
    }
    return count;
}

// A child that the keeper forks meanwhile holds a copy of each descriptor until it runs its
// program: the file stays open when the keeper closes its own.
TEST(EventTest, AWatchThatEndsInItsCallbackLeavesTheDescriptorAtOnce) {
    EventLoop loop;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd input(ends[0]);
    const UniqueFd output(ends[1]);
    const auto copy = input.duplicate();
    ASSERT_TRUE(copy.ok());
    ASSERT_EQ(::write(output.get(), "x", 1), 1);
    const size_t idle = watched();

    Watch watch;
    watch = loop.readable(input.get(), [&] {
        watch = {};
        input.reset();
        loop.quit(0);
    });
    EXPECT_EQ(watched(), idle + 1);
    EXPECT_EQ(loop.run(), 0);
    EXPECT_EQ(watched(), idle);
}

TEST(EventTest, AWatchThatIsReplacedIsNotCalledAgain) {
    EventLoop loop;
    int calls = 0;
    Watch watch = loop.after(std::chrono::milliseconds(0), [&] { calls += 100; });
    watch = loop.after(std::chrono::milliseconds(1), [&] {
        ++calls;
        loop.quit(0);
    });
    EXPECT_EQ(loop.run(), 0);
    EXPECT_EQ(calls, 1);
}

// A debugger that holds a dead child keeps its end from us; it comes when that one lets go.
TEST(EventTest, AChildThatDiesUnderADebuggerEndsWhenThatOneHasReapedIt) {
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    const pid_t debugger = ::fork();
    if (debugger == 0) {
        char go = 0;
        const bool traced = ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
        ::kill(child, SIGTERM);
        int status = 0;
        ::waitpid(child, &status, __WALL);  // about to get the signal
        ::ptrace(PTRACE_CONT, child, nullptr, SIGTERM);
        siginfo_t end{};
        ::waitid(P_PID, static_cast<id_t>(child), &end, WEXITED | WNOWAIT);
        static_cast<void>(::read(ready[0], &go, 1));
        ::_exit(traced ? 0 : 1);
    }
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    ASSERT_TRUE(pidfd);
    EventLoop loop;
    int status = -1;
    const Watch end = loop.ended(pidfd.get(), [&](int wait_status) {
        status = wait_status;
        loop.quit(0);
    });
    const Watch later = loop.after(std::chrono::milliseconds(300), [&] {
        EXPECT_EQ(status, -1) << "reaped while it was traced";
        ASSERT_EQ(::write(ready[1], "x", 1), 1);
    });
    EXPECT_EQ(loop.run(), 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), SIGTERM);
    int debugged = -1;
    ::waitpid(debugger, &debugged, 0);
    EXPECT_EQ(debugged, 0);
}

}  // namespace
}  // namespace opendext::keeper
