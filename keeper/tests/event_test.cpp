// SPDX-License-Identifier: Apache-2.0
// The keeper's event loop: what a watch leaves behind when it ends.
#include "keeper/event.h"

#include <fcntl.h>
#include <gtest/gtest.h>
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

}  // namespace
}  // namespace opendext::keeper
