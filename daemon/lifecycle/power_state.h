// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace opendext::daemon {

enum class SystemPower : uint8_t {
    awake,
    falling_asleep,  ///< drivers are being told, clients before providers
    asleep,          ///< messages to drivers wait, nothing is matched
    waking,          ///< drivers are being told, providers before clients
};
[[nodiscard]] std::string_view to_string(SystemPower state);

}  // namespace opendext::daemon
