// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::runtime {

/// What a thread that also receives messages does before code of the driver on it waits for
/// something that may take another message: it has somebody else receive. One for the calling
/// thread while it lives.
class BlockingHook {
  public:
    BlockingHook() : outer_(t_innermost) { t_innermost = this; }
    BlockingHook(const BlockingHook&) = delete;
    BlockingHook& operator=(const BlockingHook&) = delete;
    /// May be called more than once.
    virtual void about_to_block() = 0;

    /// Of the calling thread; nullptr if it has none.
    static BlockingHook* innermost() { return t_innermost; }

  protected:
    ~BlockingHook() { t_innermost = outer_; }

  private:
    BlockingHook* const outer_;
    static inline thread_local BlockingHook* t_innermost = nullptr;
};

/// Called before a wait of such a kind.
inline void about_to_block() {
    if (BlockingHook* hook = BlockingHook::innermost()) hook->about_to_block();
}

}  // namespace opendext::runtime
