// SPDX-License-Identifier: Apache-2.0
// opendext new: a project that builds and starts unchanged.
#include <cstdio>

#include "project/classes.h"
#include "project/new/template.h"
#include "rpc/realm.h"
#include "tools/common/command_line.h"

namespace {

namespace fs = std::filesystem;
using namespace opendext;

constexpr const char* kDescription =
    "Makes a folder with a driver that builds and starts unchanged, a program that talks to it, "
    "and a\n"
    "test: for opendext build, CMake, and Xcode (through XcodeGen). NAME becomes the driver's "
    "class.";

std::string family_list(const std::vector<project::Template>& templates) {
    std::string text = "families:";
    for (const auto& entry : templates) {
        text += "\n  " + entry.name;
        text.append(entry.name.size() < 12 ? 12 - entry.name.size() : 1, ' ');
        text += entry.summary;
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    const fs::path root = installation_prefix() / "share" / "opendext" / "templates";
    const auto templates = project::list_templates(root);
    project::NewProject wanted;
    wanted.family = "none";
    std::string directory;
    tools::CommandLine line("opendext new", "NAME [--family FAMILY] [--directory DIR]",
                            kDescription);
    line.option("--family", "FAMILY", wanted.family, "what kind of driver (default: none)")
        .option("--directory", "DIR", directory, "the folder to make (default: NAME)")
        .option("--bundle-id", "ID", wanted.bundle_id,
                "bundle identifier (default: org.example.NAME)");
    if (templates.ok()) line.footer(family_list(templates.value()));
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    if (!templates.ok()) return line.failure(templates.error());
    wanted.name = line.operands().front();
    wanted.directory = directory;

    std::set<std::string> sdk_classes;
    for (const auto& [name, super] :
         project::find_sdk_classes(installation_prefix() / "sdk" / "include"))
        sdk_classes.insert(name);
    const auto folder = project::create_project(root, wanted, sdk_classes);
    if (!folder.ok()) return line.failure(folder.error());
    std::error_code error;
    const fs::path shown = fs::relative(folder.value(), error);
    std::printf("made %s\nbuild and test it with: %s/Tests/test.sh\n", folder.value().c_str(),
                shown.c_str());
    return tools::kExitSuccess;
}
