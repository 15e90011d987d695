// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

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
    ASSERT_EQ(reply.fds.size(), 2u) << "the master and what watches it";
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

TEST_F(ResourcesTest, OpensAndClosesOfAPseudoTerminalAreTold) {
    start_keeper();
    const Message reply = request(wire::Open{"pseudo-terminal", {}});
    ASSERT_EQ(reply.fds.size(), 2u);
    pollfd hung_up{reply.fds[0].get(), 0, 0};
    ASSERT_EQ(::poll(&hung_up, 1, 0), 1);
    EXPECT_NE(hung_up.revents & POLLHUP, 0) << "nobody has it open";

    const auto next = [&]() -> uint32_t {
        inotify_event event{};
        return ::read(reply.fds[1].get(), &event, sizeof event) == sizeof event ? event.mask : 0;
    };
    EXPECT_EQ(next(), 0u);
    UniqueFd user(::open(find_string(decode<wire::Opened>(reply)->properties, "path")->c_str(),
                         O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(user.valid());
    EXPECT_EQ(next(), uint32_t{IN_OPEN});
    EXPECT_EQ(::poll(&hung_up, 1, 0), 0);
    user.reset();
    EXPECT_EQ(next(), uint32_t{IN_CLOSE_WRITE});
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

}  // namespace
}  // namespace opendext::keeper::tests
