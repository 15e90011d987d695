// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "iokit/corefoundation/object.h"
#include "rpc/result.h"

namespace opendext::cf {

/// The contents of a property list file, a dictionary. The error names the file.
[[nodiscard]] Result<Owned<CFDictionaryRef>> read_dictionary(const std::filesystem::path& file);
/// Where the bundle keeps its Info.plist: in Contents, or, a flat one, in itself.
[[nodiscard]] std::filesystem::path info_file(const std::filesystem::path& bundle);

/// The folder of the application that this program belongs to (CFBundle.h).
[[nodiscard]] std::filesystem::path application_folder();
/// "" = as if nothing had been set.
void set_application_folder(std::string path);

}  // namespace opendext::cf
