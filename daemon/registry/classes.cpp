// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/classes.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {

Status ClassTable::declare(ClassDeclaration declaration, Family* family) {
    if (declaration.name.empty()) return Error{Errc::invalid, 0, "a class needs a name"};
    if (classes_.contains(declaration.name)) {
        return Error{Errc::exists, 0, "class " + declaration.name + " is declared twice"};
    }
    if (!declaration.super_name.empty() && !classes_.contains(declaration.super_name)) {
        return Error{Errc::not_found, 0,
                     "class " + declaration.name + ": super class " + declaration.super_name +
                         " is not declared"};
    }
    std::string name = declaration.name;
    classes_.emplace(std::move(name), Known{std::move(declaration), family});
    return success();
}

const ClassTable::Known* ClassTable::find(std::string_view name) const {
    const auto known = classes_.find(name);
    return known == classes_.end() ? nullptr : &known->second;
}

std::set<std::string> ClassTable::names() const {
    std::set<std::string> names;
    for (const auto& [name, known] : classes_) names.insert(name);
    return names;
}

std::vector<std::string> ClassTable::names_for_drivers() const {
    std::vector<std::string> names;
    for (const auto& [name, known] : classes_) {
        if (known.declaration.for_drivers) names.push_back(name);
    }
    return names;
}

std::vector<std::string> ClassTable::chain(std::string_view name) const {
    std::vector<std::string> chain;
    for (const Known* known = find(name); known != nullptr;
         known = find(known->declaration.super_name)) {
        chain.push_back(known->declaration.name);
    }
    return chain;
}

std::vector<Family*> ClassTable::families(const std::vector<std::string>& chain) const {
    std::vector<Family*> families;
    for (const std::string& name : chain) {
        const Known* known = find(name);
        if (known == nullptr || known->family == nullptr) continue;
        if (std::find(families.begin(), families.end(), known->family) == families.end()) {
            families.push_back(known->family);
        }
    }
    return families;
}

Dictionary ClassTable::default_properties(const std::vector<std::string>& chain) const {
    Dictionary properties;
    for (const std::string& name : chain) {
        if (const Known* known = find(name)) {
            const Dictionary& defaults = known->declaration.properties;
            properties.insert(defaults.begin(), defaults.end());  // keeps what a derived class set
        }
    }
    return properties;
}

}  // namespace opendext::daemon
