// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "daemon/family.h"

/// What of the built-in family needs no running realm: its classes, and how its nubs match.
namespace opendext::daemon {

[[nodiscard]] std::vector<ClassDeclaration> core_classes();
/// IOResourceMatch of IOResources and IOUserResources.
[[nodiscard]] FamilyVerdict match_resources(const Entry& nub, const Dictionary& table);

/// The class of the entry that gives drivers the state notification service.
inline constexpr const char* kStateServiceClass = "IOSystemStateNotification";

}  // namespace opendext::daemon
