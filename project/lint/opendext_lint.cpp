// SPDX-License-Identifier: Apache-2.0
// opendext lint: what is wrong with a driver, before it is built or started.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "project/lint/lint.h"
#include "rpc/realm.h"
#include "tools/common/command_line.h"

namespace {

namespace fs = std::filesystem;
using namespace opendext;

constexpr const char* kDescription =
    "Looks at PATH (default: the current folder) for what keeps a driver from building, matching "
    "or\n"
    "starting, here or on macOS: a folder or project as opendext build takes it, a built "
    "NAME.dext, or\n"
    "a single Info.plist or .entitlements file.";

// Errors of the driver and a wrong command line have different meanings to a script.
constexpr int kExitUnusable = 1;
constexpr int kExitErrors = 2;

std::string rule_list() {
    std::string text = "rules (E error, W warning):";
    for (const lint::Rule& rule : lint::rules()) {
        text += "\n  " + std::string(rule.id);
        text.append(rule.id.size() < 28 ? 28 - rule.id.size() : 1, ' ');
        text += std::string(rule.severity == lint::Severity::error ? "E " : "W ") +
                std::string(rule.summary);
    }
    return text +
           "\n\nexit status: 0 nothing or only warnings, 2 errors, 1 PATH cannot be looked at";
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, ',');) {
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

}  // namespace

int main(int argc, char** argv) {
    lint::Options options;
    bool json = false;
    std::string ignored;
    std::string set;
    std::string definitions;
    std::string includes;
    tools::CommandLine line("opendext lint", "[PATH] [--json]", kDescription);
    line.flag("--json", json, "print JSON (docs/schemas/lint.json)")
        .option("--ignore", "RULE[,…]", ignored, "rules to leave out")
        .option("--target", "NAME", options.target, "only this target of a project")
        .option("--configuration", "C", options.configuration, "configuration of the project")
        .option("--bundle-id", "ID", options.common.bundle_id, "value of PRODUCT_BUNDLE_IDENTIFIER")
        .option("--set", "NAME=VALUE[,…]", set, "values of further build variables")
        .option("-D", "NAME[=VALUE][,…]", definitions, "macros to define")
        .option("-I", "DIR[,…]", includes, "further folders to look for headers in")
        .footer(rule_list());
    if (const auto status = line.parse(argc, argv, 0, 1))
        return *status == tools::kExitUsage ? kExitUnusable : *status;
    for (const auto& id : split(ignored)) {
        if (lint::find_rule(id) == nullptr) {
            line.usage_error("there is no rule '" + id + "'");
            return kExitUnusable;
        }
        options.ignored.insert(id);
    }
    for (const auto& word : split(set)) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            line.usage_error("--set needs NAME=VALUE, got \"" + word + "\"");
            return kExitUnusable;
        }
        options.common.variables[word.substr(0, equals)] = word.substr(equals + 1);
    }
    options.common.definitions = split(definitions);
    for (const auto& word : split(includes)) options.common.include_folders.emplace_back(word);
    options.prefix = installation_prefix();

    const fs::path path =
        line.operands().empty() ? fs::path(".") : fs::path(line.operands().front());
    const auto findings = lint::lint(path, options);
    if (!findings.ok()) {
        line.failure(findings.error());
        return kExitUnusable;
    }
    size_t errors = 0;
    for (const lint::Finding& finding : findings.value()) {
        if (finding.rule->severity == lint::Severity::error) ++errors;
        if (!json) std::printf("%s\n", lint::to_text(finding).c_str());
    }
    if (json) std::printf("%s\n", lint::to_json(path, findings.value()).c_str());
    const size_t warnings = findings->size() - errors;
    if (!json && !findings->empty()) {
        std::printf("%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", warnings,
                    warnings == 1 ? "" : "s");
    }
    return errors != 0 ? kExitErrors : 0;
}
