// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/matching/personality.h"
#include "daemon/registry/traits.h"

namespace opendext::daemon {

/// All personalities that may be matched. Each is filed below one trait that every nub must have
/// which it fits: its provider class, a name that IONameMatch asks for or a value that
/// IOPropertyMatch asks for, whichever the fewest ask for. So a nub is put only to those
/// personalities that its traits do not rule out, however many there are.
class PersonalityIndex {
  public:
    void add(PersonalityPtr personality);
    /// Takes out every personality of the bundle and returns them.
    std::vector<PersonalityPtr> remove(const std::string& bundle_id);
    /// Those that the nub may fit, in the order of installation: all others differ from it in
    /// IOProviderClass, IONameMatch or IOPropertyMatch.
    [[nodiscard]] std::vector<PersonalityPtr> for_nub(const Entry& nub) const;
    /// Every one whose IOProviderClass is a class of the nub, whatever else it asks for.
    [[nodiscard]] std::vector<PersonalityPtr> of_classes(const Entry& nub) const;
    /// Every one, in the order of installation.
    [[nodiscard]] std::vector<PersonalityPtr> all() const;
    [[nodiscard]] bool contains(const PersonalityPtr& personality) const;

  private:
    struct Filed {
        uint64_t order = 0;
        PersonalityPtr personality;
        std::vector<Trait> below;  ///< one, or one for each alternative
        /// What it asks for besides.
        std::vector<Trait> required;
    };
    /// Traits of which one is enough; a personality asks for one of each of several such lists.
    using Alternatives = std::vector<Trait>;
    [[nodiscard]] std::vector<Alternatives> wanted(const Dictionary& table) const;
    [[nodiscard]] size_t number_below(Trait trait) const;

    uint64_t next_ = 0;
    std::map<uint64_t, Filed> filed_;  ///< by order
    std::unordered_map<Trait, std::vector<const Filed*>> by_trait_;
    /// Which key_of() any trait of by_trait_ ever had.
    std::bitset<256> keys_;
};

}  // namespace opendext::daemon
