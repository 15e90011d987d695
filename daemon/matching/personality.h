// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bundle/elf_object.h"
#include "daemon/matching/match.h"

namespace opendext::daemon {

/// One personality of an installed bundle, its keys read once. Shared by the catalogue and the
/// instances that run on it; a replaced bundle's personalities live on in their instances.
struct Personality {
    std::string bundle_id;
    std::string bundle_path;
    std::string version;  ///< of the bundle
    std::string executable;
    bundle::FileStamp executable_stamp;
    std::vector<std::string> libraries;  ///< that the executable names
    std::string name;                    ///< its key in IOKitPersonalities
    uint64_t copy = 0;                   ///< which installed copy of the bundle it belongs to
    Dictionary table;
    Dictionary entitlements;           ///< of the bundle
    std::vector<std::string> classes;  ///< that its executable defines; empty: not recorded

    std::string provider_class;
    std::string kernel_class;  ///< IOClass
    std::string user_class;    ///< IOUserClass
    std::string server_name;   ///< IOUserServerName
    std::string category;      ///< IOMatchCategory
    bool one_process = false;  ///< IOUserServerOneProcess is there (its value does not count)

    /// `table` as a question, read at the first use. Not before it is where it stays.
    [[nodiscard]] const MatchQuery& query() const;

    /// Reads the keys of `table`; errors name bundle, personality, key and what to write instead.
    static Result<Personality> read(std::string bundle_id, std::string name, Dictionary table);
    [[nodiscard]] std::string label() const { return bundle_id + "/" + name; }

  private:
    /// Of this object alone: it refers to its table.
    struct Query {
        Query() = default;
        Query(const Query&) {}
        Query(Query&&) noexcept {}
        Query& operator=(const Query&) { return reset(); }
        Query& operator=(Query&&) noexcept { return reset(); }
        ~Query() = default;
        Query& reset() {
            made.reset();
            return *this;
        }
        std::unique_ptr<const MatchQuery> made;
    };
    mutable Query query_;
};
using PersonalityPtr = std::shared_ptr<const Personality>;

/// A personality that fits a nub.
struct Candidate {
    PersonalityPtr personality;
    int64_t score = 0;
    std::string name_matched;
};

/// How one personality fared: what the log prints about a round.
struct TraceLine {
    PersonalityPtr personality;
    Verdict verdict;
};

/// The outcome of a round of passive matching on one nub.
struct CandidateList {
    /// One list per match category, best score first; ties in the order of installation.
    struct Category {
        std::string name;
        std::vector<Candidate> candidates;
    };
    std::vector<Category> categories;
    std::vector<TraceLine> trace;  ///< every personality that was tested, fitting or not
};

/// Tests each of `personalities`, which the index did not rule out, against the nub.
[[nodiscard]] CandidateList find_candidates(const Entry& nub,
                                            const std::vector<PersonalityPtr>& personalities,
                                            const MatchContext& context);

}  // namespace opendext::daemon
