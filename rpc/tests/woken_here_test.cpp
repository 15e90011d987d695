// SPDX-License-Identifier: Apache-2.0
#include "rpc/woken_here.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

namespace opendext {
namespace {

/// A process that waits; its end is that of the object.
class Waiting {
  public:
    Waiting() : pid(::fork()) {
        if (pid == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    ~Waiting() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    [[nodiscard]] cpu_set_t processors() const {
        cpu_set_t set;
        EXPECT_EQ(0, ::sched_getaffinity(pid, sizeof set, &set));
        return set;
    }
    const pid_t pid;
};

TEST(WokenHere, IsForAsLongAsItLives) {
    const Waiting process;
    const cpu_set_t before = process.processors();
    if (CPU_COUNT(&before) == 1) GTEST_SKIP() << "there is one processor";
    std::optional<WokenHere> woken;
    woken.emplace(process.pid);
    const cpu_set_t meanwhile = process.processors();
    EXPECT_EQ(1, CPU_COUNT(&meanwhile));
    woken.reset();
    const cpu_set_t after = process.processors();
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(WokenHere, AProcessThatMayRunOnOneProcessorStaysThere) {
    const Waiting process;
    cpu_set_t one;
    CPU_ZERO(&one);
    const cpu_set_t all = process.processors();
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
        if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    }
    ASSERT_EQ(0, ::sched_setaffinity(process.pid, sizeof one, &one));
    {
        const WokenHere woken(process.pid);
        const cpu_set_t meanwhile = process.processors();
        EXPECT_TRUE(CPU_EQUAL(&one, &meanwhile));
    }
    const cpu_set_t after = process.processors();
    EXPECT_TRUE(CPU_EQUAL(&one, &after));
}

TEST(WokenHere, AProcessThatThereIsNotIsNothing) {
    pid_t gone = 0;
    cpu_set_t before;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof before, &before));
    {
        const Waiting process;
        gone = process.pid;
    }
    const WokenHere woken(gone);
    const WokenHere nobody(0);
    cpu_set_t own;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof own, &own));
    EXPECT_EQ(CPU_COUNT(&own), CPU_COUNT(&before));
}

}  // namespace
}  // namespace opendext
