// SPDX-License-Identifier: Apache-2.0
// The keeper's event loop: what a watch leaves behind when it ends.
#include "keeper/event.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
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

class EventTest : public testing::Test {
  protected:
    EventTest() {
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &child, &before_);
    }
    ~EventTest() override { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

    sigset_t before_{};
};

// The pidfd of a driver process goes on to opendextd: the file stays open when the keeper closes
// its descriptor of it.
TEST_F(EventTest, AWatchThatEndsInItsCallbackLeavesTheDescriptorAtOnce) {
    EventLoop loop;
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) ::_exit(7);
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ASSERT_TRUE(pidfd);
    const auto copy = pidfd.duplicate();
    ASSERT_TRUE(copy.ok());
    const size_t idle = watched();

    int status = -1;
    Watch watch;
    watch = loop.ended(pidfd.get(), [&](int wait_status) {
        status = wait_status;
        watch = {};
        pidfd.reset();
        loop.quit(0);
    });
    EXPECT_EQ(watched(), idle + 1);
    const Watch patience = loop.after(std::chrono::seconds(30), [&] { loop.quit(1); });
    EXPECT_EQ(loop.run(), 0);
    EXPECT_EQ(status, 7 << 8);
    EXPECT_EQ(watched(), idle + 1) << "only the timer's descriptor may be left";
}

TEST_F(EventTest, AWatchThatIsReplacedIsNotCalledAgain) {
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

}  // namespace
}  // namespace opendext::keeper
