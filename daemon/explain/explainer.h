// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "daemon/extensions/catalogue.h"
#include "daemon/lifecycle/matcher.h"
#include "daemon/matching/standing.h"
#include "rpc/protocol/explain.h"

namespace opendext::daemon {

/// Why drivers run on a provider or do not. Reads what the parts of opendextd know; decides
/// nothing.
class Explainer {
  public:
    Explainer(const Context& context, const Matcher& matcher, const Catalogue& catalogue)
        : context_(context), matcher_(matcher), catalogue_(catalogue) {}

    [[nodiscard]] protocol::client::Explained explain(
        const protocol::client::Explain& request) const;

    /// No answer has more standings than these; the nearest are told.
    static constexpr size_t kMostStandings = 512;
    /// Of one personality: it may fit every service there is.
    static constexpr size_t kMostProviders = 64;

  private:
    using Standing = protocol::client::Standing;
    [[nodiscard]] Result<std::vector<PersonalityPtr>> named(const std::string& name) const;
    [[nodiscard]] std::vector<PersonalityPtr> for_provider(const Entry& nub) const;
    [[nodiscard]] Standing standing(const Entry& nub, const Personality& personality,
                                    bool installed) const;
    /// Its place among the installed ones.
    void give_rank(Standing& standing, const Entry& nub) const;
    void add_history(Standing& standing, const Supervised* supervised) const;
    /// The first link behind the match that is broken.
    void look_further(Standing& standing, const Entry& nub, const Personality& personality,
                      bool installed) const;
    [[nodiscard]] const Supervised* supervised(EntryId nub, const std::string& label) const;

    const Context& context_;
    const Matcher& matcher_;
    const Catalogue& catalogue_;
};

}  // namespace opendext::daemon
