// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opendext {

/// The member of `names` that is nearest to `name` by edits, if any is near enough to be meant;
/// else "".
[[nodiscard]] inline std::string nearest_name(std::string_view name,
                                              const std::set<std::string>& names) {
    std::string best;
    size_t best_distance = std::min<size_t>(4, name.size() / 3 + 1);
    for (const auto& candidate : names) {
        std::vector<size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), size_t{0});
        for (size_t i = 1; i <= name.size(); ++i) {
            size_t diagonal = std::exchange(row[0], i);
            for (size_t j = 1; j <= candidate.size(); ++j) {
                const size_t change = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
                diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

}  // namespace opendext
