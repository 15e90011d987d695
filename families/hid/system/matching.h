// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/family.h"

namespace opendext::hid {

/// The HID part of matching a nub with a personality or a client's dictionary: every key of the
/// table that is present must agree with the nub's properties, and adds to the score
/// (docs/facts/plist-keys.csv, docs/facts/semantics.md section 3).
[[nodiscard]] daemon::FamilyVerdict match_hid(const daemon::Entry& nub, const Dictionary& table);

}  // namespace opendext::hid
