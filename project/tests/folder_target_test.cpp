// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "project/target.h"
#include "project/tests/temporary_folder.h"
#include "project/variables.h"

namespace opendext::project {
namespace {

std::vector<std::string> relative(const std::vector<std::filesystem::path>& paths,
                                  const std::filesystem::path& folder) {
    std::vector<std::string> result;
    for (const auto& path : paths) result.push_back(path.lexically_relative(folder));
    return result;
}

std::string message(const std::filesystem::path& folder, const TargetOptions& options = {}) {
    auto target = find_folder_target(folder, options);
    return target.ok() ? "accepted" : target.error().text();
}

TEST(FolderTarget, FindsWhatAnXcodeProjectHas) {
    const TemporaryFolder folder;
    folder.write("Fancy/Driver.iig", "");
    folder.write("Fancy/Driver.cpp", "");
    folder.write("Fancy/sub/More.cc", "");
    folder.write("Fancy/sub/More.h", "");
    folder.write("Fancy/Info.plist", "");
    folder.write("Fancy/FancyDriver.entitlements", "");
    folder.write("Fancy/build/Old.cpp", "");
    folder.write("Fancy/out/Generated.cpp", "");
    folder.write("Fancy/.git/hook.cpp", "");
    folder.write("Fancy/X.xcodeproj/x.cpp", "");
    folder.write("Fancy/Old.dext/Info.plist", "");
    TargetOptions options;
    options.output = folder / "Fancy/out";
    options.bundle_id = "com.example.fancy";
    options.variables = {{"MARKETING_VERSION", "3.1"}};
    const auto target = find_folder_target(folder / "Fancy/", options);
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->name, "FancyDriver");
    EXPECT_EQ(target->folder, folder / "Fancy");
    EXPECT_EQ(relative(target->interfaces, target->folder),
              (std::vector<std::string>{"Driver.iig"}));
    EXPECT_EQ(relative(target->sources, target->folder),
              (std::vector<std::string>{"Driver.cpp", "sub/More.cc"}));
    EXPECT_EQ(relative(target->headers, target->folder), (std::vector<std::string>{"sub/More.h"}));
    EXPECT_EQ(target->info_plist, folder / "Fancy/Info.plist");
    EXPECT_EQ(target->entitlements, folder / "Fancy/FancyDriver.entitlements");
    EXPECT_EQ(expand("$(PRODUCT_BUNDLE_IDENTIFIER) $(EXECUTABLE_NAME) $(MARKETING_VERSION)",
                     target->variables)
                  .value(),
              "com.example.fancy FancyDriver 3.1");
}

TEST(FolderTarget, NameComesFromOptionEntitlementsOrFolder) {
    const TemporaryFolder folder;
    folder.write("Thing/A.cpp", "");
    folder.write("Thing/Thing-Info.plist", "");
    EXPECT_EQ(find_folder_target(folder / "Thing", {})->name, "Thing");
    EXPECT_EQ(find_folder_target(folder / "Thing", {})->info_plist,
              folder / "Thing/Thing-Info.plist");
    TargetOptions options;
    options.name = "Given";
    EXPECT_EQ(find_folder_target(folder / "Thing", options)->name, "Given");
    options.name = "a/b";
    EXPECT_NE(message(folder / "Thing", options).find("cannot name a bundle: choose one"),
              std::string::npos);
}

TEST(FolderTarget, ErrorsSayWhatToGive) {
    const TemporaryFolder folder;
    EXPECT_NE(message(folder / "none").find("is not there: give the folder"), std::string::npos);
    folder.write("Info.plist", "");
    EXPECT_NE(message(folder / "Info.plist").find("is a file: give the folder"), std::string::npos);
    EXPECT_NE(message(folder.path()).find("has no .iig and no .cpp file"), std::string::npos);
    folder.write("d/A.iig", "");
    EXPECT_NE(message(folder / "d").find("has no Info.plist: add one"), std::string::npos);
    folder.write("d/one/Info.plist", "");
    folder.write("d/two/Info.plist", "");
    EXPECT_NE(
        message(folder / "d").find("has several property lists (one/Info.plist, two/Info.plist)"),
        std::string::npos)
        << message(folder / "d");
    folder.write("d/Info.plist", "");
    EXPECT_EQ(message(folder / "d"), "accepted");
    folder.write("d/a.entitlements", "");
    folder.write("d/b.entitlements", "");
    EXPECT_NE(
        message(folder / "d").find("several entitlements files (a.entitlements, b.entitlements)"),
        std::string::npos);
    std::filesystem::remove(folder / "d/b.entitlements");
    folder.write("d/sub/A.iig", "");
    EXPECT_NE(message(folder / "d").find("both would become A.h: rename one"), std::string::npos)
        << message(folder / "d");
}

}  // namespace
}  // namespace opendext::project
