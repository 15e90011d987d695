// SPDX-License-Identifier: Apache-2.0
#include "project/lint/subject.h"

#include <algorithm>

#include "project/classes.h"

namespace opendext::lint {
namespace {

constexpr int kMaximumDepth = 8;

void add_below(const Entry& entry, int depth, std::vector<Entry>& found) {
    if (depth > kMaximumDepth) return;
    for (const auto& [key, value] : *entry.values) {
        if (value.dictionary() == nullptr) continue;
        const Entry below{entry.path + "/" + key, entry.personality, false, value.dictionary()};
        if (find(*below.values, "IOUserClass") != nullptr) found.push_back(below);
        add_below(below, depth + 1, found);
    }
}

}  // namespace

std::vector<std::string> Subject::chain(const Facts& facts, const std::string& name) const {
    std::vector<std::string> result;
    std::string next = name;
    while (!next.empty() && std::ranges::find(result, next) == result.end()) {
        result.push_back(next);
        const DeclaredClass* own = declared(next);
        const auto known = facts.superclasses.find(next);
        next = own != nullptr ? own->superclass
                              : (known != facts.superclasses.end() ? known->second : "");
    }
    return result;
}

const DeclaredClass* Subject::declared(std::string_view name) const {
    if (!sources) return nullptr;
    const auto found = std::ranges::find(sources->classes, name, &DeclaredClass::name);
    return found == sources->classes.end() ? nullptr : &*found;
}

std::vector<Entry> entries(const Dictionary& info) {
    std::vector<Entry> found;
    const Value* personalities = find(info, "IOKitPersonalities");
    if (personalities == nullptr || personalities->dictionary() == nullptr) return found;
    for (const auto& [name, value] : *personalities->dictionary()) {
        if (value.dictionary() == nullptr) continue;
        found.push_back({"IOKitPersonalities/" + name, name, true, value.dictionary()});
        add_below(Entry(found.back()), 0, found);
    }
    return found;
}

std::string meant(std::string_view name, const std::vector<std::string>& names) {
    const std::string near =
        project::nearest_name(name, std::set<std::string>(names.begin(), names.end()));
    return near.empty() ? "" : "did you mean " + near + "?";
}

}  // namespace opendext::lint
