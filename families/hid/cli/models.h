// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::hid {

/// A device that `opendext hid plug` knows by name.
struct Model {
    std::string_view name;
    std::string_view what;  ///< for --help
    std::string_view product;
    uint32_t product_id = 0;
    std::vector<uint8_t> descriptor;
};

[[nodiscard]] std::span<const Model> models();
/// nullptr: there is none of this name.
[[nodiscard]] const Model* find_model(std::string_view name);

/// Of all models: a number of nobody's, so that no driver of a real device takes one for its own.
inline constexpr uint32_t kModelVendor = 0xf0de;

}  // namespace opendext::hid
