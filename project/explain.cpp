// SPDX-License-Identifier: Apache-2.0
#include "project/explain.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

#include "project/classes.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaximumNames = 8;

/// The diagnostics without the colours of a terminal.
std::string plain(std::string_view text) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
            while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) == 0) ++i;
        } else {
            result += text[i];
        }
    }
    return result;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
    std::vector<std::string> result;
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
        const std::string word = (*it)[1].str();
        if (std::ranges::find(result, word) == result.end()) result.push_back(word);
    }
    return result;
}

std::string list(const std::vector<std::string>& words) {
    std::string result;
    for (size_t i = 0; i < words.size() && i < kMaximumNames; ++i)
        result += (i == 0 ? "" : ", ") + words[i];
    if (words.size() > kMaximumNames)
        result += " and " + std::to_string(words.size() - kMaximumNames) + " more";
    return result;
}

/// Names of the frameworks that are there or are known to be missing need no further word.
std::vector<std::string> missing_frameworks(const std::string& text, const fs::path& sdk,
                                            std::vector<std::string>& headers) {
    static const std::regex kHeader(R"re('([^'\n]+)' file not found)re");
    const auto ours = sdk_frameworks(sdk);
    std::vector<std::string> result;
    for (const auto& header : matches(text, kHeader)) {
        const size_t slash = header.find('/');
        const std::string framework = header.substr(0, slash);
        const bool driver = slash != std::string::npos && framework.ends_with("DriverKit") &&
                            std::ranges::find(ours, framework) == ours.end();
        if (!driver) {
            headers.push_back(header);
        } else if (std::ranges::find(result, framework) == result.end()) {
            result.push_back(framework);
        }
    }
    return result;
}

}  // namespace

std::set<std::string> api_names(const fs::path& sdk) {
    std::set<std::string> names;
    std::ifstream file(sdk / "api-names.txt");
    for (std::string line; std::getline(file, line);) names.insert(line);
    return names;
}

std::vector<std::string> sdk_frameworks(const fs::path& sdk) {
    std::vector<std::string> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(sdk / "include", error)) {
        if (entry.is_directory(error)) result.push_back(entry.path().filename());
    }
    std::ranges::sort(result);
    return result;
}

std::vector<std::string> explain_failure(std::string_view printed, const Target& target,
                                         const fs::path& sdk) {
    std::vector<std::string> result;
    const std::string text = plain(printed);
    std::vector<std::string> headers;
    const auto frameworks = missing_frameworks(text, sdk, headers);
    if (!frameworks.empty()) {
        const bool one = frameworks.size() == 1;
        result.push_back(target.name + " needs " + (one ? "the framework " : "the frameworks ") +
                         list(frameworks) + ", which this OpenDext does not have yet; it has " +
                         list(sdk_frameworks(sdk)));
    }
    static const std::regex kName(
        R"re((?:use of undeclared identifier|no member named|unknown type name|no type named|no template named) '?([A-Za-z_:~]\w*)'?)re");
    std::vector<std::string> never;
    std::vector<std::string> later;
    const auto known = api_names(sdk);
    for (const auto& name : matches(text, kName)) {
        // Only a name in the style of the interface can be meant to come from it.
        const bool style = name.starts_with("IO") || name.starts_with("OS") ||
                           name.starts_with("kIO") || name.starts_with("kOS");
        if (known.contains(name)) {
            later.push_back(name);
        } else if (!known.empty() && style && frameworks.empty()) {
            const std::string near = nearest_name(name, known);
            never.push_back(name + (near.empty() ? "" : " (did you mean " + near + "?)"));
        }
    }
    if (!later.empty() && frameworks.empty()) {
        result.push_back("DriverKit has " + list(later) +
                         ": include the header that declares it; if you do, this OpenDext does not "
                         "have it yet (docs/api-status.md)");
    }
    if (!never.empty()) {
        result.push_back(
            "no version of DriverKit that OpenDext knows has " + list(never) +
            ": the source calls an interface that never existed, or one of its own that "
            "is not declared");
    }
    const bool may_be_a_step =
        frameworks.empty() && (!headers.empty() || text.find("cannot open") != std::string::npos);
    if (may_be_a_step) {
        std::vector<std::string> steps = target.skipped_steps;
        steps.insert(steps.end(), target.suspects.begin(), target.suspects.end());
        for (const auto& step : steps)
            result.push_back("a step before the build may make what is missing: " + step);
    }
    return result;
}

}  // namespace opendext::project
