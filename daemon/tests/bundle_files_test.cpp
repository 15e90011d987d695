// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/bundle_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace opendext::daemon {
namespace {

namespace fs = std::filesystem;

class BundleFiles : public testing::Test {
  protected:
    BundleFiles() {
        std::string pattern = (fs::temp_directory_path() / "opendext-files-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        bundle_ = root_ / "X.dext";
        fs::create_directories(bundle_ / "a" / "b");
        write(bundle_ / "top", "top");
        write(bundle_ / "a" / "b" / "deep", "deep");
        write(root_ / "secret", "secret");
    }
    ~BundleFiles() override { fs::remove_all(root_); }

    static void write(const fs::path& path, const std::string& text) {
        std::ofstream(path) << text;
    }
    std::string read(std::string_view path) {
        const auto file = open_in_bundle(bundle_, path);
        if (!file.ok()) return std::string(to_string(file.error().code));
        char text[64] = {};
        EXPECT_EQ(::fcntl(file->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
        const ssize_t size = ::read(file->get(), text, sizeof text);
        return size < 0 ? "unreadable" : std::string(text, static_cast<size_t>(size));
    }
    std::string refusal() { return std::string(to_string(Errc::not_permitted)); }

    fs::path root_, bundle_;
};

TEST_F(BundleFiles, RegularFilesOpenAtAnyDepth) {
    EXPECT_EQ(read("top"), "top");
    EXPECT_EQ(read("a/b/deep"), "deep");
    EXPECT_EQ(read("a/none"), std::string(to_string(Errc::not_found)));
    EXPECT_EQ(read("none/deep"), std::string(to_string(Errc::not_found)));
}

TEST_F(BundleFiles, PathsThatAreNotPlainAreRefused) {
    using namespace std::string_view_literals;
    for (const std::string_view path :
         {""sv, "/"sv, "/etc/passwd"sv, ".."sv, "../secret"sv, "a/../top"sv,
          "a/b/../../../secret"sv, "./top"sv, "a//b/deep"sv, "top/"sv, "a/"sv, "top\0x"sv}) {
        EXPECT_EQ(read(path), refusal()) << path;
    }
}

TEST_F(BundleFiles, NoLinkIsFollowed) {
    fs::create_symlink(root_ / "secret", bundle_ / "link");
    fs::create_symlink("top", bundle_ / "inner");
    fs::create_directory_symlink("..", bundle_ / "up");
    fs::create_directory_symlink("/", bundle_ / "a" / "root");
    for (const char* path : {"link", "inner", "up/secret", "a/root/etc/passwd"})
        EXPECT_EQ(read(path), refusal()) << path;
}

TEST_F(BundleFiles, WhatIsNoRegularFileIsRefusedAtOnce) {
    ASSERT_EQ(::mkfifo((bundle_ / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(read("fifo"), refusal());  // without waiting for a writer
    EXPECT_EQ(read("a"), refusal());
    EXPECT_EQ(read("top/x"), refusal());
}

TEST_F(BundleFiles, AFolderThatBecomesALinkMeanwhileLeadsNowhere) {
    fs::create_directories(root_ / "outside" / "b");
    write(root_ / "outside" / "b" / "deep", "secret");
    std::atomic<bool> stop = false;
    std::thread exchanger([&] {
        while (!stop) {
            fs::rename(bundle_ / "a", bundle_ / "aside");
            fs::create_directory_symlink(root_ / "outside", bundle_ / "a");
            fs::remove(bundle_ / "a");
            fs::rename(bundle_ / "aside", bundle_ / "a");
        }
    });
    int good = 0;
    for (int i = 0; i < 20000; ++i) {
        const std::string text = read("a/b/deep");
        ASSERT_NE(text, "secret");
        good += text == "deep" ? 1 : 0;
    }
    stop = true;
    exchanger.join();
    EXPECT_EQ(read("a/b/deep"), "deep");
    EXPECT_GT(good, 0);
}

}  // namespace
}  // namespace opendext::daemon
