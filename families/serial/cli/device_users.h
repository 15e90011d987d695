// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace opendext::serial {

/// A process that has a device open.
struct DeviceUser {
    pid_t pid = 0;
    std::string command;
};

/// Who has devices open, as /proc shows it: without opening any, which would raise modem lines.
class DeviceUsers {
  public:
    /// Looks through the processes once.
    static DeviceUsers read();

    /// By the path of a device, which may be a link.
    [[nodiscard]] std::vector<DeviceUser> of(const std::string& path) const;
    /// Whether every process could be looked into; else one of another user may have it open.
    [[nodiscard]] bool complete() const { return complete_; }

  private:
    std::map<std::pair<dev_t, dev_t>, std::vector<DeviceUser>>
        users_;  ///< by device and its folder's
    bool complete_ = true;
};

}  // namespace opendext::serial
