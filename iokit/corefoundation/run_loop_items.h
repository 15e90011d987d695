// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>

#include "iokit/corefoundation/run_loop.h"
#include "iokit/corefoundation/string.h"

/// What the C functions on loops and their items share.
namespace opendext::cf {

inline std::string mode_name(CFStringRef mode, const char* function) {
    return to<String>(mode, function).text();
}

inline RunLoop& loop_of(CFRunLoopRef rl, const char* function) {
    return const_cast<RunLoop&>(to<RunLoop>(rl, function));
}

template <typename Item, typename Ref>
Item& item_of(Ref ref, const char* function) {
    return const_cast<Item&>(to<Item>(ref, function));
}

/// The item is kept alive across the change: taking it out may drop the last reference of the loop.
template <typename Change>
void change(LoopItem& item, Change change) {
    item.retain();
    {
        const std::lock_guard lock(run_loop_lock());
        change();
    }
    item.release();
}

inline void invalidate(LoopItem& item) {
    change(item, [&] {
        item.valid = false;
        while (!item.loops.empty()) (*item.loops.begin())->remove_everywhere(item);
    });
}

}  // namespace opendext::cf
