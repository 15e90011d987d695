// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "crash/stacks.h"
#include "crash/taker/snapshot.h"

namespace opendext::crash {

/// Names and lines for the stacks of a snapshot, from the files that it has open. Stops looking at
/// `deadline`: what was found so far is the result, and says so.
Stacks unwind(Snapshot snapshot, const std::optional<Fault>& fault, Time deadline);

}  // namespace opendext::crash
