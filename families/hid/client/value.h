// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDValue.h>

#include <cstdint>
#include <span>
#include <vector>

#include "families/hid/client/element.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {

/// An IOHIDValue.
class Value final : public cf::Object {
  public:
    static const cf::Type kType;
    Value(cf::Owned<Element*> element, uint64_t time, int64_t integer);
    Value(cf::Owned<Element*> element, uint64_t time, std::vector<uint8_t> bytes);
    /// `bytes` are the program's.
    Value(cf::Owned<Element*> element, uint64_t time, std::span<const uint8_t> bytes);
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override;
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }

    const cf::Owned<Element*> element;
    const uint64_t time;  ///< CLOCK_MONOTONIC, ns

    /// With sign where the element's values have one; of long ones the first eight bytes.
    const int64_t integer;

  private:
    const std::vector<uint8_t> own_;
    const std::span<const uint8_t> bytes_;
};

[[nodiscard]] inline IOHIDValueRef ref_of(const Value* value) {
    return cf::to_ref<IOHIDValueRef>(value);
}

}  // namespace opendext::hid_client
