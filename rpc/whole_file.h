// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "rpc/result.h"

namespace opendext {

enum class Keep : uint8_t {
    over_crashes,     ///< of this process: whoever reads sees the old text or the new one
    over_power_loss,  ///< also of the machine: on the disk when this returns
};

/// Writes a file as a whole: `text` takes the place of what `path` had in one step, whatever is
/// killed in between. A symbolic link at `path` is replaced, not followed. `mode` is that of a new
/// file, less the umask. Two writers at the same time do not mix: the last one wins.
Status write_whole_file(const std::filesystem::path& path, std::string_view text,
                        mode_t mode = 0666, Keep keep = Keep::over_crashes);

}  // namespace opendext
