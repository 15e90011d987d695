// SPDX-License-Identifier: Apache-2.0
#include "project/new/template.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kSdk = {"IOService", "OSString"};

/// A folder of templates, and room for projects.
class NewProjectTest : public testing::Test {
  protected:
    void SetUp() override {
        folder_.write("templates/common/README.md",
                      "<!-- SPDX-License-Identifier: X -->\n# @NAME@\n");
        folder_.write("templates/common/Tests/test.sh",
                      "#!/bin/sh\n# SPDX-License-Identifier: X\necho @NAME_LOWER@\n");
        fs::permissions(root() / "common/Tests/test.sh", fs::perms{0755});
        folder_.write("templates/none/@NAME@Extra.cpp", "class @NAME@ {}; // @BUNDLE_ID@\n");
        folder_.write("templates/none/summary.txt",
                      "# SPDX-License-Identifier: X\nnothing special\n");
        folder_.write("templates/teleport/README.md", "@NAME@ teleports\n");
    }
    [[nodiscard]] fs::path root() const { return folder_ / "templates"; }
    Result<fs::path> create(NewProject project) const {
        if (project.directory.empty()) project.directory = folder_ / "made" / project.name;
        return create_project(root(), project, kSdk);
    }
    std::string refusal(const NewProject& project) const {
        const auto made = create(project);
        return made.ok() ? "made " + made->string() : made.error().text();
    }

    TemporaryFolder folder_;
};

TEST_F(NewProjectTest, FillsNamesAndContentsAndLeavesOurLicenceOut) {
    const auto made = create({"Foo_Bar", "none", "", ""});
    ASSERT_TRUE(made.ok()) << made.error().text();
    EXPECT_EQ(*made, folder_ / "made/Foo_Bar");
    EXPECT_EQ(folder_.read("made/Foo_Bar/README.md"), "# Foo_Bar\n");
    EXPECT_EQ(folder_.read("made/Foo_Bar/Tests/test.sh"), "#!/bin/sh\necho foo_bar\n");
    EXPECT_EQ(folder_.read("made/Foo_Bar/Foo_BarExtra.cpp"),
              "class Foo_Bar {}; // org.example.Foo-Bar\n");
    EXPECT_FALSE(fs::exists(*made / "summary.txt"));
    EXPECT_NE(fs::status(*made / "Tests/test.sh").permissions() & fs::perms::owner_exec,
              fs::perms::none);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "made"), {}), 1)
        << "no leftovers beside it";
}

TEST_F(NewProjectTest, AFilesOfTheFamilyWinOverCommonOnes) {
    ASSERT_TRUE(create({"Foo", "teleport", "com.example.foo", ""}).ok());
    EXPECT_EQ(folder_.read("made/Foo/README.md"), "Foo teleports\n");
}

TEST_F(NewProjectTest, ListsWhatIsThere) {
    const auto found = list_templates(root());
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ(found->at(0).name, "none");
    EXPECT_EQ(found->at(0).summary, "nothing special");
    EXPECT_EQ(found->at(1).name, "teleport");
    EXPECT_FALSE(list_templates(folder_ / "nowhere").ok());
}

TEST_F(NewProjectTest, RefusesAFamilyThatIsNotThereAndListsThoseThatAre) {
    EXPECT_NE(refusal({"Foo", "teleprot", "", ""})
                  .find("did you mean teleport? (there are: none, teleport)"),
              std::string::npos)
        << refusal({"Foo", "teleprot", "", ""});
    EXPECT_NE(refusal({"Foo", "", "", ""}).find("there are: none, teleport"), std::string::npos);
    EXPECT_NE(refusal({"Foo", "common", "", ""}).find("there is no family"), std::string::npos);
    EXPECT_NE(refusal({"Foo", "../templates/none", "", ""}).find("there is no family"),
              std::string::npos);
    EXPECT_FALSE(fs::exists(folder_ / "made"));
}

TEST_F(NewProjectTest, RefusesAFolderThatHoldsSomething) {
    folder_.write("made/Foo/precious.txt", "mine");
    EXPECT_NE(refusal({"Foo", "none", "", ""}).find("is there already"), std::string::npos);
    EXPECT_EQ(folder_.read("made/Foo/precious.txt"), "mine");
    folder_.write("made/Bar", "a file");
    EXPECT_NE(refusal({"Bar", "none", "", ""}).find("is there already"), std::string::npos);
    fs::create_directories(folder_ / "made/Empty");
    EXPECT_TRUE(create({"Empty", "none", "", ""}).ok()) << "an empty folder is filled";
}

TEST_F(NewProjectTest, RefusesBundleIdentifiersThatAreNone) {
    for (const std::string id : {"foo", "com..foo", ".com.foo", "com.foo.", "com.-foo",
                                 "com.foo_bar", "com.foo/bar", "com.f\xc3\xb6"})
        EXPECT_NE(refusal({"Foo", "none", id, ""}).find("is no bundle identifier"),
                  std::string::npos)
            << id;
    EXPECT_NE(refusal({"Foo", "none", "com." + std::string(60, 'x'), ""}).find("more than 63"),
              std::string::npos);
    EXPECT_TRUE(create({"Foo", "none", "com." + std::string(59, 'x'), ""}).ok());
}

TEST(ProjectName, MustBeAnIdentifierAndSaysWhichWouldBe) {
    const auto refusal = [](const std::string& name) {
        const Status status = check_project_name(name, kSdk);
        return status.ok() ? "good" : status.error().text();
    };
    for (const char* good : {"Foo", "f", "Foo2", "my_driver"}) EXPECT_EQ(refusal(good), "good");
    EXPECT_NE(refusal("my driver").find("such as MyDriver"), std::string::npos)
        << refusal("my driver");
    EXPECT_NE(refusal("2fast").find("such as Fast"), std::string::npos) << refusal("2fast");
    EXPECT_NE(refusal("com.example.foo").find("such as ComExampleFoo"), std::string::npos);
    EXPECT_NE(refusal("../../etc").find("cannot name a class"), std::string::npos);
    EXPECT_NE(refusal("Füße").find("cannot name a class"), std::string::npos);
    EXPECT_NE(refusal("_Foo").find("with a letter first"), std::string::npos);
    EXPECT_NE(refusal("").find("empty"), std::string::npos);
    EXPECT_NE(refusal("virtual").find("word of the language"), std::string::npos);
    EXPECT_NE(refusal("IOService").find("class of the SDK"), std::string::npos);
    EXPECT_NE(refusal(std::string(49, 'x')).find("at most 48"), std::string::npos);
    EXPECT_EQ(refusal(std::string(48, 'x')), "good");
    EXPECT_NE(refusal("@NAME@").find("such as NAME"), std::string::npos);
}

}  // namespace
}  // namespace opendext::project
