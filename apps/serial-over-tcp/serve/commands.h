// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// Commands of `opendext serial` around ttys that exist already. Each takes what follows its name
/// and gives the exit status.
namespace opendext::serial_tcp::cli {

/// adopt DEVICE [--name NAME]: publishes a tty as a serial port of the realm.
int adopt(const std::vector<std::string>& arguments);
/// release NAME|DEVICE: takes it away again.
int release(const std::vector<std::string>& arguments);
/// ports …: what `opendext ports` prints.
int ports(const std::vector<std::string>& arguments);
/// serve DEVICE --listen …: a tty, over the network.
int serve(const std::vector<std::string>& arguments);

}  // namespace opendext::serial_tcp::cli
