// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/opendext/log_reader.h"

namespace opendext::tools {
namespace {

using Words = std::vector<std::string>;

struct Parsed {
    bool list = false;
    bool roots = false;
    std::string class_name;
    int64_t width = -1;
    std::optional<std::string> connect;
    std::optional<int> status;
    Words operands;
    std::string message;
};

Parsed parse(const Words& words, size_t least = 0, size_t most = 2) {
    Parsed parsed;
    CommandLine line("tool", "[OPTIONS]", "A test.");
    line.flag("-l,--list", parsed.list, "")
        .flag("-r", parsed.roots, "")
        .option("-c", "CLASS", parsed.class_name, "")
        .option("--connect", "HOST", parsed.connect, "")
        .number("-w", "N", parsed.width, 0, 1000, "");
    ::testing::internal::CaptureStderr();
    parsed.status = line.parse(words, least, most);
    parsed.message = ::testing::internal::GetCapturedStderr();
    parsed.operands = line.operands();
    return parsed;
}

TEST(CommandLine, TakesFlagsTogetherAndValuesAttachedOrNot) {
    Parsed parsed = parse({"-rlc", "Foo", "-w0", "one", "--connect=a=b", "two"});
    EXPECT_FALSE(parsed.status) << parsed.message;
    EXPECT_TRUE(parsed.roots && parsed.list);
    EXPECT_EQ("Foo", parsed.class_name);
    EXPECT_EQ(0, parsed.width);
    EXPECT_EQ("a=b", parsed.connect);
    EXPECT_EQ((Words{"one", "two"}), parsed.operands);

    parsed = parse({"--list", "--connect", "h", "--", "-x"});
    EXPECT_FALSE(parsed.status) << parsed.message;
    EXPECT_TRUE(parsed.list);
    EXPECT_EQ((Words{"-x"}), parsed.operands);
}

TEST(CommandLine, MistakesGiveStatusTwoAndSayWhatIsWrong) {
    const auto refused = [](const Words& words, const std::string& message, size_t least = 0) {
        const Parsed parsed = parse(words, least);
        EXPECT_EQ(kExitUsage, parsed.status);
        EXPECT_EQ("tool: " + message + "\nTry 'tool --help'.\n", parsed.message);
    };
    refused({"-q"}, "unknown option -q");
    refused({"--quick=1"}, "unknown option --quick");
    refused({"--list=1"}, "--list takes no value");
    refused({"-c"}, "-c needs a value (CLASS)");
    refused({"--connect"}, "--connect needs a value (HOST)");
    refused({"-w", "12x"}, "-w needs a whole number from 0 to 1000, not '12x'");
    refused({"-w", "1001"}, "-w needs a whole number from 0 to 1000, not '1001'");
    refused({"a", "b", "c"}, "unexpected argument 'c'");
    refused({}, "too few arguments; usage: tool [OPTIONS]", 1);
}

TEST(Json, WritesAndReadsWhatItWrote) {
    const Value value(Dictionary{{"text", "a\"\\\n\t\x01 \xc3\xbc"},
                                 {"number", UINT64_MAX},
                                 {"flag", true},
                                 {"nothing", Value()},
                                 {"list", Array{uint64_t{1}, Dictionary{}, Array{}}}});
    for (const int indent : {0, 2}) {
        const Result<Value> back = parse_json(to_json(value, indent));
        ASSERT_TRUE(back.ok()) << back.error().text();
        EXPECT_EQ(value, *back);
    }
    EXPECT_EQ("{\"$data\": \"00ff\"}", to_json(Data{0, 255}));
    EXPECT_EQ("\"\xef\xbf\xbd(\"", quote_json("\xc3("));
    EXPECT_EQ("\xf0\x9f\x90\xa7", *parse_json("\"\\ud83d\\udc27\"")->string());
}

TEST(Json, RefusesWhatIsNotJson) {
    for (const char* text :
         {"", "{", "[1,]", "{\"a\":}", "{a:1}", "\"\\x\"", "\"open", "1.5", "1e3", "nul", "[1] 2",
          "\"\\u12\"", "99999999999999999999", "\"\n\""}) {
        EXPECT_FALSE(parse_json(text).ok()) << text;
    }
    EXPECT_FALSE(parse_json(std::string(100000, '[')).ok());
}

class Log : public ::testing::Test {
  protected:
    Log() {
        std::string name = "/tmp/opendext-log-XXXXXX";
        EXPECT_NE(nullptr, ::mkdtemp(name.data()));
        folder = name;
        path = folder / "log";
    }
    ~Log() override { std::filesystem::remove_all(folder); }
    void append(const std::string& text) { std::ofstream(path, std::ios::app) << text; }
    void rotate() { std::filesystem::rename(path, path.string() + ".1"); }
    Words read(LogReader& reader) {
        Words lines;
        const Status status = reader.read([&](std::string_view line) { lines.emplace_back(line); });
        EXPECT_TRUE(status.ok());
        return lines;
    }
    std::filesystem::path folder;
    std::filesystem::path path;
};

TEST_F(Log, GivesEachLineOnceAcrossRotations) {
    append("old\n");
    rotate();
    append("one\ntwo\nthr");
    LogReader reader(path);
    EXPECT_EQ((Words{"old", "one", "two"}), read(reader));
    append("ee\n");
    EXPECT_EQ((Words{"three"}), read(reader));
    append("four\n");
    rotate();
    append("five\n");
    EXPECT_EQ((Words{"four", "five"}), read(reader));
    append("six\n");
    rotate();
    append("seven\n");
    rotate();
    append("eight\n");
    EXPECT_EQ((Words{"six", "seven", "eight"}), read(reader));
    EXPECT_EQ(Words{}, read(reader));
}

TEST_F(Log, SaysThatThereIsNoLogAndFindsItLater) {
    LogReader reader(path);
    const Status status = reader.read([](std::string_view) {});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ("there is no log yet at " + path.string(), status.error().message);
    append("first\n");
    reader.wait(std::chrono::seconds(30));
    EXPECT_EQ((Words{"first"}), read(reader));
}

TEST(LogLine, IsPrintedForPeopleAndFilteredByName) {
    const Value line =
        std::move(parse_json(R"({"time":"2026-11-20T12:34:56.123456Z","pid":42,"level":"error",
        "bundle":"com.example.Driver","process":"opendext-driver","subsystem":"s","category":"c",
        "message":"first\nsecond\u001b[31m"})"))
            .value();
    const Dictionary& fields = *line.dictionary();
    EXPECT_EQ("12:34:56.123456 error   com.example.Driver[42]: first\n    second\\x1b[31m",
              to_text(fields));
    for (const char* name :
         {"com.example.Driver", "Driver", "example.Driver", "opendext-driver", "s"}) {
        EXPECT_TRUE(concerns(fields, name)) << name;
    }
    for (const char* name : {"river", "com.example", "c", ""})
        EXPECT_FALSE(concerns(fields, name)) << name;
}

}  // namespace
}  // namespace opendext::tools
