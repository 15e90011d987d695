// SPDX-License-Identifier: Apache-2.0
// opendext build: from a folder of driver sources to NAME.dext.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "project/builder.h"
#include "project/cmake_project.h"
#include "project/locate.h"
#include "project/project_build.h"
#include "rpc/realm.h"
#include "tools/common/command_line.h"

namespace {

namespace fs = std::filesystem;
using namespace opendext;

constexpr const char* kDescription =
    "Builds driver extensions from PATH (default: the current folder), unchanged as Xcode builds\n"
    "them: an .xcodeproj or .xcworkspace, XcodeGen's project.yml, a CMake project that uses\n"
    "add_dext(), or a plain folder with .iig, .cpp, Info.plist and .entitlements. A folder that "
    "holds\n"
    "a project means the project. Writes NAME.dext into DIR (default: build/CONFIGURATION beside "
    "the\n"
    "project, build in a plain folder), also inside the applications that embed it. What has not\n"
    "changed is not built again.";
constexpr const char* kFooter =
    "Variables in Info.plist such as $(PRODUCT_NAME) are replaced; further ones come from --set.\n"
    "Install the result with: opendext install NAME.dext";

/// The words of an option that may be given several times, separated by commas in CommandLine's
/// single value.
std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    size_t begin = 0;
    while (begin < text.size()) {
        const size_t end = std::min(text.find(',', begin), text.size());
        if (end > begin) words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

/// What the command line holds.
struct Line {
    project::ProjectOptions options;
    std::string output;
    std::string set;
    std::string includes;
    std::string definitions;
    std::string providers;
    int64_t jobs = std::max(1U, std::thread::hardware_concurrency());
    bool list = false;
};

fs::path full_path(const fs::path& path) {
    std::error_code error;
    fs::path result = fs::absolute(path, error).lexically_normal();
    return result.has_filename() ? result : result.parent_path();
}

void print_result(const project::BuildResult& result, bool quiet) {
    for (const auto& warning : result.warnings)
        tools::print_error("opendext build", "warning: " + warning);
    if (!quiet)
        std::printf("%s %s\n", result.changed ? "built" : "up to date:", result.bundle.c_str());
}

Result<project::ProjectResult> build_one(const project::Located& located,
                                         const project::ProjectOptions& options,
                                         const project::Toolchain& toolchain) {
    project::BuildOptions build_options = options.build;
    build_options.output =
        options.output.empty() ? full_path(located.folder / "build") : options.output;
    project::TargetOptions target_options = options.common;
    target_options.output = build_options.output;
    if (!options.configuration.empty())
        target_options.variables.try_emplace("CONFIGURATION", options.configuration);
    const project::Target target =
        located.kind == project::Located::Kind::description
            ? OD_TRY(project::read_target_description(located.paths.front(), target_options))
            : OD_TRY(project::find_folder_target(located.paths.front(), target_options));
    if (!options.target.empty() && options.target != target.name) {
        return Error{Errc::not_found, 0,
                     located.paths.front().string() + ": has no target " + options.target +
                         ": it has " + target.name};
    }
    project::ProjectResult result;
    result.dexts.push_back(OD_TRY(project::build(target, toolchain, build_options)));
    return result;
}

Result<project::ProjectResult> build_located(const project::Located& located,
                                             const project::ProjectOptions& options,
                                             const project::Toolchain& toolchain) {
    switch (located.kind) {
        case project::Located::Kind::xcode:
        case project::Located::Kind::xcodegen:
            return project::build_project(located, options, toolchain);
        case project::Located::Kind::cmake:
            return project::build_cmake(located, options, installation_prefix());
        case project::Located::Kind::folder:
        case project::Located::Kind::description:
            break;
    }
    return build_one(located, options, toolchain);
}

}  // namespace

int main(int argc, char** argv) {
    Line given;
    project::ProjectOptions& options = given.options;
    project::RunOptions& run = options.build.run;
    tools::CommandLine line("opendext build", "[PATH] [--target NAME] [--configuration C] [-o DIR]",
                            kDescription);
    line.option("--target", "NAME", options.target,
                "build this target of the project, or what it embeds (default: every driver)")
        .option("--configuration", "C", options.configuration,
                "configuration of the project (default: the one that the project names)")
        .flag("--list", given.list, "print the project's targets and configurations")
        .option("-o,--output", "DIR", given.output, "where NAME.dext is written")
        .option("--name", "NAME", options.common.name,
                "name of the bundle (default: that of the project, .entitlements file or folder)")
        .option("--bundle-id", "ID", options.common.bundle_id, "value of PRODUCT_BUNDLE_IDENTIFIER")
        .option("--set", "NAME=VALUE[,…]", given.set, "values of further build settings")
        .option("-D", "NAME[=VALUE][,…]", given.definitions, "macros to define")
        .option("-I", "DIR[,…]", given.includes, "further folders to look for headers in")
        .option("--provider-class", "CLASS[,…]", given.providers,
                "classes of other dexts that IOProviderClass may name")
        .number("-j,--jobs", "N", given.jobs, 1, 1024, "commands to run at a time")
        .flag("-v,--verbose", run.verbose, "print each command")
        .flag("-q,--quiet", run.quiet, "print only errors and warnings")
        .footer(kFooter);
    if (const auto status = line.parse(argc, argv, 0, 1)) return *status;

    const fs::path path =
        line.operands().empty() ? fs::path(".") : fs::path(line.operands().front());
    if (!given.output.empty()) options.output = full_path(given.output);
    for (const auto& word : split(given.set)) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return line.usage_error("--set needs NAME=VALUE, got \"" + word + "\"");
        options.common.variables[word.substr(0, equals)] = word.substr(equals + 1);
    }
    options.common.definitions = split(given.definitions);
    for (const auto& word : split(given.includes))
        options.common.include_folders.push_back(full_path(word));
    for (auto& word : split(given.providers))
        options.build.provider_classes.insert(std::move(word));
    run.parallel = static_cast<unsigned>(given.jobs);
    run.terminal = ::isatty(2) == 1 && !run.quiet && !run.verbose;

    const auto located = project::locate(path);
    if (!located.ok()) return line.failure(located.error());
    if (given.list) {
        const auto text = project::list_project(*located, options);
        if (!text.ok()) return line.failure(text.error());
        std::fputs(text->c_str(), stdout);
        return 0;
    }
    const auto toolchain = project::Toolchain::find(installation_prefix());
    if (!toolchain.ok()) return line.failure(toolchain.error());
    const auto result = build_located(*located, options, *toolchain);
    if (run.terminal) std::fputs("\r\033[K", stderr);
    if (!result.ok()) return line.failure(result.error());
    for (const auto& dext : result->dexts) print_result(dext, run.quiet);
    if (!run.quiet) {
        for (const auto& application : result->applications)
            std::printf("in %s\n", application.c_str());
        for (const auto& note : result->notes) std::fprintf(stderr, "note: %s\n", note.c_str());
    }
    return 0;
}
