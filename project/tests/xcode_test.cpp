// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "project/tests/temporary_folder.h"
#include "project/xcode/compile_settings.h"
#include "project/xcode/describe.h"
#include "project/xcode/glob.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

/// A project with one driver target, whose parts a test replaces by text.
std::string pbxproj(const std::string& settings, const std::string& files = "BI, BC,",
                    const std::string& more = "", const std::string& target = "") {
    return R"({ objects = {
        P = { isa = PBXProject; mainGroup = G; buildConfigurationList = L0; targets = (T, ); };
        G = { isa = PBXGroup; children = (GS, GX, ); sourceTree = "<group>"; };
        GS = { isa = PBXGroup; children = (FI, FC, FH, ); path = Driver; sourceTree = "<group>"; };
        GX = { isa = PBXGroup; name = Elsewhere; children = (FA, FR, ); sourceTree = "<group>"; };
        FI = { isa = PBXFileReference; path = Driver.iig; sourceTree = "<group>"; };
        FC = { isa = PBXFileReference; path = Driver.cpp; sourceTree = "<group>"; };
        FH = { isa = PBXFileReference; path = inner/Driver.hpp; sourceTree = "<group>"; };
        FA = { isa = PBXFileReference; path = /absolute/A.c; sourceTree = "<absolute>"; };
        FR = { isa = PBXFileReference; path = Root.c; sourceTree = SOURCE_ROOT; };
        BI = { isa = PBXBuildFile; fileRef = FI; };
        BC = { isa = PBXBuildFile; fileRef = FC; settings = { COMPILER_FLAGS = "-DX='a b' -fobjc-arc"; }; };
        BH = { isa = PBXBuildFile; fileRef = FH; };
        BA = { isa = PBXBuildFile; fileRef = FA; };
        BR = { isa = PBXBuildFile; fileRef = FR; platformFilters = (ios, ); };
        S = { isa = PBXSourcesBuildPhase; files = ()" +
           files + R"(); };
        T = { isa = PBXNativeTarget; name = Driver; buildPhases = (S, ); buildConfigurationList = L1;
              productType = "com.apple.product-type.driver-extension"; )" +
           target + R"( };
        L0 = { isa = XCConfigurationList; buildConfigurations = (C0, ); };
        L1 = { isa = XCConfigurationList; buildConfigurations = (C1, ); defaultConfigurationName = Release; };
        C0 = { isa = XCBuildConfiguration; name = Release; buildSettings = { SDKROOT = macosx; DEFS = "LOW"; }; };
        C1 = { isa = XCBuildConfiguration; name = Release; buildSettings = {
              PRODUCT_BUNDLE_IDENTIFIER = com.example.driver; INFOPLIST_FILE = Info.plist; SDKROOT = driverkit; )" +
           settings + "}; };" + more + "}; rootObject = P; }";
}

class XcodeTest : public ::testing::Test {
  protected:
    XcodeTest() {
        for (const char* name :
             {"Driver/Driver.iig", "Driver/Driver.cpp", "Driver/inner/Driver.hpp"})
            folder_.write(name, "");
        folder_.write("Info.plist", "<plist><dict/></plist>");
    }
    Project read(const std::string& text) {
        auto project = parse_project(text, folder_ / "X.xcodeproj");
        EXPECT_TRUE(project.ok()) << (project.ok() ? "" : project.error().text());
        return project.ok() ? std::move(*project) : Project{};
    }
    Result<project::Target> described(const std::string& text) {
        project_ = read(text);
        DescribeOptions options;
        options.frameworks = {"DriverKit"};
        options.environment.products = folder_ / "out";
        return describe(project_, project_.targets.at(0), options);
    }
    std::string refusal(const std::string& text) {
        auto result = described(text);
        return result.ok() ? "accepted" : result.error().message;
    }
    TemporaryFolder folder_;
    Project project_;
};

TEST_F(XcodeTest, PathsFollowGroupsAndSourceTrees) {
    const Project project = read(pbxproj("", "BI, BC, BA, BH, BR,"));
    ASSERT_EQ(project.targets.size(), 1U);
    ASSERT_EQ(project.targets[0].phases.size(), 1U);
    Words paths;
    for (const auto& file : project.targets[0].phases[0].files) paths.push_back(file.path);
    EXPECT_EQ(paths, (Words{folder_ / "Driver/Driver.iig", folder_ / "Driver/Driver.cpp",
                            "/absolute/A.c", folder_ / "Driver/inner/Driver.hpp"}))
        << "a file for other platforms is left out";
    EXPECT_EQ(project.targets[0].phases[0].files[1].flags, "-DX='a b' -fobjc-arc");
    EXPECT_EQ(project.headers, (std::vector<fs::path>{folder_ / "Driver/Driver.iig",
                                                      folder_ / "Driver/inner/Driver.hpp"}));
}

TEST_F(XcodeTest, SettingsBecomeOptionsOfTheCompiler) {
    folder_.write("include/deep/er/x.h", "");
    folder_.write("user folder/u.h", "");
    folder_.write("Prefix.pch", "");
    const auto target = described(pbxproj(R"x(
        CLANG_CXX_LANGUAGE_STANDARD = "c++2b"; GCC_C_LANGUAGE_STANDARD = gnu11; GCC_OPTIMIZATION_LEVEL = s;
        HEADER_SEARCH_PATHS = ("$(inherited)", "include/**", "$(SRCROOT)/absent",
            "$(SDKROOT)/System/DriverKit/usr/include", "$(DERIVED_FILE_DIR)/$(TARGET_NAME)", );
        USER_HEADER_SEARCH_PATHS = "\"$(SRCROOT)/user folder\"";
        GCC_PREPROCESSOR_DEFINITIONS = ("A=1", "NAME=\\\"x\\\"", "$(DEFS)", );
        OTHER_CFLAGS = "-Wextra -arch arm64 -fobjc-arc -mkernel -Werror"; WARNING_CFLAGS = "-Wno-shadow";
        GCC_PREFIX_HEADER = Prefix.pch; OTHER_LDFLAGS = "-framework DriverKit -lfoo -ObjC -weird";
        GCC_CHAR_IS_UNSIGNED_CHAR = YES; )x"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->name, "com.example.driver")
        << "a driver's product is named by its identifier";
    EXPECT_EQ(target->header_names, (Words{"Driver", "com_example_driver"}));
    EXPECT_EQ(target->compile.cxx_standard, "c++2b");
    EXPECT_EQ(target->compile.c_standard, "gnu11");
    EXPECT_EQ(target->compile.optimization, "s");
    const fs::path generated = folder_ / "out/com.example.driver.build/generated/Driver";
    EXPECT_EQ(target->include_folders,
              (std::vector<fs::path>{folder_ / "include", folder_ / "include/deep",
                                     folder_ / "include/deep/er", generated}));
    EXPECT_EQ(target->compile.quote_folders, (std::vector<fs::path>{folder_ / "user folder"}));
    EXPECT_EQ(target->definitions, (Words{"A=1", "NAME=\"x\"", "LOW"}));
    EXPECT_EQ(target->compile.cxx_flags, (Words{"-funsigned-char", "-Wno-shadow", "-Wextra"}));
    EXPECT_EQ(target->compile.c_flags, target->compile.cxx_flags);
    EXPECT_EQ(target->compile.prefix_header, folder_ / "Prefix.pch");
    EXPECT_EQ(target->link_flags, Words{"-lfoo"});
    EXPECT_EQ(target->source_flags.at(folder_ / "Driver/Driver.cpp"), Words{"-DX=a b"});
    const auto noted = [&](const std::string& words) {
        return std::ranges::any_of(target->notes, [&](const std::string& note) {
            return note.find(words) != std::string::npos;
        });
    };
    EXPECT_TRUE(noted("flag -mkernel is left out"));
    EXPECT_TRUE(noted("flag -weird is left out"));
    EXPECT_FALSE(noted("-fobjc-arc")) << "what says nothing here is not worth a word";
    ASSERT_EQ(target->suspects.size(), 1U);
    EXPECT_NE(target->suspects[0].find("search path absent is not there"), std::string::npos);
}

TEST_F(XcodeTest, GeneratedInfoPlistKeysAndNames) {
    const auto target =
        described(pbxproj(R"x(GENERATE_INFOPLIST_FILE = YES; PRODUCT_NAME = "$(TARGET_NAME) 2";
        INFOPLIST_KEY_OSBundleUsageDescription = "why $(TARGET_NAME)"; INFOPLIST_KEY_LSFlag = YES;)x"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    EXPECT_EQ(target->name, "Driver 2");
    EXPECT_EQ(target->info_additions.at("OSBundleUsageDescription"), Value("why Driver"));
    EXPECT_EQ(target->info_additions.at("LSFlag"), Value(true));
    EXPECT_EQ(target->settings->value("EXECUTABLE_NAME").value(), "Driver 2");
    EXPECT_EQ(target->settings->value("FULL_PRODUCT_NAME").value(), "Driver 2.dext");
}

TEST_F(XcodeTest, WhatIsMissingIsToldWithThePlaceThatNamesIt) {
    EXPECT_NE(refusal(pbxproj("GCC_PREFIX_HEADER = No.pch;"))
                  .find("GCC_PREFIX_HEADER of target Driver names No.pch"),
              std::string::npos);
    EXPECT_NE(refusal(pbxproj("CLANG_CXX_LANGUAGE_STANDARD = fortran;"))
                  .find("\"fortran\" is no language standard"),
              std::string::npos);
    EXPECT_NE(refusal(pbxproj("", "")).find("has no .iig and no C++ file"), std::string::npos);
    EXPECT_NE(refusal(pbxproj("", "BI, BC, BA,")).find("project.pbxproj:9:14: target Driver lists"),
              std::string::npos)
        << refusal(pbxproj("", "BI, BC, BA,"));
    EXPECT_NE(
        refusal(pbxproj("INFOPLIST_FILE = \"\";")).find("has no Info.plist: set INFOPLIST_FILE"),
        std::string::npos);
    EXPECT_NE(refusal(pbxproj("PRODUCT_NAME = \"../out\";")).find("cannot name a file"),
              std::string::npos);
    fs::remove(folder_ / "Driver/Driver.iig");
    fs::remove(folder_ / "Driver/Driver.cpp");
    EXPECT_NE(
        refusal(pbxproj("")).find("the sources of target Driver are absent: none of its 2 files"),
        std::string::npos);
}

TEST_F(XcodeTest, StepsThatAreNotTakenAreNamed) {
    folder_.write("Driver/table.def", "");
    const auto target = described(pbxproj(
        "", "BI, BC, BD,",
        R"(SC = { isa = PBXShellScriptBuildPhase; name = Stamp; shellScript = "# c\nmake stamp\n"; };
           FD = { isa = PBXFileReference; path = Driver/table.def; sourceTree = SOURCE_ROOT; };
           BD = { isa = PBXBuildFile; fileRef = FD; };
           FX = { isa = PBXFileReference; path = X/FancyDriverKit.framework; sourceTree = SDKROOT; };
           BX = { isa = PBXBuildFile; fileRef = FX; };
           FP = { isa = PBXFrameworksBuildPhase; files = (BX, ); };
           RU = { isa = PBXBuildRule; filePatterns = "*.def"; name = Tables; };)",
        "buildPhases = (SC, S, FP, ); buildRules = (RU, );"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    ASSERT_EQ(target->skipped_steps.size(), 2U);
    EXPECT_NE(target->skipped_steps[0].find("build rule \"Tables\" for table.def is a script"),
              std::string::npos);
    EXPECT_NE(target->skipped_steps[1].find(
                  "step \"Stamp\" is a script that OpenDext does not run: make stamp"),
              std::string::npos);
    EXPECT_EQ(target->missing_frameworks, Words{"FancyDriverKit"});
}

TEST_F(XcodeTest, LibrariesAreLinkedWithTheirOwnSettings) {
    folder_.write("Lib/lib.c", "");
    const auto target = described(
        pbxproj("", "BI, BC,",
                R"(FL = { isa = PBXFileReference; path = Lib/lib.c; sourceTree = SOURCE_ROOT; };
           BL = { isa = PBXBuildFile; fileRef = FL; };
           SL = { isa = PBXSourcesBuildPhase; files = (BL, ); };
           TL = { isa = PBXNativeTarget; name = Lib; buildPhases = (SL, ); buildConfigurationList = L2;
                  productType = "com.apple.product-type.library.static"; };
           L2 = { isa = XCConfigurationList; buildConfigurations = (C2, ); };
           C2 = { isa = XCBuildConfiguration; name = Release; buildSettings = { GCC_PREPROCESSOR_DEFINITIONS = LIB; }; };
           D = { isa = PBXTargetDependency; target = TL; };
           P = { isa = PBXProject; mainGroup = G; buildConfigurationList = L0; targets = (T, TL, ); };)",
                "dependencies = (D, );"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    ASSERT_EQ(target->libraries.size(), 1U);
    EXPECT_EQ(target->libraries[0].sources, (std::vector<fs::path>{folder_ / "Lib/lib.c"}));
    EXPECT_EQ(target->libraries[0].definitions, Words{"LIB"});
    EXPECT_TRUE(target->definitions.empty());
}

TEST_F(XcodeTest, DependenciesThatOnlyRunSomethingAreNamed) {
    const auto target = described(
        pbxproj("", "BI, BC,",
                R"(TS = { isa = PBXAggregateTarget; name = Tables; buildPhases = (SC, ); };
           TM = { isa = PBXLegacyTarget; name = Made; };
           SC = { isa = PBXShellScriptBuildPhase; name = Make; shellScript = "make tables"; };
           D = { isa = PBXTargetDependency; target = TS; };
           E = { isa = PBXTargetDependency; target = TM; };
           P = { isa = PBXProject; mainGroup = G; buildConfigurationList = L0; targets = (T, TS, TM, ); };)",
                "dependencies = (D, E, );"));
    ASSERT_TRUE(target.ok()) << target.error().text();
    ASSERT_EQ(target->skipped_steps.size(), 2U);
    EXPECT_NE(target->skipped_steps[0].find("step \"Make\" of target Tables is a script"),
              std::string::npos);
    EXPECT_NE(target->skipped_steps[1].find("the target Made, which this one depends on"),
              std::string::npos);
}

TEST_F(XcodeTest, SynchronisedFoldersWithTheirExceptions) {
    for (const char* name :
         {"Sync/A.cpp", "Sync/B.cpp", "Sync/Phone.cpp", "Sync/deep/C.iig", "Sync/Info.plist",
          "Sync/x.code", "Sync/out/D.cpp", "Sync/data.bin", "Other/O.cpp", "Other/P.cpp"})
        folder_.write(name, "");
    const Project project =
        read(pbxproj("", "",
                     R"(G = { isa = PBXGroup; children = (GY, GZ, ); sourceTree = "<group>"; };
           GY = { isa = PBXFileSystemSynchronizedRootGroup; path = Sync; sourceTree = "<group>"; exceptions = (E, );
                  explicitFileTypes = { x.code = sourcecode.cpp.cpp; }; };
           GZ = { isa = PBXFileSystemSynchronizedRootGroup; path = Other; sourceTree = "<group>"; exceptions = (F, ); };
           E = { isa = PBXFileSystemSynchronizedBuildFileExceptionSet; target = T; membershipExceptions = (B.cpp, out, );
                 additionalCompilerFlagsByRelativePath = { A.cpp = "-DA"; };
                 platformFiltersByRelativePath = { Phone.cpp = (ios, ); A.cpp = (macos, ); }; };
           F = { isa = PBXFileSystemSynchronizedBuildFileExceptionSet; target = T; membershipExceptions = (P.cpp, ); };)",
                     "fileSystemSynchronizedGroups = (GY, );"));
    const Target& target = project.targets.at(0);
    Words sources;
    for (const auto& file : target.phases.at(0).files)
        sources.push_back(fs::path(file.path).lexically_relative(folder_.path()).string() +
                          (file.flags.empty() ? "" : " " + file.flags));
    EXPECT_EQ(sources, (Words{"Sync/A.cpp -DA", "Sync/deep/C.iig", "Sync/x.code", "Other/P.cpp"}));
    ASSERT_EQ(target.phases.size(), 2U);
    EXPECT_EQ(target.phases[1].kind, Phase::Kind::resources);
    EXPECT_EQ(target.phases[1].files.at(0).name(), "data.bin");
}

TEST_F(XcodeTest, ApplicationsEmbedByProductOrDependency) {
    const Project project = read(pbxproj(
        "", "BI, BC,",
        R"(P = { isa = PBXProject; mainGroup = G; buildConfigurationList = L0; targets = (T, TA, ); };
           TA = { isa = PBXNativeTarget; name = App; buildPhases = (CP, ); buildConfigurationList = L0;
                  productType = "com.apple.product-type.application"; };
           CP = { isa = PBXCopyFilesBuildPhase; dstSubfolderSpec = 16; files = (BP, ); };
           BP = { isa = PBXBuildFile; fileRef = FP; };
           FP = { isa = PBXFileReference; path = Driver.dext; sourceTree = BUILT_PRODUCTS_DIR; };)",
        "productReference = FP;"));
    EXPECT_EQ(embedded(project, project.targets.at(1)), Words{"Driver"});
    const auto found = applications(project, {});
    ASSERT_TRUE(found.ok()) << found.error().text();
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->at(0).wrapper, "App.app");
}

TEST_F(XcodeTest, ConfigurationsAreChosenOrNamed) {
    const Project project = read(pbxproj(""));
    EXPECT_EQ(choose_configuration(project, project.targets[0], "").value(), "Release");
    EXPECT_NE(choose_configuration(project, project.targets[0], "Fast")
                  .error()
                  .message.find("has no configuration Fast: it has Release"),
              std::string::npos);
}

TEST(FilesBelow, LinksAreFollowedOnce) {
    const TemporaryFolder folder;
    folder.write("a/A.cpp", "");
    folder.write("a/.hidden/H.cpp", "");
    folder.write("a/X.xcassets/c.json", "");
    folder.write("other/B.cpp", "");
    fs::create_directory_symlink("..", folder / "a/up");
    fs::create_directory_symlink("../other", folder / "a/linked");
    EXPECT_EQ(files_below(folder / "a"),
              (std::vector<fs::path>{folder / "a/A.cpp", folder / "a/X.xcassets",
                                     folder / "a/linked/B.cpp"}));
}

TEST(PortableFlags, ForeignOnesGoWithTheirValues) {
    Words left_out;
    EXPECT_EQ(portable_flags({"-arch", "arm64", "-O3", "-F", "/x", "-F/y", "-Werror=shadow",
                              "-isysroot", "/sdk", "-frtti", "-DX"},
                             left_out),
              (Words{"-O3", "-Wshadow", "-DX"}));
    EXPECT_EQ(left_out, Words{"-frtti"});
}

TEST(Glob, StarsStopAtSlashesUnlessDoubled) {
    EXPECT_TRUE(glob_matches("*.txt", "a.txt"));
    EXPECT_FALSE(glob_matches("*.txt", "d/a.txt"));
    EXPECT_TRUE(glob_matches("**/*.txt", "d/e/a.txt"));
    EXPECT_TRUE(glob_matches("**/*.txt", "a.txt"));
    EXPECT_TRUE(glob_matches("legacy", "legacy/a/b.cpp")) << "a folder means all in it";
    EXPECT_TRUE(glob_matches("legacy/**", "legacy/a/b.cpp"));
    EXPECT_FALSE(glob_matches("leg", "legacy/a"));
    EXPECT_TRUE(glob_matches("a?.c", "ab.c"));
    EXPECT_FALSE(glob_matches("", "a"));
    EXPECT_FALSE(glob_matches(std::string(60, '*') + "x", std::string(200, 'a'))) << "and ends";
}

}  // namespace
}  // namespace opendext::project::xcode
