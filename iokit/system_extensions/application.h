// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "iokit/system_extensions/objects.h"

namespace opendext::system_extensions {

/// The application that this program belongs to (SystemExtensions.h, opendext_set_application).
struct Application {
    std::filesystem::path folder;
    std::string identifier;  ///< "" where it has none
};
[[nodiscard]] Application current_application();

/// The dext with this bundle identifier inside the application, or why there is none to activate.
[[nodiscard]] std::variant<std::filesystem::path, Refusal> find_extension(
    const Application& application, const std::string& identifier);

}  // namespace opendext::system_extensions
