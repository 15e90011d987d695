// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "project/builder.h"
#include "project/lint/finding.h"
#include "project/lint/subject.h"
#include "project/target.h"

namespace opendext::lint {

/// Reads the driver's interfaces with iig and its sources with libclang, with the commands of a
/// build; finds what DriverKit does not allow, and gives what the property lists depend on. Works
/// in a temporary folder. Sources that cannot be read to their end (a family that is not there) are
/// told of and looked at as far as they go.
[[nodiscard]] Result<SourceFacts> read_sources(const project::Target& target,
                                               const project::Toolchain& toolchain,
                                               Findings& findings);

}  // namespace opendext::lint
