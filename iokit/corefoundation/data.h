// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class Data final : public Object {
  public:
    static constexpr Type kType = Type::data;
    explicit Data(std::vector<UInt8> bytes, bool is_mutable = false)
        : Object(kType), bytes(std::move(bytes)), is_mutable(is_mutable) {}
    [[nodiscard]] bool equals(const Object& other) const override {
        return bytes == static_cast<const Data&>(other).bytes;
    }
    [[nodiscard]] CFHashCode hash() const override;
    [[nodiscard]] std::string describe() const override;

    std::vector<UInt8> bytes;
    const bool is_mutable;
};

}  // namespace opendext::cf
