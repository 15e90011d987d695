// SPDX-License-Identifier: Apache-2.0
#include "rpc/whole_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace opendext {
namespace {

namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
  protected:
    WholeFileTest() {
        char name[] = "/tmp/whole-file-XXXXXX";
        folder = ::mkdtemp(name);
    }
    ~WholeFileTest() override { fs::remove_all(folder); }
    static std::string text_of(const fs::path& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    [[nodiscard]] size_t files() const {
        return static_cast<size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }
    fs::path folder;
};

TEST_F(WholeFileTest, MakesAndReplacesAFileAndLeavesNothingBeside) {
    const fs::path path = folder / "file";
    ASSERT_TRUE(write_whole_file(path, "one", 0600).ok());
    EXPECT_EQ(text_of(path), "one");
    struct stat about{};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777U, 0600U);
    const std::string large(300'000, 'x');
    ASSERT_TRUE(write_whole_file(path, large, 0666, Keep::over_power_loss).ok());
    EXPECT_EQ(text_of(path), large);
    ASSERT_TRUE(write_whole_file(path, "").ok());
    EXPECT_EQ(text_of(path), "");
    EXPECT_EQ(files(), 1U);
}

TEST_F(WholeFileTest, ALinkIsReplacedAndItsTargetStays) {
    ASSERT_TRUE(write_whole_file(folder / "target", "kept").ok());
    fs::create_symlink(folder / "target", folder / "link");
    ASSERT_TRUE(write_whole_file(folder / "link", "new").ok());
    EXPECT_EQ(text_of(folder / "target"), "kept");
    EXPECT_EQ(text_of(folder / "link"), "new");
    EXPECT_FALSE(fs::is_symlink(folder / "link"));
}

TEST_F(WholeFileTest, WhatCannotBeWrittenNamesTheFileAndChangesNothing) {
    const Status missing = write_whole_file(folder / "no" / "file", "text");
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().text().find((folder / "no" / "file").string()), std::string::npos);
    EXPECT_EQ(missing.error().number, ENOENT);

    fs::create_directory(folder / "taken");
    EXPECT_EQ(write_whole_file(folder / "taken", "text").error().number, EISDIR);
    EXPECT_EQ(files(), 1U) << "nothing of the failed writes is left";
}

TEST_F(WholeFileTest, AFullDiskLeavesTheOldText) {
    const fs::path path = folder / "file";
    ASSERT_TRUE(write_whole_file(path, "old").ok());
    // A limit on the size of files stands for the disk: in a child, which ends with it.
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{4096, 4096};
        ::setrlimit(RLIMIT_FSIZE, &small);
        const Status status = write_whole_file(path, std::string(100'000, 'x'));
        ::_exit(!status.ok() && status.error().number == EFBIG ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(text_of(path), "old");
    EXPECT_EQ(files(), 1U);
}

TEST_F(WholeFileTest, AReaderSeesOneTextOrTheOtherWhileWritersAreKilled) {
    const fs::path path = folder / "file";
    const std::string texts[] = {std::string(100'000, 'a'), std::string(70'000, 'b')};
    ASSERT_TRUE(write_whole_file(path, texts[0]).ok());
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (size_t i = 0;; ++i) (void)write_whole_file(path, texts[i % 2]);
        }
        for (int look = 0; look < 20; ++look) {
            const std::string seen = text_of(path);
            ASSERT_TRUE(seen == texts[0] || seen == texts[1]) << seen.size();
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::string seen = text_of(path);
        ASSERT_TRUE(seen == texts[0] || seen == texts[1]) << seen.size();
    }
}

TEST_F(WholeFileTest, WritersAtTheSameTimeDoNotMix) {
    const fs::path path = folder / "file";
    std::thread threads[4];
    for (size_t i = 0; i < 4; ++i) {
        threads[i] = std::thread([&, i] {
            for (int round = 0; round < 50; ++round)
                EXPECT_TRUE(
                    write_whole_file(path, std::string(5000, static_cast<char>('a' + i))).ok());
        });
    }
    for (auto& thread : threads) thread.join();
    const std::string last = text_of(path);
    EXPECT_EQ(last, std::string(5000, last.at(0)));
    EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace opendext
