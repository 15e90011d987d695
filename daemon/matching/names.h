// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// Calls visit(text) for each string of a value that is one or an array of them, until it returns
/// true. False for a value of another kind.
template <typename Visit>
bool visit_strings(const Value& value, Visit visit) {
    if (const std::string* one = value.string()) {
        visit(*one);
        return true;
    }
    const Array* array = value.array();
    if (array == nullptr || std::any_of(array->begin(), array->end(), [](const Value& member) {
            return member.string() == nullptr;
        }))
        return false;
    for (const Value& member : *array) {
        if (visit(*member.string())) break;
    }
    return true;
}

/// Calls visit(name) for the names in a property of Registry::kNameProperties, until it returns
/// true. A device tree gives them as data with zero bytes between. Whether it returned true.
template <typename Visit>
bool visit_names_in(const Value& value, Visit visit) {
    bool over = false;
    visit_strings(value, [&](const std::string& text) { return over = visit(text); });
    if (const Data* data = value.data()) {
        const std::string_view text(reinterpret_cast<const char*>(data->data()), data->size());
        for (size_t from = 0; from < text.size() && !over;) {
            const size_t end = std::min(text.find('\0', from), text.size());
            over = end > from && visit(text.substr(from, end - from));
            from = end + 1;
        }
    }
    return over;
}

/// Calls visit(name) for the names that IONameMatch looks at, until it returns true: the entry's
/// own, its IOName and its compatible list.
template <typename Visit>
void visit_names(const Entry& entry, Visit visit) {
    if (visit(std::string_view(entry.name))) return;
    for (const std::string_view key : Registry::kNameProperties) {
        const Value* value = entry.property(key);
        if (value != nullptr && visit_names_in(*value, visit)) return;
    }
}

}  // namespace opendext::daemon
