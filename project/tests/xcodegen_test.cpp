// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "project/tests/temporary_folder.h"
#include "project/xcode/describe.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

class XcodeGenTest : public ::testing::Test {
  protected:
    Result<Project> read(const std::string& text) {
        return read_xcodegen(folder_.write("project.yml", text));
    }
    std::string refusal(const std::string& text) {
        auto result = read(text);
        return result.ok() ? "accepted" : result.error().message;
    }
    static std::string setting(const Project& project, const char* name,
                               const char* configuration) {
        Environment environment;
        environment.configuration = configuration;
        const auto settings = settings_of(project, project.targets.at(0), environment);
        if (!settings.ok()) return settings.error().message;
        return settings->value(name).value();
    }
    TemporaryFolder folder_;
};

TEST_F(XcodeGenTest, SettingsOfGroupsConfigurationsTemplatesAndFiles) {
    folder_.write("base.xcconfig", "FROM_FILE = yes $(CONFIGURATION)\n");
    ::setenv("OPENDEXT_TEST_VERSION", "7.1", 1);
    const auto project = read(R"(
name: Demo
configs: {Debug: debug, Beta: release, Release: release}
configFiles: {Beta: base.xcconfig}
options: {bundleIdPrefix: com.example}
settingGroups:
  common: {A: group, LIST: [x, "y z"]}
settings:
  groups: [common]
  base: {A: $(inherited) base, VERSION: "${OPENDEXT_TEST_VERSION}", ON: true, "B[sdk=driverkit*]": 2}
  configs:
    debug: {A: debug}
targetTemplates:
  T: {type: driver-extension, settings: {NAME_OF: "${target_name} ${who}", SDKROOT: driverkit}}
targets:
  My Driver:
    templates: [T]
    templateAttributes: {who: me}
    settings: {OWN: $(A)!}
)");
    ASSERT_TRUE(project.ok()) << project.error().text();
    EXPECT_EQ(project->configuration_names(), (Words{"Debug", "Beta", "Release"}));
    EXPECT_EQ(setting(*project, "A", "Release"), "group base");
    EXPECT_EQ(setting(*project, "OWN", "Debug"), "debug!");
    EXPECT_EQ(setting(*project, "FROM_FILE", "Beta"), "yes Beta");
    EXPECT_EQ(setting(*project, "FROM_FILE", "Release"), "");
    EXPECT_EQ(setting(*project, "VERSION", "Release"), "7.1");
    EXPECT_EQ(setting(*project, "ON", "Release"), "YES");
    EXPECT_EQ(setting(*project, "B", "Release"), "2");
    EXPECT_EQ(setting(*project, "NAME_OF", "Release"), "My Driver me");
    EXPECT_EQ(setting(*project, "PRODUCT_BUNDLE_IDENTIFIER", "Release"), "com.example.My-Driver");
    EXPECT_EQ(setting(*project, "GCC_OPTIMIZATION_LEVEL", "Debug"), "0");
    EXPECT_EQ(project->targets.at(0).product, "My Driver.dext");
}

