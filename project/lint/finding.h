// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/plist.h"

namespace opendext::lint {

enum class Severity {
    error,   ///< the driver will not build, not start, never match, or is refused by the other side
    warning  ///< it may work, and is not what was meant
};
[[nodiscard]] std::string_view to_string(Severity severity);

/// A rule: its id never changes its meaning, scripts may rely on it.
struct Rule {
    std::string_view id;
    Severity severity;
    std::string_view summary;
};
/// Every rule, by id.
[[nodiscard]] const std::vector<Rule>& rules();
/// nullptr if there is none of that id.
[[nodiscard]] const Rule* find_rule(std::string_view id);

/// Where something is wrong; line and column count from 1, 0 = the file as a whole.
struct Place {
    std::string file;
    uint32_t line = 0;
    uint32_t column = 0;
};
/// The place of a key, else that of the nearest key above it.
[[nodiscard]] Place place_of(const bundle::Plist& plist, std::string_view path);

struct Finding {
    const Rule* rule = nullptr;
    Place place;
    std::string message;
    std::string fix;
};

/// Collects findings: each once, those of ignored rules not at all.
class Findings {
  public:
    explicit Findings(std::set<std::string> ignored = {}) : ignored_(std::move(ignored)) {}

    /// `rule` is the id of a rule that exists.
    void add(std::string_view rule, Place place, std::string message, std::string fix);
    /// By file, line and column.
    [[nodiscard]] std::vector<Finding> sorted() const;

  private:
    std::set<std::string> ignored_;
    std::vector<Finding> findings_;
};

}  // namespace opendext::lint
