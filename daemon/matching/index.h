// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/matching/personality.h"

namespace opendext::daemon {

/// All personalities that may be matched, by provider class.
class PersonalityIndex {
  public:
    void add(PersonalityPtr personality);
    /// Takes out every personality of the bundle and returns them.
    std::vector<PersonalityPtr> remove(const std::string& bundle_id);
    /// Those whose IOProviderClass is a class of the nub, in the order of installation.
    [[nodiscard]] std::vector<PersonalityPtr> for_nub(const Entry& nub) const;
    [[nodiscard]] bool contains(const PersonalityPtr& personality) const;

  private:
    struct Numbered {
        uint64_t order;
        PersonalityPtr personality;
    };
    uint64_t next_ = 0;
    std::map<std::string, std::vector<Numbered>, std::less<>> by_class_;
};

}  // namespace opendext::daemon
