// SPDX-License-Identifier: Apache-2.0
#include <Block.h>

#include "iokit/corefoundation/run_loop_items.h"

using namespace opendext::cf;

Boolean CFRunLoopContainsObserver(CFRunLoopRef rl, CFRunLoopObserverRef observer,
                                  CFRunLoopMode mode) {
    const std::lock_guard lock(run_loop_lock());
    return loop_of(rl, "CFRunLoopContainsObserver")
        .contains(item_of<Observer>(observer, "CFRunLoopContainsObserver"),
                  mode_name(mode, "CFRunLoopContainsObserver"));
}

void CFRunLoopAddObserver(CFRunLoopRef rl, CFRunLoopObserverRef ref, CFRunLoopMode mode) {
    auto& observer = item_of<Observer>(ref, "CFRunLoopAddObserver");
    change(observer, [&] {
        loop_of(rl, "CFRunLoopAddObserver").add(observer, mode_name(mode, "CFRunLoopAddObserver"));
    });
}

void CFRunLoopRemoveObserver(CFRunLoopRef rl, CFRunLoopObserverRef ref, CFRunLoopMode mode) {
    auto& observer = item_of<Observer>(ref, "CFRunLoopRemoveObserver");
    change(observer, [&] {
        loop_of(rl, "CFRunLoopRemoveObserver")
            .remove(observer, mode_name(mode, "CFRunLoopRemoveObserver"));
    });
}

CFTypeID CFRunLoopObserverGetTypeID(void) {
    return static_cast<CFTypeID>(Type::run_loop_observer);
}

CFRunLoopObserverRef CFRunLoopObserverCreate(CFAllocatorRef, CFOptionFlags activities,
                                             Boolean repeats, CFIndex order,
                                             CFRunLoopObserverCallBack callout,
                                             CFRunLoopObserverContext* context) {
    const CFRunLoopObserverContext own = context != nullptr ? *context : CFRunLoopObserverContext{};
    return to_ref<CFRunLoopObserverRef>(new Observer(
        activities, repeats != FALSE, order,
        [callout, info = own.info](CFRunLoopObserverRef observer, CFRunLoopActivity activity) {
            callout(observer, activity, info);
        },
        own));
}

CFRunLoopObserverRef CFRunLoopObserverCreateWithHandler(CFAllocatorRef, CFOptionFlags activities,
                                                        Boolean repeats, CFIndex order,
                                                        void (^block)(CFRunLoopObserverRef observer,
                                                                      CFRunLoopActivity activity)) {
    using Handler = void (^)(CFRunLoopObserverRef, CFRunLoopActivity);
    CFRunLoopObserverContext context{};
    context.info = Block_copy(block);
    context.release = [](const void* info) { Block_release(info); };
    // The context's release gives the block back when the observer goes.
    return to_ref<CFRunLoopObserverRef>(new Observer(
        activities, repeats != FALSE, order,
        [info = context.info](CFRunLoopObserverRef observer, CFRunLoopActivity activity) {
            (__extension__ reinterpret_cast<Handler>(info))(observer, activity);
        },
        context));
}

CFOptionFlags CFRunLoopObserverGetActivities(CFRunLoopObserverRef observer) {
    return item_of<Observer>(observer, "CFRunLoopObserverGetActivities").activities;
}

Boolean CFRunLoopObserverDoesRepeat(CFRunLoopObserverRef observer) {
    return item_of<Observer>(observer, "CFRunLoopObserverDoesRepeat").repeats;
}

CFIndex CFRunLoopObserverGetOrder(CFRunLoopObserverRef observer) {
    return item_of<Observer>(observer, "CFRunLoopObserverGetOrder").order;
}

void CFRunLoopObserverInvalidate(CFRunLoopObserverRef observer) {
    invalidate(item_of<Observer>(observer, "CFRunLoopObserverInvalidate"));
}

Boolean CFRunLoopObserverIsValid(CFRunLoopObserverRef observer) {
    const std::lock_guard lock(run_loop_lock());
    return item_of<Observer>(observer, "CFRunLoopObserverIsValid").valid;
}

void CFRunLoopObserverGetContext(CFRunLoopObserverRef observer, CFRunLoopObserverContext* context) {
    *context = item_of<Observer>(observer, "CFRunLoopObserverGetContext").context;
}
