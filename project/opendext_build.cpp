// SPDX-License-Identifier: Apache-2.0
// opendext build: from a folder of driver sources to NAME.dext.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "project/builder.h"
#include "rpc/realm.h"
#include "tools/common/command_line.h"

namespace {

namespace fs = std::filesystem;
using namespace opendext;

constexpr const char* kDescription =
    "Builds a driver extension from the sources in PATH (default: the current folder): .iig, "
    ".cpp,\n"
    "Info.plist and .entitlements, as they stand in an Xcode project. Writes NAME.dext into DIR\n"
    "(default: PATH/build). What has not changed is not built again.";
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

}  // namespace

int main(int argc, char** argv) {
    project::TargetOptions target_options;
    project::BuildOptions options;
    std::string output;
    std::string set;
    std::string includes;
    std::string definitions;
    std::string providers;
    int64_t jobs = std::max(1U, std::thread::hardware_concurrency());
    tools::CommandLine line("opendext build", "[PATH] [-o DIR]", kDescription);
    line.option("-o,--output", "DIR", output, "where NAME.dext is written")
        .option("--name", "NAME", target_options.name,
                "name of the bundle (default: that of the .entitlements file or folder)")
        .option("--bundle-id", "ID", target_options.bundle_id, "value of PRODUCT_BUNDLE_IDENTIFIER")
        .option("--set", "NAME=VALUE[,…]", set, "values of further build variables")
        .option("-D", "NAME[=VALUE][,…]", definitions, "macros to define")
        .option("-I", "DIR[,…]", includes, "further folders to look for headers in")
        .option("--provider-class", "CLASS[,…]", providers,
                "classes of other dexts that IOProviderClass may name")
        .number("-j,--jobs", "N", jobs, 1, 1024, "commands to run at a time")
        .flag("-v,--verbose", options.run.verbose, "print each command")
        .flag("-q,--quiet", options.run.quiet, "print only errors and warnings")
        .footer(kFooter);
    if (const auto status = line.parse(argc, argv, 0, 1)) return *status;

    const fs::path folder =
        line.operands().empty() ? fs::path(".") : fs::path(line.operands().front());
    std::error_code error;
    options.output = fs::absolute(output.empty() ? folder / "build" : fs::path(output), error)
                         .lexically_normal();
    if (!options.output.has_filename()) options.output = options.output.parent_path();
    target_options.output = options.output;
    for (const auto& word : split(set)) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return line.usage_error("--set needs NAME=VALUE, got \"" + word + "\"");
        target_options.variables[word.substr(0, equals)] = word.substr(equals + 1);
    }
    target_options.definitions = split(definitions);
    for (const auto& word : split(includes)) target_options.include_folders.emplace_back(word);
    for (auto& word : split(providers)) options.provider_classes.insert(std::move(word));
    options.run.parallel = static_cast<unsigned>(jobs);
    options.run.terminal = ::isatty(2) == 1 && !options.run.quiet && !options.run.verbose;

    const auto toolchain = project::Toolchain::find(installation_prefix());
    if (!toolchain.ok()) return line.failure(toolchain.error());
    const auto target = folder.extension() == project::kDescriptionExtension
                            ? project::read_target_description(folder, target_options)
                            : project::find_folder_target(folder, target_options);
    if (!target.ok()) return line.failure(target.error());
    const auto result = project::build(target.value(), toolchain.value(), options);
    if (options.run.terminal) std::fputs("\r\033[K", stderr);
    if (!result.ok()) return line.failure(result.error());
    for (const auto& warning : result.value().warnings)
        tools::print_error("opendext build", "warning: " + warning);
    if (!options.run.quiet) {
        std::printf("%s %s\n", result.value().changed ? "built" : "up to date:",
                    result.value().bundle.c_str());
    }
    return 0;
}
