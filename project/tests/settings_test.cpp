// SPDX-License-Identifier: Apache-2.0
#include "project/settings/settings.h"

#include <gtest/gtest.h>

#include <map>

#include "project/settings/xcconfig.h"

namespace opendext::project {
namespace {

Level level(std::initializer_list<std::pair<const char*, const char*>> pairs) {
    Level result;
    for (const auto& [name, value] : pairs) {
        auto assignment = parse_assignment_name(name);
        EXPECT_TRUE(assignment.ok()) << assignment.error().message;
        assignment->value = value;
        result.push_back(std::move(*assignment));
    }
    return result;
}

using Words = std::vector<std::string>;

std::string value(const Settings& settings, std::string_view name) {
    auto result = settings.value(name);
    return result.ok() ? *result : "error: " + result.error().message;
}

Words list(const Settings& settings, std::string_view name) {
    auto result = settings.list(name);
    return result.ok() ? *result : Words{"error: " + result.error().message};
}

TEST(Settings, HigherLevelsHideLowerOnesAndInheritThem) {
    Settings settings;
    settings.push(level({{"FLAGS", "-a"}, {"NAME", "project"}, {"ONLY", "below"}}));
    settings.push(level({{"FLAGS", "$(inherited) -b"}, {"NAME", "target"}}));
    settings.push(level({{"FLAGS", "$(FLAGS) -c"}}));
    EXPECT_EQ(value(settings, "FLAGS"), "-a -b -c");
    EXPECT_EQ(value(settings, "NAME"), "target");
    EXPECT_EQ(value(settings, "ONLY"), "below");
    EXPECT_EQ(value(settings, "NONE"), "");
    EXPECT_TRUE(settings.has("ONLY"));
    EXPECT_FALSE(settings.has("NONE"));
}

TEST(Settings, ReferencesInAllForms) {
    Settings settings;
    settings.push(level({{"A", "x"},
                         {"PAREN", "$(A)"},
                         {"BRACE", "${A}"},
                         {"BARE", "$A/$NOT_ONE"},
                         {"NESTED", "$(P$(KIND))"},
                         {"KIND", "AREN"},
                         {"DOLLAR", "$$(A)"},
                         {"EMPTY", "[$(UNSET)]"}}));
    EXPECT_EQ(value(settings, "PAREN"), "x");
    EXPECT_EQ(value(settings, "BRACE"), "x");
    EXPECT_EQ(value(settings, "BARE"), "x/$NOT_ONE");
    EXPECT_EQ(value(settings, "NESTED"), "x");
    EXPECT_EQ(value(settings, "DOLLAR"), "$(A)");
    EXPECT_EQ(value(settings, "EMPTY"), "[]");
    EXPECT_EQ(settings.missing("a $(UNSET) $(A)"), (Words{"UNSET"}));
}

TEST(Settings, ConditionsCountWhereTheyFit) {
    Settings settings;
    settings.set_context("sdk", "driverkit25.0");
    settings.set_context("arch", "x86_64");
    settings.set_context("config", "Debug");
    settings.push(level({{"TEAM", "nobody"},
                         {"TEAM[sdk=driverkit*]", "driver"},
                         {"TEAM[sdk=macosx*]", "mac"},
                         {"EXACT[sdk=driverkit]", "yes"},
                         {"BOTH[sdk=driverkit*][arch=x86_64]", "both"},
                         {"COMMA[sdk=driverkit*,arch=arm64]", "no"},
                         {"MODE[config=Debug]", "slow"},
                         {"MODE[config=Release]", "fast"},
                         {"ANY[arch=*]", "any"},
                         {"INHERIT", "a"},
                         {"INHERIT[sdk=driverkit*]", "$(inherited) b"}}));
    EXPECT_EQ(value(settings, "TEAM"), "driver");
    EXPECT_EQ(value(settings, "EXACT"), "yes");
    EXPECT_EQ(value(settings, "BOTH"), "both");
    EXPECT_EQ(value(settings, "COMMA"), "");
    EXPECT_EQ(value(settings, "MODE"), "slow");
    EXPECT_EQ(value(settings, "ANY"), "any");
    EXPECT_EQ(value(settings, "INHERIT"), "a b");
}

TEST(Settings, ListsKeepQuotedWordsAndReferencesWhole) {
    Settings settings;
    settings.push(level({{"ROOT", "/my project"},
                         {"PATHS", "$(ROOT)/include \"$(ROOT)/other folder\" ../x"},
                         {"DEFINES", R"(NAME=\"text\" 'SPACED=a b' PLAIN $(MORE))"},
                         {"MORE", "ONE TWO"},
                         {"NOTHING", "$(UNSET) $(UNSET)/x"},
                         {"QUOTED_REFERENCE", "\"$(MORE)\""}}));
    settings.push(level({{"PATHS", "first $(inherited)"}}));
    EXPECT_EQ(list(settings, "PATHS"),
              (Words{"first", "/my project/include", "/my project/other folder", "../x"}));
    EXPECT_EQ(list(settings, "DEFINES"),
              (Words{"NAME=\"text\"", "SPACED=a b", "PLAIN", "ONE", "TWO"}));
    EXPECT_EQ(list(settings, "NOTHING"), (Words{"/x"}));
    EXPECT_EQ(list(settings, "QUOTED_REFERENCE"), (Words{"ONE TWO"}));
    EXPECT_EQ(list(settings, "UNSET"), Words{});
    EXPECT_EQ(split_words(quote_word("a \"b\" \\c") + " d"), (Words{"a \"b\" \\c", "d"}));
}

TEST(Settings, ModifiersChangeValues) {
    Settings settings;
    settings.push(
        level({{"P", "/a/b/file.tar.gz"}, {"N", "My Driver 1"}, {"D", "1x"}, {"Y", "YES"}}));
    const auto expanded = [&](const char* text) {
        auto result = settings.expand(text);
        return result.ok() ? *result : result.error().message;
    };
    EXPECT_EQ(expanded("$(P:dir)"), "/a/b/");
    EXPECT_EQ(expanded("$(P:file)"), "file.tar.gz");
    EXPECT_EQ(expanded("$(P:base)"), "file.tar");
    EXPECT_EQ(expanded("$(P:suffix)"), ".gz");
    EXPECT_EQ(expanded("$(P:dir:standardizepath)"), "/a/b");
    EXPECT_EQ(expanded("$(P:suffix=.h)"), "/a/b/file.tar.h");
    EXPECT_EQ(expanded("$(P:file=other)"), "/a/b/other");
    EXPECT_EQ(expanded("$(P:dir=/new)"), "/new/file.tar.gz");
    EXPECT_EQ(expanded("$(P:relativeto=/a)"), "b/file.tar.gz");
    EXPECT_EQ(expanded("$(N:rfc1034identifier)"), "My-Driver-1");
    EXPECT_EQ(expanded("$(N:c99extidentifier:lower)"), "my_driver_1");
    EXPECT_EQ(expanded("$(D:identifier)"), "_x");
    EXPECT_EQ(expanded("$(N:quote)"), "My\\ Driver\\ 1");
    EXPECT_EQ(expanded("$(Y:not)"), "NO");
    EXPECT_EQ(expanded("$(UNSET:default=$(N:upper))"), "MY DRIVER 1");
    EXPECT_NE(expanded("$(N:shout)").find("unknown modifier \"shout\""), std::string::npos);
    EXPECT_EQ(expanded("$(N"), "\"$(N\" is not closed: add ')'");
}

TEST(Settings, CirclesEndAndGrowthIsRefused) {
    Settings settings;
    settings.push(level({{"A", "a$(B)"}, {"B", "b$(A)"}}));
    EXPECT_EQ(value(settings, "A"), "ab") << "as Xcode: what is inside itself means what it hides";
    Settings growing;
    growing.push("X0", "xxxxxxxxxx");
    for (int i = 1; i < 40; ++i) {
        const std::string below = "$(X" + std::to_string(i - 1) + ")";
        growing.push("X" + std::to_string(i), below + below);
    }
    EXPECT_NE(value(growing, "X39").find("grows without bound"), std::string::npos);
    EXPECT_NE(list(growing, "X39").front().find("grows without bound"), std::string::npos);
    Settings strict(Settings::Unknown::refused);
    strict.push(level({{"A", "$(B)"}, {"B", "$(A)"}}));
    EXPECT_NE(value(strict, "A").find("refers to itself"), std::string::npos);
    EXPECT_NE(strict.expand("$(NONE)").error().message.find("--set NONE=VALUE"), std::string::npos);
}

TEST(Settings, NamesOfAssignmentsAreChecked) {
    EXPECT_FALSE(parse_assignment_name("a b").ok());
    EXPECT_FALSE(parse_assignment_name("").ok());
    EXPECT_FALSE(parse_assignment_name("A[sdk=x").ok());
    EXPECT_FALSE(parse_assignment_name("A[sdk]").ok());
    const auto name = parse_assignment_name("A[sdk=x*][arch=y] ");
    ASSERT_TRUE(name.ok());
    EXPECT_EQ(name->conditions, (std::vector<Condition>{{"sdk", "x*"}, {"arch", "y"}}));
}

/// Files by name, for #include.
class XcconfigTest : public ::testing::Test {
  protected:
    Result<Xcconfig> parse(const std::string& text) {
        return parse_xcconfig(text, "/c/Main.xcconfig",
                              [this](const std::filesystem::path& path) -> Result<std::string> {
                                  const auto found = files_.find(path.string());
                                  if (found != files_.end()) return found->second;
                                  return Error{Errc::not_found, 0, "absent"};
                              });
    }
    std::string message(const std::string& text) {
        auto result = parse(text);
        return result.ok() ? "accepted" : result.error().message;
    }
    std::map<std::string, std::string> files_;
};

TEST_F(XcconfigTest, AssignmentsConditionsCommentsAndIncludes) {
    files_["/c/Base.xcconfig"] = "A = base\nB = one // tail\n";
    files_["/c/sub/More.xcconfig"] = "#include \"../Base.xcconfig\"\n";
    const auto result = parse(
        "\xef\xbb\xbf// comment\n#include \"sub/More\"\n#include? \"None.xcconfig\"\r\n"
        "A = $(inherited) main;\nURL = https:/$()/example.com\nC[sdk=driverkit*] = x = y\nEMPTY "
        "=\n");
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->files.size(), 3U);
    Settings settings;
    settings.set_context("sdk", "driverkit25.0");
    settings.push(result->assignments);
    EXPECT_EQ(value(settings, "A"), "base main");
    EXPECT_EQ(value(settings, "B"), "one");
    EXPECT_EQ(value(settings, "URL"), "https://example.com");
    EXPECT_EQ(value(settings, "C"), "x = y");
    EXPECT_EQ(value(settings, "EMPTY"), "");
    EXPECT_EQ(settings.where("A"), "/c/Main.xcconfig:4:1");
}

TEST_F(XcconfigTest, ErrorsNameFileLineAndColumn) {
    EXPECT_NE(message("\n  nonsense").find("/c/Main.xcconfig:2:3: \"nonsense\" is neither"),
              std::string::npos);
    EXPECT_NE(message("#include \"None\"")
                  .find("/c/Main.xcconfig:1:1: includes None, which is not there"),
              std::string::npos);
    EXPECT_NE(message("#include None").find("in quotes"), std::string::npos);
    EXPECT_NE(message("#define X").find("only #include"), std::string::npos);
    EXPECT_NE(message("A B = 1").find("cannot name a setting"), std::string::npos);
    EXPECT_NE(message("<<<<<<< HEAD\n").find("merge conflict"), std::string::npos);
    files_["/c/Loop.xcconfig"] = "#include \"Loop.xcconfig\"\n";
    EXPECT_NE(message("#include \"Loop.xcconfig\"")
                  .find("Loop.xcconfig:1:1: Loop.xcconfig includes itself"),
              std::string::npos);
}

}  // namespace
}  // namespace opendext::project
