// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/family.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::serial {

/// Tells of names that come and go in folders of device nodes. inotify, not the kernel's uevents:
/// what programs open is the node, so that its coming and going is what counts, in a container
/// (whose /dev has only some nodes) and in devpts too; and it needs neither rights nor udev.
class NodeWatch {
  public:
    struct Hooks {
        std::function<void(const std::string& path)> came;
        std::function<void(const std::string& path)> went;
        /// Events were lost: everything has to be looked at again.
        std::function<void()> lost;
    };
    NodeWatch(daemon::FamilyHost& host, Hooks hooks) : host_(host), hooks_(std::move(hooks)) {}

    /// Watches a folder; as often as it is added it has to be removed.
    Status add(const std::string& folder);
    void remove(const std::string& folder);

  private:
    void read();

    daemon::FamilyHost& host_;
    Hooks hooks_;
    UniqueFd inotify_;
    std::unique_ptr<daemon::Handle> handle_;
    struct Folder {
        int number = -1;  ///< of inotify
        int users = 0;
    };
    std::map<std::string, Folder> folders_;
};

}  // namespace opendext::serial
