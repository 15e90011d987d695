// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/glob.h"

#include <algorithm>

namespace opendext::project::xcode {
namespace {

/// `steps` bounds the work: patterns with many stars could try without end.
bool matches(std::string_view pattern, std::string_view path, int& steps) {
    while (!pattern.empty()) {
        if (--steps < 0) return false;
        if (pattern.starts_with("**/")) {
            const std::string_view rest = pattern.substr(3);
            if (matches(rest, path, steps)) return true;
            for (size_t i = 0; i < path.size(); ++i) {
                if (path[i] == '/' && matches(rest, path.substr(i + 1), steps)) return true;
            }
            return false;
        }
        if (pattern.starts_with("**")) {
            for (size_t i = 0; i <= path.size(); ++i) {
                if (matches(pattern.substr(2), path.substr(i), steps)) return true;
            }
            return false;
        }
        if (pattern.front() == '*') {
            for (size_t i = 0; i <= path.size(); ++i) {
                if (matches(pattern.substr(1), path.substr(i), steps)) return true;
                if (i < path.size() && path[i] == '/') break;
            }
            return false;
        }
        if (path.empty()) return false;
        const bool one =
            pattern.front() == '?' ? path.front() != '/' : pattern.front() == path.front();
        if (!one) return false;
        pattern.remove_prefix(1);
        path.remove_prefix(1);
    }
    return path.empty() || path.front() == '/';
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view path) {
    while (pattern.ends_with('/')) pattern.remove_suffix(1);
    int steps = 100'000;
    return !pattern.empty() && matches(pattern, path, steps);
}

bool glob_matches_any(const std::vector<std::string>& patterns, std::string_view path) {
    return std::ranges::any_of(
        patterns, [path](const std::string& pattern) { return glob_matches(pattern, path); });
}

}  // namespace opendext::project::xcode
