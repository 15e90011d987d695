// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "rpc/protocol/client.h"
#include "rpc/value.h"
#include "tools/common/registry.h"

/// What a matching dictionary selects in a live registry, and why it does not select the rest.
/// opendextd answers every question: the code that matches is the code that explains.
namespace opendext::match {

/// One condition of a matching dictionary.
struct Condition {
    std::string key;      ///< as people write it: "IONameMatch", "IOPropertyMatch/Color"
    Dictionary part;      ///< a matching dictionary with this condition alone
    size_t selected = 0;  ///< how many services fulfil it
};

struct Candidate {
    protocol::client::Entry entry;
    std::string path;                 ///< in the service plane
    std::vector<std::string> failed;  ///< a sentence for each condition that does not hold
};

struct Answer {
    Dictionary matching;
    std::vector<Candidate> selected;
    // The rest only where nothing is selected.
    std::vector<Condition> conditions;
    std::vector<Candidate> nearest;  ///< those that fail the fewest conditions
    std::vector<std::string> hints;
};

/// The conditions of a matching dictionary. Keys that say what to do with a match (IOClass,
/// IOUserClass, IOMatchCategory …) are none.
[[nodiscard]] std::vector<Condition> conditions_of(const Dictionary& matching);

/// `image` gives names and properties of what opendextd selects.
[[nodiscard]] Result<Answer> explain(tools::DaemonClient& daemon, const tools::RegistryImage& image,
                                     const Dictionary& matching);

[[nodiscard]] std::string to_text(const Answer& answer);
[[nodiscard]] Value to_value(const Answer& answer);

}  // namespace opendext::match
