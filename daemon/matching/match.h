// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "daemon/family.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// Whether an entry fits a matching dictionary, and why not. The code that decides is the code that
/// explains.
struct Verdict {
    bool matches = false;
    int64_t score = 0;         ///< IOProbeScore plus what the family added
    std::string reason;        ///< of a mismatch: key, wanted and found value
    std::string name_matched;  ///< the string that IONameMatch hit
};

/// What a match needs besides entry and table.
struct MatchContext {
    const Registry& registry;
    /// The family test of the entry; absent in tests without families.
    std::function<FamilyVerdict(const Entry&, const Dictionary&)> family;
};

/// Tests `table`, a personality or a client's matching dictionary, against `entry`, in the order of
/// docs/facts/semantics.md section 3; the first mismatch decides. IOProviderClass is tested here
/// too, so that clients and the index of personalities agree.
[[nodiscard]] Verdict match(const Entry& entry, const Dictionary& table,
                            const MatchContext& context);

/// A value as a message shows it: short, on one line.
[[nodiscard]] std::string describe(const Value& value);

}  // namespace opendext::daemon
