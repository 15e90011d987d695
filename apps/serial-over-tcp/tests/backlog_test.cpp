// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/backlog.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>

namespace opendext::serial_tcp {
namespace {

class BacklogTest : public testing::Test {
  protected:
    BacklogTest() {
        char path[] = "/tmp/backlog-test-XXXXXX";
        folder_ = ::mkdtemp(path);
        file_ = folder_ / "sub" / "port.buffer";
    }
    ~BacklogTest() override {
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }
    Backlog open(uint64_t capacity, WhenFull when_full, Backlog::Use use = Backlog::Use::fresh) {
        auto backlog = Backlog::open(file_, capacity, when_full, use);
        EXPECT_TRUE(backlog.ok()) << backlog.error().text();
        return std::move(*backlog);
    }

    std::filesystem::path folder_;
    std::filesystem::path file_;
};

/// A stretch over text that comes in two pieces, as from a ring.
struct Text {
    explicit Text(std::string bytes, size_t first = 0) : text(std::move(bytes)) {
        stretch.size = text.size();
        const size_t cut = std::min(first, text.size());
        if (cut != 0) stretch.pieces[stretch.count++] = {text.data(), cut};
        if (cut < text.size())
            stretch.pieces[stretch.count++] = {text.data() + cut, text.size() - cut};
    }
    std::string text;
    Stretch stretch;
};

std::string to_string(const Stretch& stretch) {
    std::string text;
    for (int i = 0; i < stretch.count; ++i) {
        const iovec& piece = stretch.pieces[static_cast<size_t>(i)];
        text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return text;
}

std::string take_all(Backlog& backlog) {
    std::string text;
    while (!backlog.empty()) {
        const std::string part = to_string(backlog.front());
        EXPECT_FALSE(part.empty());
        backlog.pop(part.size());
        text += part;
    }
    return text;
}

TEST_F(BacklogTest, GivesBackInOrderWhatWasPut) {
    Backlog backlog = open(10, WhenFull::block);
    EXPECT_TRUE(backlog.empty());
    EXPECT_EQ(4U, backlog.put(Text("abcd", 1).stretch, 0));
    EXPECT_EQ("abcd", to_string(backlog.front()));
    backlog.pop(3);
    EXPECT_EQ(8U, backlog.put(Text("efghijkl", 5).stretch, 4));
    EXPECT_EQ(9U, backlog.size());
    EXPECT_EQ("defghijkl", take_all(backlog)) << "over the end of the memory";
    EXPECT_EQ(0U, backlog.dropped());
}

TEST_F(BacklogTest, BlockTakesNoMoreThanThereIsRoom) {
    Backlog backlog = open(6, WhenFull::block);
    EXPECT_EQ(6U, backlog.put(Text("abcdefgh").stretch, 0));
    EXPECT_FALSE(backlog.has_room());
    EXPECT_EQ(0U, backlog.put(Text("gh").stretch, 6));
    backlog.pop(1);
    EXPECT_TRUE(backlog.has_room());
    EXPECT_EQ(1U, backlog.put(Text("gh").stretch, 6));
    EXPECT_EQ("bcdefg", take_all(backlog));
    EXPECT_EQ(0U, backlog.dropped());
}

TEST_F(BacklogTest, DropOldestKeepsTheNewestAndCounts) {
    Backlog backlog = open(6, WhenFull::drop_oldest);
    EXPECT_EQ(4U, backlog.put(Text("abcd").stretch, 0));
    EXPECT_EQ(4U, backlog.put(Text("efgh", 3).stretch, 4));
    EXPECT_EQ(2U, backlog.dropped());
    EXPECT_EQ(6U, backlog.size());
    EXPECT_EQ(9U, backlog.put(Text("ijklmnopq", 4).stretch, 8)) << "more than all of it";
    EXPECT_EQ(11U, backlog.dropped());
    EXPECT_TRUE(backlog.has_room());
    EXPECT_EQ("lmnopq", take_all(backlog));
}

TEST_F(BacklogTest, RandomStreamIsTheSameAsAString) {
    std::mt19937 random(7);
    for (const WhenFull when_full : {WhenFull::block, WhenFull::drop_oldest}) {
        Backlog backlog = open(97, when_full);
        std::string model;
        uint64_t dropped = 0;
        uint32_t position = 0xffffff00;  // wraps
        for (int step = 0; step < 4000; ++step) {
            if (random() % 3 != 0) {
                std::string bytes(random() % 150, '\0');
                for (char& c : bytes) c = static_cast<char>(random());
                const size_t taken = backlog.put(Text(bytes, random() % 150).stretch, position);
                model += bytes.substr(0, taken);
                position += static_cast<uint32_t>(taken);
                if (when_full == WhenFull::drop_oldest) {
                    ASSERT_EQ(bytes.size(), taken);
                }
                if (model.size() > 97) {
                    dropped += model.size() - 97;
                    model.erase(0, model.size() - 97);
                }
                if (taken != 0) {
                    ASSERT_EQ(position, backlog.position());
                }
            } else {
                const size_t count = random() % 60;
                const std::string front = to_string(backlog.front()).substr(0, count);
                ASSERT_EQ(model.substr(0, front.size()), front);
                backlog.pop(front.size());
                model.erase(0, front.size());
            }
            ASSERT_EQ(model.size(), backlog.size());
            ASSERT_EQ(dropped, backlog.dropped());
        }
        EXPECT_EQ(model, take_all(backlog));
    }
}

TEST_F(BacklogTest, SuccessorFindsBytesCounterAndPosition) {
    {
        Backlog backlog = open(8, WhenFull::drop_oldest);
        EXPECT_EQ(std::nullopt, backlog.position());
        backlog.put(Text("abcdefghij").stretch, 100);
        EXPECT_EQ(110U, backlog.position());
    }
    Backlog backlog = open(8, WhenFull::drop_oldest, Backlog::Use::keep);
    EXPECT_EQ(110U, backlog.position());
    EXPECT_EQ(2U, backlog.dropped());
    EXPECT_EQ("cdefghij", take_all(backlog));
    backlog.passed();
    EXPECT_EQ(std::nullopt, backlog.position()) << "bytes went by on the straight way";
    backlog.put(Text("xy").stretch, 5000);
    EXPECT_EQ(5002U, backlog.position());
}

TEST_F(BacklogTest, FreshAndOtherSizesBeginEmpty) {
    open(8, WhenFull::block).put(Text("abc").stretch, 0);
    EXPECT_TRUE(open(8, WhenFull::block).empty());
    open(8, WhenFull::block).put(Text("abc").stretch, 0);
    EXPECT_TRUE(open(9, WhenFull::block, Backlog::Use::keep).empty());
}

TEST_F(BacklogTest, FileIsTheOwnersAlone) {
    (void)open(8, WhenFull::block);
    struct stat made{};
    ASSERT_EQ(0, ::stat(file_.c_str(), &made));
    EXPECT_EQ(0600U, made.st_mode & 0777);
}

TEST_F(BacklogTest, NoSpaceIsAnErrorWithThePlace) {
    const auto backlog =
        Backlog::open("/proc/opendext-no-such/x.buffer", 8, WhenFull::block, Backlog::Use::fresh);
    ASSERT_FALSE(backlog.ok());
    EXPECT_NE(std::string::npos, backlog.error().text().find("/proc/opendext-no-such/x.buffer"));
}

}  // namespace
}  // namespace opendext::serial_tcp
