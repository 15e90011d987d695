// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes of an .xcconfig file are, it is read or refused with its place, and each of
// its settings has a value, a list and an end.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "project/settings/xcconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace opendext;
    const std::string text(reinterpret_cast<const char*>(data), size);
    // An included file is the same text again: circles have to end.
    const auto config = project::parse_xcconfig(
        text, "/c/Main.xcconfig", [&](const std::filesystem::path& path) -> Result<std::string> {
            if (path.filename() == "None.xcconfig") return Error{Errc::not_found, 0, "absent"};
            return text;
        });
    if (!config.ok()) {
        if (config.error().message.find(": ") == std::string::npos) std::abort();
        return 0;
    }
    project::Settings settings;
    settings.set_context("sdk", "driverkit25.0");
    settings.push(config->assignments);
    for (const auto& assignment : config->assignments) {
        (void)settings.value(assignment.name);
        (void)settings.list(assignment.name);
        (void)settings.missing(assignment.value);
    }
    return 0;
}
