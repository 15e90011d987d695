// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rpc/realm.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::serial_tcp {

/// Asks the serial family in opendextd for something about adopted devices: one of the keys of
/// families/serial/system/adoption.h and its value.
Status ask_family(const Realm& realm, const std::string& key, Value value);

/// A path as opendextd knows it: absolute, no link.
std::string real_path(const std::string& text);

}  // namespace opendext::serial_tcp
