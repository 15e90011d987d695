// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

using ResourcesTest = KeeperTest;

TEST_F(ResourcesTest, PseudoTerminalIsRawAndItsMasterDoesNotBlock) {
    start_keeper();
    const Message reply = request(wire::Open{"pseudo-terminal", {}});
    const auto opened = decode<wire::Opened>(reply);
    ASSERT_TRUE(opened.ok()) << reason(reply);
    ASSERT_EQ(reply.fds.size(), 1u);
    const int master = reply.fds[0].get();
    EXPECT_NE(::fcntl(master, F_GETFL) & O_NONBLOCK, 0);
    const std::string* path = find_string(opened->properties, "path");
    ASSERT_NE(path, nullptr);

    const UniqueFd user(::open(path->c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(user.valid()) << *path;
    termios settings{};
    ASSERT_EQ(::tcgetattr(user.get(), &settings), 0);
    EXPECT_EQ(settings.c_lflag & (ICANON | ECHO | ISIG), 0u);
    EXPECT_EQ(settings.c_oflag & OPOST, 0u);

    char buffer[8] = {};
    EXPECT_EQ(::read(master, buffer, sizeof buffer), -1);
    EXPECT_EQ(errno, EAGAIN);
    ASSERT_EQ(::write(user.get(), "a\nb", 3), 3);
    pollfd waiter{master, POLLIN, 0};
    ASSERT_EQ(::poll(&waiter, 1, 30000), 1);
    ASSERT_EQ(::read(master, buffer, sizeof buffer), 3);
    EXPECT_STREQ(buffer, "a\nb");
}

TEST_F(ResourcesTest, OpensAndClosesOfAllPseudoTerminalsAreToldByOneWatch) {
    start_keeper();
    const Message watch = request(wire::Open{"terminal-watch", {}});
    ASSERT_EQ(watch.fds.size(), 1u) << reason(watch);
    using Event = std::pair<int, uint32_t>;
    const auto next_of = [](const UniqueFd& inotify) -> Event {
        inotify_event event{};
        if (::read(inotify.get(), &event, sizeof event) != sizeof event) return {-1, 0};
        return {event.wd, event.mask};
    };
    constexpr Event kNothing{-1, 0};

    std::vector<Message> replies;
    std::vector<int> numbers;
    for (int i = 0; i < 2; ++i) {
        replies.push_back(request(wire::Open{"pseudo-terminal", {}}));
        ASSERT_EQ(replies.back().fds.size(), 1u);
        const auto opened = decode<wire::Opened>(replies.back());
        numbers.push_back(static_cast<int>(find_number(opened->properties, "watch")->raw));
    }
    EXPECT_NE(numbers[0], numbers[1]);
    pollfd hung_up{replies[1].fds[0].get(), 0, 0};
    ASSERT_EQ(::poll(&hung_up, 1, 0), 1);
    EXPECT_NE(hung_up.revents & POLLHUP, 0) << "nobody has it open";
    EXPECT_EQ(next_of(watch.fds[0]), kNothing);

    const std::string path = *find_string(decode<wire::Opened>(replies[1])->properties, "path");
    UniqueFd user(::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(user.valid());
    EXPECT_EQ(next_of(watch.fds[0]), (Event{numbers[1], IN_OPEN}));
    EXPECT_EQ(::poll(&hung_up, 1, 0), 0);
    // Another opendextd asks: what happened meanwhile waits for it.
    user.reset();
    const Message again = request(wire::Open{"terminal-watch", {}});
    ASSERT_EQ(again.fds.size(), 1u);
    EXPECT_EQ(next_of(again.fds[0]), (Event{numbers[1], IN_CLOSE_WRITE}));
    EXPECT_EQ(next_of(watch.fds[0]), kNothing);
}

/// Writes a setting of this process's user namespace.
void set_limit(const char* name, int value) {
    std::ofstream(std::string("/proc/sys/user/") + name) << value;
}

TEST_F(ResourcesTest, ALimitOfTheKernelIsNamedWithTheWayOut) {
    // In a user namespace of its own a process may lower limits for itself.
    const auto map = [](const char* file, unsigned id) {
        std::ofstream(file) << "0 " << id << " 1";
    };
    const unsigned user = ::getuid();
    const unsigned group = ::getgid();
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWUSER) != 0) ::_exit(77);
        std::ofstream("/proc/self/setgroups") << "deny";
        map("/proc/self/uid_map", user);
        map("/proc/self/gid_map", group);
        set_limit("max_inotify_watches", 0);
        start_keeper();
        std::string told = reason(request(wire::Open{"pseudo-terminal", {}}));
        if (told.find("user.max_inotify_watches = 0") == std::string::npos) {
            std::fprintf(stderr, "told: %s\n", told.c_str());
            ::_exit(1);
        }
        TearDown();
        set_limit("max_inotify_instances", 0);
        SetUp();
        start_keeper();
        told = reason(request(wire::Open{"pseudo-terminal", {}}));
        if (told.find("user.max_inotify_instances = 0") == std::string::npos ||
            told.find("sysctl -w user.max_inotify_instances") == std::string::npos) {
            std::fprintf(stderr, "told: %s\n", told.c_str());
            ::_exit(2);
        }
        TearDown();
        ::_exit(HasFailure() ? 3 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ResourcesTest, EachPseudoTerminalIsItsOwn) {
    start_keeper();
    std::set<std::string> paths;
    std::vector<UniqueFd> masters;
    for (int i = 0; i < 10; ++i) {
        Message reply = request(wire::Open{"pseudo-terminal", {}});
        const auto opened = decode<wire::Opened>(reply);
        ASSERT_TRUE(opened.ok());
        paths.insert(*find_string(opened->properties, "path"));
        masters.push_back(std::move(reply.fds.at(0)));
    }
    EXPECT_EQ(paths.size(), 10u);
}

TEST_F(ResourcesTest, UnknownResourceIsRefused) {
    start_keeper();
    EXPECT_EQ(reason(request(wire::Open{"moon", {}})), "the keeper knows no resource \"moon\"");
}

TEST_F(ResourcesTest, NodesGoThroughTheKeeper) {
    start_keeper();
    EXPECT_EQ(reason(request(wire::PublishNode{"cu.one", "/dev/null", "", 0})), "");
    EXPECT_NE(
        reason(request(wire::PublishNode{"cu.one", "/dev/zero", "", 0})).find("exists already"),
        std::string::npos);
    EXPECT_NE(reason(request(wire::PublishNode{"a/b", "/dev/zero", "", 0})).find("slash"),
              std::string::npos);
    EXPECT_EQ(std::filesystem::read_symlink(root_ / "dev" / "cu.one"), "/dev/null");
    EXPECT_EQ(reason(request(wire::RemoveNode{"cu.one"})), "");
    EXPECT_EQ(reason(request(wire::RemoveNode{"cu.one"})), "device node cu.one is not published");
    EXPECT_TRUE(std::filesystem::is_empty(root_ / "dev"));
}

TEST_F(ResourcesTest, DevicesAreOpenedBySubsystemAndNameOnly) {
    start_keeper();
    const auto refused = [&](Dictionary arguments, std::string_view why) {
        const Message reply = request(wire::Open{"device", std::move(arguments)});
        EXPECT_TRUE(reply.fds.empty());
        EXPECT_NE(reason(reply).find(why), std::string::npos) << reason(reply);
    };
    refused({}, "a name as its subsystem");
    refused({{"subsystem", "misc"}}, "a name as its name");
    refused({{"subsystem", "misc"}, {"name", "../mem/null"}}, "a name as its name");
    refused({{"subsystem", ".."}, {"name", "null"}}, "a name as its subsystem");
    refused({{"subsystem", "misc"}, {"name", "hpet"}, {"attribute", "../dev"}}, "as its attribute");
    refused({{"subsystem", "mem"}, {"name", "mem"}}, "are not opened");
    refused({{"subsystem", "misc"}, {"name", "no-such-device"}},
            "the kernel has no device misc/no-such-device");
    refused({{"subsystem", "misc"}, {"name", "x"}, {"attribute", "y"}}, "/sys/class/misc/x/y");
    // The one character device that every container has.
    const Message reply = request(wire::Open{"device", {{"subsystem", "tty"}, {"name", "tty"}}});
    if (::access("/sys/class/tty/tty/dev", R_OK) != 0)
        GTEST_SKIP() << "this container has no sysfs with a terminal";
    // A process without a terminal of its own gets ENXIO from it, which shows that it was found.
    EXPECT_TRUE(reply.fds.size() == 1 || reason(reply).find("/dev/tty") != std::string::npos)
        << reason(reply);
}

}  // namespace
}  // namespace opendext::keeper::tests
