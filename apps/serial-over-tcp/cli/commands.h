// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/registry.h"
#include "rpc/realm.h"
#include "rpc/value.h"

/// The commands of `opendext serial`: each gets what follows its name and gives the exit status.
namespace opendext::serial_tcp::cli {

using Words = std::vector<std::string>;

int add(const Words& arguments);
int remove(const Words& arguments);
int stop(const Words& arguments);
int list(const Words& arguments);
int set(const Words& arguments);
int watch(const Words& arguments);

// What several of them need.

/// Looks again quickly until `condition` holds; false after 15 s.
bool wait_until(const std::function<bool()>& condition);
/// The ports of the realm and those that are saved but not there, in the order of their names.
std::vector<PortInfo> all_ports(const Realm& realm);
/// As `ls --json` prints it (docs/schemas/serial.json).
Value to_value(const PortInfo& port);

}  // namespace opendext::serial_tcp::cli
