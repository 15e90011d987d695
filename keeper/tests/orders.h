// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace opendext::keeper::tests {

/// What a test says to the stand-ins of opendextd and of the runtime, and what these answer.
struct Order {
    static constexpr uint32_t kKind = 1000;
    std::string text;
    void fields(auto& io) { io(text); }
};

}  // namespace opendext::keeper::tests
