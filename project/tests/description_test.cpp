// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "project/target.h"
#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

class Description : public testing::Test {
  protected:
    Result<Target> read(const std::string& keys, const TargetOptions& options = {}) const {
        return read_target_description(
            folder_.write("targets/Foo.dexttarget",
                          "<plist version=\"1.0\"><dict>" + keys + "</dict></plist>"),
            options);
    }
    [[nodiscard]] std::string refusal(const std::string& keys) const {
        const auto target = read(keys);
        return target.ok() ? "read" : target.error().text();
    }
    static std::string string(const std::string& key, const std::string& value) {
        return "<key>" + key + "</key><string>" + value + "</string>";
    }
    static std::string array(const std::string& key, const std::string& value) {
        return "<key>" + key + "</key><array><string>" + value + "</string></array>";
    }

    const TemporaryFolder folder_;
    const std::string whole_ =
        string("name", "Foo") + string("folder", "../src") + array("interfaces", "../src/Foo.iig") +
        array("sources", "/abs/Foo.cpp") + array("include_folders", "../src") +
        array("definitions", "A=1") + string("info_plist", "../src/Info.plist") +
        "<key>variables</key><dict>" + string("X", "y") + "</dict>";
};

TEST_F(Description, ReadsPathsRelativeToItself) {
    const auto target = read(whole_);
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->name, "Foo");
    EXPECT_EQ(target->folder, folder_ / "src");
    ASSERT_EQ(target->interfaces.size(), 1U);
    EXPECT_EQ(target->interfaces[0], folder_ / "src/Foo.iig");
    EXPECT_EQ(target->sources.at(0), "/abs/Foo.cpp");
    EXPECT_EQ(target->info_plist, folder_ / "src/Info.plist");
    EXPECT_TRUE(target->entitlements.empty());
    EXPECT_EQ(target->definitions, std::vector<std::string>{"A=1"});
    EXPECT_EQ(target->variables.at("X"), "y");
    EXPECT_EQ(target->variables.at("EXECUTABLE_NAME"), "$(PRODUCT_NAME)")
        << "defaults are there too";
}

TEST_F(Description, OptionsWin) {
    TargetOptions options;
    options.name = "Bar";
    options.bundle_id = "com.example.bar";
    options.variables["X"] = "z";
    options.definitions = {"B"};
    const auto target = read(whole_, options);
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->name, "Bar");
    EXPECT_EQ(target->variables.at("PRODUCT_BUNDLE_IDENTIFIER"), "com.example.bar");
    EXPECT_EQ(target->variables.at("X"), "z");
    EXPECT_EQ(target->definitions, (std::vector<std::string>{"A=1", "B"}));
}

TEST_F(Description, WithoutListsItStandsForItsFolder) {
    folder_.write("src/Foo.iig", "");
    folder_.write("src/Foo.cpp", "");
    folder_.write("src/Info.plist", "");
    const auto target =
        read(string("name", "Foo") + string("folder", "../src") + array("definitions", "A"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->interfaces.at(0), folder_ / "src/Foo.iig");
    EXPECT_EQ(target->sources.at(0), folder_ / "src/Foo.cpp");
    EXPECT_EQ(target->definitions, std::vector<std::string>{"A"});
}

TEST_F(Description, MistakesAreToldWithTheirPlace) {
    EXPECT_NE(refusal(string("info_plist", "Info.plist")).find("name: is missing"),
              std::string::npos);
    EXPECT_NE(refusal(whole_ + string("sorces", "x")).find("sorces: is no field"),
              std::string::npos);
    EXPECT_NE(
        refusal(string("name", "../evil") + array("sources", "a.cpp")).find("cannot name a bundle"),
        std::string::npos);
    EXPECT_NE(refusal(string("name", "Foo") + string("sources", "a.cpp"))
                  .find("sources: must be an array of strings"),
              std::string::npos);
    EXPECT_NE(
        refusal(string("name", "Foo") + array("sources", "a.cpp")).find("info_plist: is missing"),
        std::string::npos);
    EXPECT_NE(refusal(string("name", "Foo") + string("info_plist", "Info.plist"))
                  .find("sources: has no .iig and no .cpp file"),
              std::string::npos);
    EXPECT_NE(refusal(whole_.substr(0, whole_.find("<key>variables")) + string("variables", "x"))
                  .find("variables: must be a dictionary"),
              std::string::npos);
    EXPECT_NE(refusal("<key>name</key>").find("Foo.dexttarget:1:"), std::string::npos)
        << refusal("<key>name</key>");
    EXPECT_FALSE(read_target_description(folder_ / "absent.dexttarget", {}).ok());
}

}  // namespace
}  // namespace opendext::project
