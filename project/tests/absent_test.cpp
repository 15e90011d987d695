// SPDX-License-Identifier: Apache-2.0
#include "project/absent.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

class AbsentTest : public ::testing::Test {
  protected:
    std::string why(const std::string& name) { return why_absent(folder_ / name, folder_.path()); }
    void expect(const std::string& name, const std::string& words) {
        EXPECT_NE(why(name).find(words), std::string::npos) << why(name);
    }
    TemporaryFolder folder_;
};

TEST_F(AbsentTest, StepsAreNamed) {
    expect("Pods/Target Support Files/x.xcconfig", "CocoaPods makes it: run `pod install`");
    expect("Carthage/Build/X.framework", "run `carthage bootstrap`");
    expect("DerivedData/x.h", "Swift package manager");
    folder_.write(".gitmodules", "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = x\n");
    expect("vendor/lib/src/a.c",
           "vendor/lib is a git submodule: run `git submodule update --init`");
    folder_.write("Version.h.in", "");
    expect("Version.h", "a step before the build makes it from Version.h.in beside it");
    folder_.write("tools.sh", "sed s/x/y/ < Version.h.in > Version.h\n");
    expect("Version.h", "(see " + (folder_ / "tools.sh").string() + ")");
    folder_.write("Other.cpp", "");
    expect("other.cpp", "there is Other.cpp, which is another name on Linux");
    folder_.write("deep/er/Moved.cpp", "");
    expect("Moved.cpp", "there is deep/er/Moved.cpp: correct the path in the project");
    folder_.write(".gitignore", "# c\nSigning*.xcconfig\n");
    expect("Config/SigningDebug.xcconfig", "left out of version control (.gitignore)");
    expect("Nothing.cpp", "restore it from version control");
}

TEST_F(AbsentTest, OneSomeOrAllSources) {
    const auto text = [&](size_t count, size_t listed) {
        std::vector<std::filesystem::path> files(count, folder_ / "a/x.cpp");
        return absent_sources("T", files, std::vector<std::string>(count, "p:1:2"), listed,
                              folder_.path());
    };
    EXPECT_TRUE(text(1, 3).starts_with("p:1:2: target T lists a/x.cpp, which is not there: "))
        << text(1, 3);
    EXPECT_TRUE(
        text(2, 3).starts_with("p:1:2: target T lists 2 files that are not there, the first is"));
    EXPECT_TRUE(
        text(3, 3).starts_with("p:1:2: the sources of target T are absent: none of its 3 files"));
}

}  // namespace
}  // namespace opendext::project
