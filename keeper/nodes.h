// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "rpc/protocol/keeper.h"
#include "rpc/result.h"

namespace opendext::keeper {

/// The realm's device nodes: links in `devices`, and in the system realm also in `system_devices`
/// (/dev), where the target gets the group and mode that its users need. Whatever is published is
/// removed by the destructor.
class Nodes {
  public:
    Nodes(std::filesystem::path devices, std::optional<std::filesystem::path> system_devices)
        : devices_(std::move(devices)), system_devices_(std::move(system_devices)) {}
    ~Nodes() { remove_all(); }
    Nodes(const Nodes&) = delete;
    Nodes& operator=(const Nodes&) = delete;

    /// Removes the links that a keeper killed with -9 left in `devices`, and their twins in
    /// `system_devices`.
    void remove_leftovers();
    /// Errc::exists if the name is taken in either folder; Errc::invalid for a name that is no
    /// plain file name.
    Status publish(const protocol::keeper::PublishNode& request);
    /// Errc::not_found for a name that is not published.
    Status remove(const std::string& name);
    void remove_all();

  private:
    /// Removes `folder`/`name` if it is a link to `target`: a node that somebody else put there
    /// stays.
    static void remove_link(const std::filesystem::path& folder, const std::string& name,
                            const std::string& target);

    std::filesystem::path devices_;
    std::optional<std::filesystem::path> system_devices_;
    std::map<std::string, std::string> targets_;  ///< by name
};

}  // namespace opendext::keeper
