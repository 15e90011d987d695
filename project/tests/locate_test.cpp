// SPDX-License-Identifier: Apache-2.0
#include "project/locate.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"
#include "project/xcode/model.h"

namespace opendext::project {
namespace {

std::string found(const std::filesystem::path& path) {
    const auto result = locate(path);
    if (!result.ok()) return result.error().message;
    return std::string(to_string(result->kind)) + " " + result->paths.front().filename().string();
}

TEST(Locate, AFolderIsTheProjectThatItHolds) {
    const TemporaryFolder folder;
    folder.write("Driver.cpp", "");
    EXPECT_EQ(found(folder.path()), "folder " + folder.path().filename().string());
    folder.write("CMakeLists.txt", "project(x)\n# add_dext(no)\n");
    EXPECT_TRUE(found(folder.path()).starts_with("folder "));
    folder.write("CMakeLists.txt", "add_dext(x)\n");
    EXPECT_TRUE(found(folder.path()).starts_with("CMake project "));
    folder.write("project.yml", "targets: {}\n");
    EXPECT_EQ(found(folder.path()), "XcodeGen project project.yml");
    folder.write("A.xcodeproj/project.pbxproj", "");
    EXPECT_EQ(found(folder.path()), "Xcode project A.xcodeproj");
    EXPECT_EQ(found(folder / "A.xcodeproj/project.pbxproj"), "Xcode project A.xcodeproj");
    folder.write("B.xcodeproj/project.pbxproj", "");
    EXPECT_NE(
        found(folder.path()).find("has several projects (A.xcodeproj, B.xcodeproj): give the one"),
        std::string::npos);
    folder.write("W.xcworkspace/contents.xcworkspacedata",
                 "<Workspace><FileRef location=\"group:B.xcodeproj\"/></Workspace>");
    EXPECT_EQ(found(folder.path()), "Xcode project B.xcodeproj");
}

TEST(Locate, TheOnlyProjectBelowAFolderWithoutSources) {
    const TemporaryFolder folder;
    folder.write("sub/deep/A.xcodeproj/project.pbxproj", "");
    folder.write("Pods/Pods.xcodeproj/project.pbxproj", "");
    EXPECT_EQ(found(folder.path()), "Xcode project A.xcodeproj");
    folder.write("other/project.yml", "");
    EXPECT_NE(found(folder.path()).find("(other/project.yml, sub/deep/A.xcodeproj)"),
              std::string::npos);
}

TEST(Locate, ErrorsSayWhatToGive) {
    const TemporaryFolder folder;
    EXPECT_NE(found(folder / "none").find("is not there: give a folder"), std::string::npos);
    folder.write("x.txt", "");
    EXPECT_NE(found(folder / "x.txt").find("is a file: give a folder"), std::string::npos);
}

TEST(Workspace, NamesItsProjectsThroughGroups) {
    const TemporaryFolder folder;
    folder.write("W.xcworkspace/contents.xcworkspacedata", R"(<?xml version="1.0"?>
        <Workspace version = "1.0">
           <FileRef location = "group:One &amp; Two/A.xcodeproj"></FileRef>
           <Group location = "container:Sub" name = "Sub">
              <FileRef location = 'group:B.xcodeproj'></FileRef>
              <FileRef location = "container:C.xcodeproj"></FileRef>
              <FileRef location = "group:README.md"></FileRef>
           </Group>
           <FileRef location = "absolute:/elsewhere/D.xcodeproj"></FileRef>
        </Workspace>)");
    const auto projects = xcode::read_workspace(folder / "W.xcworkspace");
    ASSERT_TRUE(projects.ok()) << projects.error().text();
    EXPECT_EQ(*projects, (std::vector<std::filesystem::path>{
                             folder / "One & Two/A.xcodeproj", folder / "Sub/B.xcodeproj",
                             folder / "C.xcodeproj", "/elsewhere/D.xcodeproj"}));
    folder.write("E.xcworkspace/contents.xcworkspacedata", "<Workspace/>");
    EXPECT_FALSE(xcode::read_workspace(folder / "E.xcworkspace").ok());
}

}  // namespace
}  // namespace opendext::project
