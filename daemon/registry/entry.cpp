// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/entry.h"

#include <algorithm>

namespace opendext::daemon {

std::string_view to_string(Activity activity) {
    switch (activity) {
        case Activity::active:
            return "active";
        case Activity::terminating:
            return "terminating";
        case Activity::detached:
            return "detached";
    }
    return "unknown";
}

bool Entry::is_kind_of(std::string_view class_name) const {
    return std::find(classes.begin(), classes.end(), class_name) != classes.end() ||
           std::find(user_classes.begin(), user_classes.end(), class_name) != user_classes.end();
}

const Value* Entry::property(std::string_view key) const {
    if (const Value* own = find(user_properties, key)) return own;
    return find(properties, key);
}

Dictionary Entry::merged_properties() const {
    Dictionary merged;
    visit_properties([&](std::string_view key, const Value& value) {
        merged.insert_or_assign(std::string(key), value);
    });
    return merged;
}

std::chrono::nanoseconds Entry::busy_time() const {
    return busy == 0 ? busy_before : busy_before + (std::chrono::steady_clock::now() - busy_since);
}

}  // namespace opendext::daemon
