// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "project/lint/lint.h"
#include "rpc/value.h"
#include "tools/common/json.h"

namespace opendext::lint {

std::string to_text(const Finding& finding) {
    std::string text = finding.place.file;
    if (finding.place.line != 0)
        text +=
            ":" + std::to_string(finding.place.line) + ":" + std::to_string(finding.place.column);
    text += ": " + std::string(to_string(finding.rule->severity)) + ": " + finding.message + " [" +
            std::string(finding.rule->id) + "]";
    if (!finding.fix.empty()) text += "\n    fix: " + finding.fix;
    return text;
}

std::string to_json(const std::filesystem::path& path, const std::vector<Finding>& findings) {
    Array list;
    for (const Finding& finding : findings) {
        list.emplace_back(Dictionary{{"rule", std::string(finding.rule->id)},
                                     {"severity", std::string(to_string(finding.rule->severity))},
                                     {"file", finding.place.file},
                                     {"line", static_cast<uint64_t>(finding.place.line)},
                                     {"column", static_cast<uint64_t>(finding.place.column)},
                                     {"message", finding.message},
                                     {"fix", finding.fix}});
    }
    const auto count = [&](Severity severity) {
        return static_cast<uint64_t>(std::ranges::count_if(
            findings, [&](const Finding& finding) { return finding.rule->severity == severity; }));
    };
    return tools::to_json(Dictionary{{"path", path.string()},
                                     {"errors", count(Severity::error)},
                                     {"warnings", count(Severity::warning)},
                                     {"findings", std::move(list)}},
                          2);
}

}  // namespace opendext::lint
