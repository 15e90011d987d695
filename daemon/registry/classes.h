// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/family.h"

namespace opendext::daemon {

/// The kernel-side classes that exist in this realm, with their super classes and the family that
/// declared each.
class ClassTable {
  public:
    /// Fails if the name is taken or the super class is unknown. IORegistryEntry, the root, has no
    /// super class.
    Status declare(ClassDeclaration declaration, Family* family);

    struct Known {
        ClassDeclaration declaration;
        Family* family = nullptr;
    };
    [[nodiscard]] const Known* find(std::string_view name) const;
    /// Those that IOClass of a personality may name.
    [[nodiscard]] std::vector<std::string> names_for_drivers() const;
    /// All.
    [[nodiscard]] std::set<std::string> names() const;
    /// From `name` up to IORegistryEntry; empty if the class is unknown.
    [[nodiscard]] std::vector<std::string> chain(std::string_view name) const;
    /// The families to ask about an object with this chain, most derived class first, none twice.
    [[nodiscard]] std::vector<Family*> families(const std::vector<std::string>& chain) const;
    /// Properties that the classes of the chain declare; the more derived class wins.
    [[nodiscard]] Dictionary default_properties(const std::vector<std::string>& chain) const;

  private:
    std::map<std::string, Known, std::less<>> classes_;
};

}  // namespace opendext::daemon
