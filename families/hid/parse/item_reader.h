// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "rpc/result.h"

/// The items of a report descriptor (HID 1.11, 6.2.2.1 to 6.2.2.3).
namespace opendext::hid {

/// Kind and tag of a short item: its first byte without the size.
enum class ItemTag : uint8_t {
    input = 0x80,
    output = 0x90,
    collection = 0xa0,
    feature = 0xb0,
    end_collection = 0xc0,
    usage_page = 0x04,
    logical_minimum = 0x14,
    logical_maximum = 0x24,
    physical_minimum = 0x34,
    physical_maximum = 0x44,
    unit_exponent = 0x54,
    unit = 0x64,
    report_size = 0x74,
    report_id = 0x84,
    report_count = 0x94,
    push = 0xa4,
    pop = 0xb4,
    usage = 0x08,
    usage_minimum = 0x18,
    usage_maximum = 0x28,
    designator_index = 0x38,
    designator_minimum = 0x48,
    designator_maximum = 0x58,
    string_index = 0x78,
    string_minimum = 0x88,
    string_maximum = 0x98,
    delimiter = 0xa8,
    long_item = 0xfc,
};
/// "Report Size", "reserved item 0x1c".
[[nodiscard]] std::string name_of(ItemTag tag);

/// "0x0007" for (7, 4).
[[nodiscard]] std::string hex(uint32_t number, int digits);

struct Item {
    size_t offset = 0;  ///< of its first byte
    ItemTag tag = ItemTag::long_item;
    uint8_t size = 0;   ///< of the data: 0, 1, 2 or 4 bytes; 0 for a long item
    uint32_t data = 0;  ///< little endian, zero-extended

    /// The data, sign-extended from its size.
    [[nodiscard]] int32_t as_signed() const;
};

class ItemReader {
  public:
    explicit ItemReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
    /// The next item, a long one without its data; nullopt at the end. Errc::malformed for an item
    /// that the end cuts short.
    [[nodiscard]] Result<std::optional<Item>> next();

  private:
    std::span<const uint8_t> bytes_;
    size_t at_ = 0;
};

}  // namespace opendext::hid
