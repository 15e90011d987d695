// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "daemon/family.h"

namespace opendext::hid {

/// Gives back what the keeper holds of objects of an earlier opendextd that `gone` names: control
/// sockets, users' leases, gates and traces of devices whose driver or player went while there was
/// no opendextd.
void release_left_of(daemon::FamilyHost& host, const std::function<bool(daemon::EntryId)>& gone);

}  // namespace opendext::hid