TEST_F(XcodeGenTest, SourcesWithPatternsPhasesAndFlags) {
    for (const char* name : {"S/A.cpp", "S/A.iig", "S/A.h", "S/sub/B.cpp", "S/sub/B_test.cpp",
                             "S/Info.plist", "S/.hidden.cpp", "S/data.bin", "Extra.txt"})
        folder_.write(name, "");
    const auto project = read(R"(
targets:
  D:
    type: driver-extension
    sources:
      - path: S
        excludes: ["**/*_test.cpp"]
        compilerFlags: [-DX=1, -DY]
      - {path: Extra.txt, buildPhase: resources}
      - {path: Gone.cpp, optional: true}
    preBuildScripts:
      - {name: Make it, script: make}
    dependencies:
      - {sdk: HIDDriverKit}
      - {target: L}
  L: {type: library.static, sources: S}
)");
    ASSERT_TRUE(project.ok()) << project.error().text();
    const Target& target = project->targets.at(0);
    Words files;
    for (const auto& phase : target.phases) {
        for (const auto& file : phase.files)
            files.push_back(std::string(to_string(phase.kind)) + " " + file.name());
    }
    EXPECT_EQ(files, (Words{"sources A.cpp", "sources A.iig", "sources B.cpp", "sources Gone.cpp",
                            "headers A.h", "resources data.bin", "resources Extra.txt",
                            "frameworks HIDDriverKit.framework"}));
    EXPECT_EQ(target.phases.at(0).files.at(0).flags, "-DX=1 -DY");
    EXPECT_EQ(setting(*project, "INFOPLIST_FILE", "Release"), (folder_ / "S/Info.plist").string());
    EXPECT_EQ(target.dependencies.at(0).target, "L");
    const bool script = std::ranges::any_of(target.phases, [](const Phase& phase) {
        return phase.kind == Phase::Kind::script && phase.name == "Make it";
    });
    EXPECT_TRUE(script);
}

TEST_F(XcodeGenTest, IncludedFilesAreMergedAndPropertyListsMade) {
    folder_.write("more/base.yml",
                  "targets:\n  D:\n    settings: {A: 1, B: 2}\n    sources: [one]\n");
    const auto project = read(R"(
include: [{path: more/base.yml}, {path: none.yml, enable: false}]
targets:
  D:
    type: driver-extension
    settings: {B: 3}
    "sources:REPLACE": [two]
    info: {path: I.plist, properties: {Number: 5, Text: "5", Flag: yes, Nested: {List: [a, 1]}}}
    entitlements: {path: E.entitlements, properties: {com.apple.developer.driverkit: true}}
)");
    ASSERT_TRUE(project.ok()) << project.error().text();
    const Target& target = project->targets.at(0);
    EXPECT_EQ(setting(*project, "A", "Release") + setting(*project, "B", "Release"), "13");
    ASSERT_TRUE(target.info && target.entitlements);
    const Dictionary& info = *target.info->dictionary();
    EXPECT_EQ(info.at("Number"), Value(int64_t{5}));
    EXPECT_EQ(info.at("Text"), Value("5"));
    EXPECT_EQ(info.at("Flag"), Value(true));
    EXPECT_EQ(info.at("Nested"), Value(Dictionary{{"List", Array{Value("a"), Value(int64_t{1})}}}));
    EXPECT_EQ(info.at("CFBundleIdentifier"), Value("$(PRODUCT_BUNDLE_IDENTIFIER)"));
    EXPECT_EQ(*target.entitlements,
              Value(Dictionary{{"com.apple.developer.driverkit", Value(true)}}));
    ASSERT_EQ(target.phases.size(), 1U);
    EXPECT_EQ(target.phases[0].files.at(0).name(), "two");
}

TEST_F(XcodeGenTest, ErrorsNameThePlace) {
    const std::string file = (folder_ / "project.yml").string();
    EXPECT_EQ(refusal("name: x\n"),
              file + ":1:1: this is no project of XcodeGen: it has no targets");
    EXPECT_NE(refusal("targets:\n  D: {sources: [a]}\n").find(file + ":2:6: target D has no type"),
              std::string::npos);
    EXPECT_NE(refusal("include: none.yml\ntargets: {}\n")
                  .find(":1:10: includes none.yml, which is not there"),
              std::string::npos);
    EXPECT_NE(refusal("targets:\n  D: {type: driver-extension, templates: [N]}\n")
                  .find("no target template N"),
              std::string::npos);
    EXPECT_NE(refusal("settings: {groups: [N]}\ntargets: {}\n").find("no group of settings N"),
              std::string::npos);
    EXPECT_NE(refusal("targets: [\n").find(file + ":2:1: "), std::string::npos);
    folder_.write("loop.yml", "include: loop.yml\n");
    EXPECT_NE(refusal("include: loop.yml\ntargets: {}\n").find("include each other too deeply"),
              std::string::npos);
}

}  // namespace
}  // namespace opendext::project::xcode
