// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "families/hid/parse/report_descriptor.h"
#include "rpc/result.h"

namespace opendext::hid {

/// A report of a keyboard, and how it is reached: the id that goes with it.
struct KeyReport {
    uint8_t id = 0;
    std::vector<uint8_t> bytes;
};

/// The reports of somebody who types `text` on the keyboard with this descriptor, in the US layout:
/// two for each character, one with the key and one without. Errors name the character and where it
/// stands, or what the device lacks.
[[nodiscard]] Result<std::vector<KeyReport>> type_text(const ReportDescriptor& keyboard,
                                                       std::string_view text);

}  // namespace opendext::hid
