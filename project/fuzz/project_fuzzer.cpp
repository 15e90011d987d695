// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes of a project.pbxproj are (OpenStep, JSON, XML), it is read or refused with a
// message, and what was read can be described.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "project/xcode/describe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace opendext::project;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto project = xcode::parse_project(text, "/nowhere/at/all/Driver.xcodeproj");
    if (!project.ok()) {
        if (project.error().message.empty()) std::abort();
        return 0;
    }
    for (const auto& target : project->targets) {
        const auto described = xcode::describe(*project, target, {});
        if (!described.ok() && described.error().message.empty()) std::abort();
        (void)xcode::embedded(*project, target);
    }
    return 0;
}
