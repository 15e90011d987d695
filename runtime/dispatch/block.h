// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Block.h>

#include <utility>

namespace opendext::runtime {

/// Owns a copy of a block that takes no arguments and gives nothing.
class VoidBlock {
  public:
    using Type = void (^)(void);

    VoidBlock() = default;
    explicit VoidBlock(Type block) : block_(block == nullptr ? block : Block_copy(block)) {}
    VoidBlock(VoidBlock&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    VoidBlock& operator=(VoidBlock&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~VoidBlock() {
        if (block_ != nullptr) Block_release(block_);
    }
    explicit operator bool() const { return block_ != nullptr; }
    void operator()() const {
        if (block_ != nullptr) block_();
    }

  private:
    Type block_ = nullptr;
};

}  // namespace opendext::runtime
