// SPDX-License-Identifier: Apache-2.0
// os_log of client programs: every case runs in a process of its own, since where lines go is
// decided once.
#include <gtest/gtest.h>
#include <os/log.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>

namespace {

/// What `program` writes to standard error with OPENDEXT_LOG=stderr.
std::string lines_of(const std::function<void()>& program) {
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("OPENDEXT_LOG", "stderr", 1);
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[0]);
        ::close(ends[1]);
        program();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text;
    char buffer[512];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<size_t>(got));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return text;
}

TEST(ClientLog, WritesALineWithTheProgramsName) {
    const std::string lines = lines_of([] {
        os_log(OS_LOG_DEFAULT, "sent %{public}s, %llu bytes\n", "hello", 5ULL);
        os_log_error(OS_LOG_DEFAULT, "second");
    });
    EXPECT_EQ(lines, std::string(program_invocation_short_name) + ": sent hello, 5 bytes\n" +
                         program_invocation_short_name + ": second\n");
}

TEST(ClientLog, NamesSubsystemAndCategory) {
    const std::string lines = lines_of([] {
        os_log_t log = os_log_create("com.example.app", "io");
        if (log != os_log_create("com.example.app", "io")) ::_exit(1);
        os_log_with_type(log, OS_LOG_TYPE_DEBUG, "%{darwin.errno}d", ENOENT);
        os_log_info(OS_LOG_DISABLED, "not seen");
    });
    EXPECT_NE(lines.find("[com.example.app:io] [2: No such file or directory]\n"),
              std::string::npos)
        << lines;
    EXPECT_EQ(lines.find("not seen"), std::string::npos);
}

TEST(ClientLog, KnowsTheNamesOfResults) {
    const std::string lines = lines_of(
        [] { os_log(OS_LOG_DEFAULT, "open: %{mach.errno}d", static_cast<int>(0xe00002c2)); });
    EXPECT_NE(lines.find("open: [0xe00002c2: kIOReturnBadArgument]\n"), std::string::npos) << lines;
}

TEST(ClientLog, LeavesErrnoAlone) {
    errno = EAGAIN;
    os_log(OS_LOG_DISABLED, "nothing");
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_TRUE(os_log_type_enabled(OS_LOG_DEFAULT, OS_LOG_TYPE_DEBUG));
    EXPECT_FALSE(os_log_type_enabled(OS_LOG_DISABLED, OS_LOG_TYPE_DEBUG));
}

}  // namespace
