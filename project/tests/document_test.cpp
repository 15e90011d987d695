// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "project/document/node.h"
#include "project/tests/temporary_folder.h"
#include "project/xcode/model.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> corpus(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(CORPUS) / folder))
        files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

std::string message(const Result<Document>& document) {
    return document.ok() ? "accepted" : document.error().message;
}

TEST(Document, OpenStepHasTextsListsDictionariesDataAndComments) {
    const auto document = parse_openstep(
        "// !$*UTF8*$!\n{ /* a comment */ plain = a.b/c-d_$1; \"quoted key\" = \"a \\\"b\\\" \\n"
        "\\U00fc\\101\";\n  list = ( one, \"two\", ( ), ); data = <0f Bd>; empty = {}; 'single' = "
        "'x';}\n",
        "p");
    ASSERT_TRUE(document.ok()) << document.error().message;
    const Node& root = document->root;
    EXPECT_EQ(root.text_of("plain"), "a.b/c-d_$1");
    EXPECT_EQ(root.text_of("quoted key"), "a \"b\" \n\u00fcA");
    EXPECT_EQ(root.find("list")->texts(), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(root.find("list")->items.size(), 3U);
    EXPECT_EQ(root.text_of("data"), "0fBd");
    EXPECT_EQ(root.text_of("single"), "x");
    EXPECT_EQ(document->where(*root.find("list")), "p:3:10");
}

TEST(Document, FourFormsSayTheSame) {
    const std::string openstep = "{a = (x, \"y z\"); b = {c = 1; d = YES;};}";
    const std::string json = R"({"a": ["x", "y z"], "b": {"c": 1, "d": true}})";
    const std::string xml =
        "<plist><dict><key>a</key><array><string>x</string><string>y z</string></array>"
        "<key>b</key><dict><key>c</key><integer>1</integer><key>d</key><true/></dict></dict></"
        "plist>";
    const std::string yaml = "a: [x, 'y z']\nb:\n  c: 1\n  d: YES\n";
    for (const auto& document : {parse_project_file(openstep, "o"), parse_project_file(json, "j"),
                                 parse_project_file(xml, "x"), parse_yaml(yaml, "y")}) {
        ASSERT_TRUE(document.ok()) << document.error().message;
        const Node& root = document->root;
        EXPECT_EQ(root.find("a")->texts(), (std::vector<std::string>{"x", "y z"}))
            << document->file;
        ASSERT_NE(root.find("b"), nullptr);
        EXPECT_EQ(root.find("b")->text_of("c"), "1") << document->file;
        EXPECT_EQ(root.find("b")->text_of("d"), "YES") << document->file;
        EXPECT_NE(root.find("b")->position.line, 0U) << document->file;
    }
}

TEST(Document, ErrorsNameFileLineAndColumn) {
    EXPECT_EQ(message(parse_openstep("{\n  a = 1\n}", "p")),
              "p:3:1: expected ; behind the value of a");
    EXPECT_EQ(message(parse_openstep("{\n  a 1;\n}", "p")), "p:2:5: expected = behind the key a");
    EXPECT_EQ(message(parse_openstep("{ a = (1 2); }", "p")),
              "p:1:10: expected , or ) behind a member of a list");
    EXPECT_EQ(message(parse_openstep("{ a = \"x; }", "p")),
              "p:1:7: this text is not closed: add \"");
    EXPECT_EQ(message(parse_openstep("{ a = <0g>; }", "p")),
              "p:1:9: only hexadecimal digits stand between < and >");
    EXPECT_EQ(message(parse_openstep("{ a = <012>; }", "p")),
              "p:1:7: this data has half a byte: digits come in pairs");
    EXPECT_EQ(message(parse_openstep("{}\nmore", "p")),
              "p:2:1: there is more behind the end of the property list");
    EXPECT_NE(
        message(parse_openstep("{\n<<<<<<< HEAD\na = 1;}", "p")).find("p:2:1: a merge conflict"),
        std::string::npos);
    EXPECT_EQ(message(parse_openstep("{ /* a", "p")), "p:1:3: this comment is not closed: add */");
    EXPECT_NE(message(parse_project_file(" \n ", "p")).find("p: is empty"), std::string::npos);
    EXPECT_EQ(message(parse_project_file("{\"a\": [1 2]}", "p")), "p:1:10: expected , or ]");
    EXPECT_NE(message(parse_yaml("a: [1\nb: 2", "p")).find("p:2:"), std::string::npos);
    EXPECT_NE(message(parse_yaml("a: *none", "p")).find("names no anchor"), std::string::npos);
}

TEST(Document, DeepNestingIsRefused) {
    for (const auto& [open, parse] :
         {std::pair{"(", &parse_openstep}, {"[", &parse_json_document}, {"[", &parse_yaml}}) {
        std::string text;
        for (int i = 0; i < 100'000; ++i) text += open;
        EXPECT_NE(message(parse(text, "p")).find("nested too deeply"), std::string::npos)
            << message(parse(text, "p"));
    }
}

TEST(Document, YamlAnchorsAndMergeKeys) {
    const auto document =
        parse_yaml("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nlist: [*base]\n", "y");
    ASSERT_TRUE(document.ok()) << document.error().message;
    EXPECT_EQ(document->root.find("use")->text_of("a"), "1");
    EXPECT_EQ(document->root.find("use")->text_of("b"), "3");
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string below = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below + "," + below +
                "," + below + "," + below + "," + below + "," + below + "]\n";
    }
    EXPECT_NE(message(parse_yaml(bomb, "y")).find("too many values"), std::string::npos);
}

TEST(Document, YamlScalarsBecomeTypedValues) {
    const auto document = parse_yaml("[true, 'true', 12, 0x10, -3, text, \"12\", no]", "y");
    ASSERT_TRUE(document.ok());
    EXPECT_EQ(to_value(document->root),
              Value(Array{Value(true), Value("true"), Value(int64_t{12}), Value(int64_t{16}),
                          Value(int64_t{-3}), Value("text"), Value("12"), Value(false)}));
}

// Every good file is a project with a driver; every bad one tells in its second line what has to be
// said about it: "// expect: WORDS".
TEST(Corpus, ProjectsAreAccepted) {
    const auto files = corpus("good");
    ASSERT_GE(files.size(), 6U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.filename().string());
        const auto text = read_file(file.string());
        ASSERT_TRUE(text.ok());
        const auto project = xcode::parse_project(*text, "/nowhere/Driver.xcodeproj");
        ASSERT_TRUE(project.ok()) << project.error().text();
        const bool driver = std::ranges::any_of(project->targets, [](const xcode::Target& target) {
            return target.short_type() == "driver-extension";
        });
        EXPECT_TRUE(driver);
    }
}

