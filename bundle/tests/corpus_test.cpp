// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bundle/rules.h"

namespace opendext::bundle {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(CORPUS) / folder))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::string contents(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

TEST(Corpus, GoodFilesPass) {
    const auto files = files_of("good");
    ASSERT_GE(files.size(), 5U);
    for (const auto& path : files) {
        SCOPED_TRACE(path.filename().string());
        const auto plist = read_plist(path);
        ASSERT_TRUE(plist.ok()) << plist.error().text();
        const auto problems = check_info(plist.value());
        EXPECT_TRUE(problems.empty()) << problems.front().message;
    }
}

/// Each bad file tells in a comment what the message has to say.
TEST(Corpus, BadFilesAreRefusedWithFilePlaceKeyAndWayOut) {
    const auto files = files_of("bad");
    ASSERT_GE(files.size(), 50U);
    for (const auto& path : files) {
        SCOPED_TRACE(path.filename().string());
        const std::string text = contents(path);
        const std::string mark = "<!-- expect: ";
        const size_t begin = text.find(mark);
        ASSERT_NE(begin, std::string::npos);
        const size_t start = begin + mark.size();
        const std::string wanted = text.substr(start, text.find(" -->", start) - start);
        ASSERT_FALSE(wanted.empty());

        const auto plist = read_plist(path);
        const Status outcome =
            plist.ok() ? first_error(check_info(plist.value())) : Status(plist.error());
        ASSERT_FALSE(outcome.ok()) << "was accepted";
        const std::string message = outcome.error().text();
        EXPECT_NE(message.find(wanted), std::string::npos)
            << "got: " << message << "\nwanted: " << wanted;
        EXPECT_TRUE(message.starts_with(path.string() + ":")) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

/// No file that is cut at any byte is accepted or crashes the reader.
TEST(Corpus, EveryTruncationIsRefused) {
    const std::string text = contents(fs::path(CORPUS) / "good" / "all_match_keys.plist");
    const size_t end = text.rfind("</plist>");
    for (size_t length = 0; length < end + 8; ++length) {
        EXPECT_FALSE(parse_plist(text.substr(0, length), "cut.plist").ok()) << length;
    }
    EXPECT_TRUE(parse_plist(text.substr(0, end + 8), "whole.plist").ok());
}

}  // namespace
}  // namespace opendext::bundle
