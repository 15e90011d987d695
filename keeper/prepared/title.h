// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace opendext::prepared {

/// The memory in which the kernel keeps the command line; `ps` reads it there. The keeper starts
/// the prepared process with a long last argument, so that there is room for a driver's title
/// (bundle path, bundle id, registry id).
class Title {
  public:
    Title(int argc, char** argv);
    /// What `ps` shows for this process from now on; cut off where the room ends.
    void set(std::string_view text) const;

  private:
    char* start_;
    size_t size_;
};

/// The short name (15 characters) of the process in `top` and `ps -e`: the last part of a bundle
/// identifier.
void set_short_name(const std::string& bundle_id);

}  // namespace opendext::prepared
