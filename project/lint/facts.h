// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::lint {

/// What a value may be, from the type column of docs/facts/plist-keys.csv.
class TypeFact {
  public:
    explicit TypeFact(std::string_view text);
    [[nodiscard]] bool fits(const Value& value) const;
    /// "a number or "*"".
    [[nodiscard]] std::string words() const;
    /// An XML value of the type, for a fix.
    [[nodiscard]] std::string example() const;

  private:
    std::vector<std::string> alternatives_;  ///< "string", "array of array of string", "\"*\"" …
};

/// A row of plist-keys.csv.
struct KeyFact {
    std::string key;
    std::string where;
    std::string type;
    [[nodiscard]] bool in(std::string_view place) const {
        return where.find(place) != std::string::npos;
    }
};

/// A row of match-sets.csv; the README beside it says what each kind means.
struct MatchFact {
    std::string kind;
    std::vector<std::string> providers;
    std::vector<std::string> keys;
    std::vector<std::string> with;
    std::vector<std::string> without;
    std::string condition;
    std::string score;
};

/// A row of family-classes.csv.
struct ClassFact {
    std::string name;
    std::string role;  ///< "provider" or "superclass"
    std::string ioclass;
    std::string kernel_bundle;
    std::string entitlement;
};

/// The facts that the checks rest on. No check names a family: what is known of families is here.
struct Facts {
    std::vector<KeyFact> keys;
    std::vector<MatchFact> match;
    std::vector<ClassFact> classes;
    /// Every class of the frameworks, in this SDK or not, to its superclass.
    std::map<std::string, std::string, std::less<>> superclasses;

    /// Reads share/opendext/facts.
    [[nodiscard]] static Result<Facts> load(const std::filesystem::path& folder);
    /// The row of a key at a place ("Info.plist", "personality", …), or nullptr.
    [[nodiscard]] const KeyFact* key(std::string_view name, std::string_view place) const;
    /// Whether any row has the key.
    [[nodiscard]] bool knows_key(std::string_view name) const;
};

}  // namespace opendext::lint
