// SPDX-License-Identifier: Apache-2.0
#include "bundle/plist.h"

#include <gtest/gtest.h>
#include <plist/plist.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace opendext::bundle {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
  public:
    TemporaryFolder() : path_((fs::temp_directory_path() / "opendext-plist-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) std::abort();
    }
    ~TemporaryFolder() { fs::remove_all(path_); }
    fs::path operator/(const char* name) const { return fs::path(path_) / name; }
    [[nodiscard]] fs::path path() const { return path_; }

  private:
    std::string path_;
};

Value sample() {
    return Dictionary{
        {"yes", true},
        {"no", false},
        {"number", Value(uint64_t{42})},
        {"negative", Value(int64_t{-7})},
        {"large", Value(uint64_t{0x8000000000000001})},
        {"text", "a < b & \"c\" – ü"},
        {"empty", ""},
        {"data", Data{0, 1, 254, 255}},
        {"array", Array{Value("x"), Value(Dictionary{{"k", "v"}})}},
        {"nothing", Dictionary{}},
    };
}

TEST(Plist, XmlRoundTripKeepsEveryValue) {
    const auto text = to_xml(sample());
    ASSERT_TRUE(text.ok()) << text.error().text();
    const auto back = parse_plist(text.value(), "x.plist");
    ASSERT_TRUE(back.ok()) << back.error().text() << "\n" << text.value();
    EXPECT_EQ(back->root, sample()) << text.value();
    EXPECT_EQ(find_number(*back->root.dictionary(), "negative")->as_signed(), -7);
}

TEST(Plist, PositionsNameKeysAndArrayMembers) {
    const auto plist = parse_plist(
        "<plist>\n<dict>\n  <key>a</key>\n  <array>\n    <string>x</string>\n  "
        "</array>\n</dict></plist>",
        "f");
    ASSERT_TRUE(plist.ok()) << plist.error().text();
    EXPECT_EQ(plist->where("a"), "f:3:3");
    EXPECT_EQ(plist->where("a/0"), "f:5:5");
    EXPECT_EQ(plist->where("a/7/z"), "f:3:3") << "the nearest parent";
    EXPECT_EQ(plist->where("b"), "f");
}

std::string binary(plist_t node) {
    char* bytes = nullptr;
    uint32_t length = 0;
    plist_to_bin(node, &bytes, &length);
    std::string result(bytes, length);
    std::free(bytes);
    return result;
}

TEST(Plist, BinaryFormGivesTheSameValue) {
    const std::string xml = to_xml(sample()).value();
    plist_t node = nullptr;
    plist_from_xml(xml.data(), static_cast<uint32_t>(xml.size()), &node);
    const std::string bytes = binary(node);
    plist_free(node);
    ASSERT_TRUE(bytes.starts_with("bplist00"));
    const auto back = parse_plist(bytes, "b.plist");
    ASSERT_TRUE(back.ok()) << back.error().text();
    EXPECT_EQ(back->root, sample());
    EXPECT_EQ(back->where("text"), "b.plist");
    // Cut or changed anywhere: refused or read as something else, never a crash.
    for (size_t i = 0; i < bytes.size(); ++i) {
        (void)parse_plist(std::string_view(bytes).substr(0, i), "cut");
        for (const char flip : {'\x01', '\x80', '\xff'}) {
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ flip);
            (void)parse_plist(changed, "changed");
        }
    }
}

/// bplist with objects given as raw bytes; 1-byte offsets and references.
std::string assemble(const std::vector<std::string>& objects) {
    std::string bytes = "bplist00";
    std::string table;
    for (const auto& object : objects) {
        table += static_cast<char>(bytes.size());
        bytes += object;
    }
    const auto offset = static_cast<char>(bytes.size());
    bytes += table;
    bytes += std::string(6, '\0') + "\x01\x01";
    bytes += std::string(7, '\0') + static_cast<char>(objects.size());
    bytes += std::string(8, '\0');
    bytes += std::string(7, '\0') + offset;
    return bytes;
}

TEST(Plist, BinaryCyclesAndBombsAreRefused) {
    using namespace std::string_literals;
    const auto cycle = parse_plist(assemble({"\xa1\x00"s}), "cycle");
    ASSERT_FALSE(cycle.ok());
    EXPECT_NE(cycle.error().message.find("contains itself"), std::string::npos)
        << cycle.error().message;

    // Eight levels of ten references each: 10^8 copies out of a hundred bytes.
    std::vector<std::string> bomb;
    for (int level = 1; level <= 8; ++level)
        bomb.push_back("\xaa"s + std::string(10, static_cast<char>(level)));
    bomb.push_back("\x09"s);
    const auto refused = parse_plist(assemble(bomb), "bomb");
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("too many objects"), std::string::npos)
        << refused.error().message;

    const auto outside =
        parse_plist(assemble({"\x5f\x13\x7f\xff\xff\xff\xff\xff\xff\xff"s}), "outside");
    ASSERT_FALSE(outside.ok());
    EXPECT_NE(outside.error().message.find("lies outside the file"), std::string::npos);
}

TEST(Plist, OtherFormsAreNamed) {
    for (const auto& [text, wanted] : std::vector<std::pair<std::string, std::string>>{
             {"", "the file is empty"},
             {"  \n", "the file is empty"},
             {"{ a = b; }", "neither an XML nor a binary"}}) {
        const auto plist = parse_plist(text, "p");
        ASSERT_FALSE(plist.ok());
        EXPECT_NE(plist.error().message.find(wanted), std::string::npos) << plist.error().message;
    }
    EXPECT_FALSE(parse_plist(std::string(kMaximumPlistSize + 1, ' '), "p").ok());
}

TEST(Plist, FilesThatAreNoFilesAreRefused) {
    const TemporaryFolder folder;
    const auto missing = read_plist(folder / "none.plist");
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().text().find("No such file"), std::string::npos)
        << missing.error().text();
    const auto directory = read_plist(folder.path());
    ASSERT_FALSE(directory.ok());
    EXPECT_NE(directory.error().text().find("not a regular file"), std::string::npos)
        << directory.error().text();
    ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
    EXPECT_FALSE(read_plist(folder / "fifo").ok()) << "and does not wait for a writer";
}

TEST(Plist, WritingIsAllOrNothing) {
    const TemporaryFolder folder;
    ASSERT_TRUE(write_plist(folder / "a.plist", sample()).ok());
    const auto back = read_plist(folder / "a.plist");
    ASSERT_TRUE(back.ok()) << back.error().text();
    EXPECT_EQ(back->root, sample());

    EXPECT_FALSE(write_plist(folder / "b.plist", Dictionary{{"null", Value()}}).ok());
    EXPECT_FALSE(write_plist(folder / "no/folder.plist", sample()).ok());
    size_t files = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder.path())) ++files;
    EXPECT_EQ(files, 1U) << "no temporary file is left";
}

}  // namespace
}  // namespace opendext::bundle
