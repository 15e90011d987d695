// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "families/hid/cli/inventory.h"
#include "rpc/realm.h"
#include "rpc/result.h"
#include "tools/common/command_line.h"

namespace opendext::hid {

/// The words behind the command's name.
using Arguments = std::vector<std::string>;
/// A command of `opendext hid`; its exit status.
using Command = int (*)(const Arguments&);

int list_devices(const Arguments& arguments);
int plug_device(const Arguments& arguments);
int unplug_device(const Arguments& arguments);
int send_report(const Arguments& arguments);
int type_keys(const Arguments& arguments);
int play_recording(const Arguments& arguments);
int record_device(const Arguments& arguments);
int trace_events(const Arguments& arguments);
int show_descriptor(const Arguments& arguments);

/// The devices of a realm that is up, or is brought up.
[[nodiscard]] Result<std::vector<HidDevice>> devices_of(const Realm& realm);

}  // namespace opendext::hid