TEST(Corpus, DamagedProjectsAreRefusedWithThePlace) {
    const auto files = corpus("bad");
    ASSERT_GE(files.size(), 10U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.filename().string());
        const auto text = read_file(file.string());
        ASSERT_TRUE(text.ok());
        const std::string mark = "// expect: ";
        const size_t begin = text->find(mark);
        ASSERT_NE(begin, std::string::npos);
        const std::string wanted =
            text->substr(begin + mark.size(), text->find('\n', begin) - begin - mark.size());
        const auto project = xcode::parse_project(*text, "/nowhere/Driver.xcodeproj");
        ASSERT_FALSE(project.ok()) << "was accepted";
        EXPECT_NE(project.error().message.find(wanted), std::string::npos)
            << project.error().message;
        EXPECT_TRUE(
            project.error().message.starts_with("/nowhere/Driver.xcodeproj/project.pbxproj:"))
            << project.error().message;
    }
}

TEST(Corpus, EveryTruncationIsRefused) {
    const auto text = read_file((fs::path(CORPUS) / "good" / "xcode15_minimal.pbxproj").string());
    ASSERT_TRUE(text.ok());
    const size_t end = text->rfind('}') + 1;
    for (size_t length = 0; length < end; length += 7)
        EXPECT_FALSE(xcode::parse_project(text->substr(0, length), "/n/D.xcodeproj").ok())
            << length;
}

}  // namespace
}  // namespace opendext::project
