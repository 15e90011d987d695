// SPDX-License-Identifier: Apache-2.0
#include <Block.h>

#include <algorithm>
#include <cmath>

#include "iokit/corefoundation/run_loop.h"
#include "iokit/corefoundation/run_loop_items.h"
#include "iokit/corefoundation/string.h"

using namespace opendext::cf;

const CFRunLoopMode kCFRunLoopDefaultMode = CFSTR("kCFRunLoopDefaultMode");
const CFRunLoopMode kCFRunLoopCommonModes = CFSTR("kCFRunLoopCommonModes");

CFTypeID CFRunLoopGetTypeID(void) {
    return static_cast<CFTypeID>(Type::run_loop);
}
CFRunLoopRef CFRunLoopGetCurrent(void) {
    return to_ref<CFRunLoopRef>(&RunLoop::current());
}
CFRunLoopRef CFRunLoopGetMain(void) {
    return to_ref<CFRunLoopRef>(&RunLoop::main());
}

CFRunLoopMode CFRunLoopCopyCurrentMode(CFRunLoopRef rl) {
    const RunLoop& loop = loop_of(rl, "CFRunLoopCopyCurrentMode");
    const std::lock_guard lock(run_loop_lock());
    return loop.running_modes.empty() ? nullptr : new_string(loop.running_modes.back());
}

CFArrayRef CFRunLoopCopyAllModes(CFRunLoopRef rl) {
    std::set<std::string> names;
    {
        const std::lock_guard lock(run_loop_lock());
        names = loop_of(rl, "CFRunLoopCopyAllModes").modes();
    }
    CFMutableArrayRef modes = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const std::string& name : names) {
        const Owned mode(new_string(name));
        CFArrayAppendValue(modes, mode.get());
    }
    return modes;
}

CFAbsoluteTime CFRunLoopGetNextTimerFireDate(CFRunLoopRef rl, CFRunLoopMode mode) {
    const std::lock_guard lock(run_loop_lock());
    const CFAbsoluteTime next =
        loop_of(rl, "CFRunLoopGetNextTimerFireDate")
            .next_fire_date(mode_name(mode, "CFRunLoopGetNextTimerFireDate"));
    return std::isinf(next) ? 0 : next;
}

void CFRunLoopAddCommonMode(CFRunLoopRef rl, CFRunLoopMode mode) {
    const std::lock_guard lock(run_loop_lock());
    loop_of(rl, "CFRunLoopAddCommonMode")
        .add_common_mode(mode_name(mode, "CFRunLoopAddCommonMode"));
}

void CFRunLoopRun(void) {
    CFRunLoopRunResult result{};
    do {
        result = CFRunLoopRunInMode(kCFRunLoopDefaultMode, 1e10, FALSE);
    } while (result != kCFRunLoopRunStopped && result != kCFRunLoopRunFinished);
}

CFRunLoopRunResult CFRunLoopRunInMode(CFRunLoopMode mode, CFTimeInterval seconds,
                                      Boolean returnAfterSourceHandled) {
    return RunLoop::current().run(mode_name(mode, "CFRunLoopRunInMode"), seconds,
                                  returnAfterSourceHandled != FALSE);
}

Boolean CFRunLoopIsWaiting(CFRunLoopRef rl) {
    const std::lock_guard lock(run_loop_lock());
    return loop_of(rl, "CFRunLoopIsWaiting").waiting;
}

void CFRunLoopWakeUp(CFRunLoopRef rl) {
    RunLoop& loop = loop_of(rl, "CFRunLoopWakeUp");
    const std::lock_guard lock(run_loop_lock());
    loop.wake = true;
    loop.woken.notify_all();
}

void CFRunLoopStop(CFRunLoopRef rl) {
    RunLoop& loop = loop_of(rl, "CFRunLoopStop");
    const std::lock_guard lock(run_loop_lock());
    if (!loop.stops.empty()) *loop.stops.back() = true;
    loop.wake = true;
    loop.woken.notify_all();
}

void CFRunLoopPerformBlock(CFRunLoopRef rl, CFTypeRef mode, void (^block)(void)) {
    void (^copy)(void) = Block_copy(block);
    loop_of(rl, "CFRunLoopPerformBlock")
        .perform(mode_name(static_cast<CFStringRef>(mode), "CFRunLoopPerformBlock"), [copy] {
            copy();
            Block_release(copy);
        });
}

Boolean CFRunLoopContainsSource(CFRunLoopRef rl, CFRunLoopSourceRef source, CFRunLoopMode mode) {
    const std::lock_guard lock(run_loop_lock());
    return loop_of(rl, "CFRunLoopContainsSource")
        .contains(item_of<Source>(source, "CFRunLoopContainsSource"),
                  mode_name(mode, "CFRunLoopContainsSource"));
}

void CFRunLoopAddSource(CFRunLoopRef rl, CFRunLoopSourceRef ref, CFRunLoopMode mode) {
    auto& source = item_of<Source>(ref, "CFRunLoopAddSource");
    change(source, [&] {
        loop_of(rl, "CFRunLoopAddSource").add(source, mode_name(mode, "CFRunLoopAddSource"));
    });
    if (source.context.schedule != nullptr) source.context.schedule(source.context.info, rl, mode);
}

void CFRunLoopRemoveSource(CFRunLoopRef rl, CFRunLoopSourceRef ref, CFRunLoopMode mode) {
    auto& source = item_of<Source>(ref, "CFRunLoopRemoveSource");
    source.retain();
    change(source, [&] {
        loop_of(rl, "CFRunLoopRemoveSource")
            .remove(source, mode_name(mode, "CFRunLoopRemoveSource"));
    });
    if (source.context.cancel != nullptr) source.context.cancel(source.context.info, rl, mode);
    source.release();
}

Boolean CFRunLoopContainsTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode) {
    const std::lock_guard lock(run_loop_lock());
    return loop_of(rl, "CFRunLoopContainsTimer")
        .contains(item_of<Timer>(timer, "CFRunLoopContainsTimer"),
                  mode_name(mode, "CFRunLoopContainsTimer"));
}

void CFRunLoopAddTimer(CFRunLoopRef rl, CFRunLoopTimerRef ref, CFRunLoopMode mode) {
    auto& timer = item_of<Timer>(ref, "CFRunLoopAddTimer");
    change(timer, [&] {
        loop_of(rl, "CFRunLoopAddTimer").add(timer, mode_name(mode, "CFRunLoopAddTimer"));
    });
}

void CFRunLoopRemoveTimer(CFRunLoopRef rl, CFRunLoopTimerRef ref, CFRunLoopMode mode) {
    auto& timer = item_of<Timer>(ref, "CFRunLoopRemoveTimer");
    change(timer, [&] {
        loop_of(rl, "CFRunLoopRemoveTimer").remove(timer, mode_name(mode, "CFRunLoopRemoveTimer"));
    });
}

CFTypeID CFRunLoopSourceGetTypeID(void) {
    return static_cast<CFTypeID>(Type::run_loop_source);
}

CFRunLoopSourceRef CFRunLoopSourceCreate(CFAllocatorRef, CFIndex order,
                                         CFRunLoopSourceContext* context) {
    if (context == nullptr || context->version != 0)
        misuse("CFRunLoopSourceCreate", "only version 0 exists here");
    return to_ref<CFRunLoopSourceRef>(new Source(order, *context));
}

CFIndex CFRunLoopSourceGetOrder(CFRunLoopSourceRef source) {
    return item_of<Source>(source, "CFRunLoopSourceGetOrder").order;
}

void CFRunLoopSourceInvalidate(CFRunLoopSourceRef source) {
    auto& own = item_of<Source>(source, "CFRunLoopSourceInvalidate");
    own.retain();
    std::vector<std::pair<Owned<CFRunLoopRef>, std::string>> left;
    {
        const std::lock_guard lock(run_loop_lock());
        own.valid = false;
        while (!own.loops.empty()) {
            RunLoop* loop = *own.loops.begin();
            for (std::string& mode : loop->modes_with(own))
                left.emplace_back(Owned<CFRunLoopRef>::share(to_ref<CFRunLoopRef>(loop)),
                                  std::move(mode));
            loop->remove_everywhere(own);
        }
    }
    // The source leaves each of its modes, which its owner is told as by CFRunLoopRemoveSource().
    for (const auto& [loop, mode] : left) {
        if (own.context.cancel == nullptr) break;
        const Owned name(new_string(mode));
        own.context.cancel(own.context.info, loop.get(), name.get());
    }
    own.release();
}

Boolean CFRunLoopSourceIsValid(CFRunLoopSourceRef source) {
    const std::lock_guard lock(run_loop_lock());
    return item_of<Source>(source, "CFRunLoopSourceIsValid").valid;
}

void CFRunLoopSourceGetContext(CFRunLoopSourceRef source, CFRunLoopSourceContext* context) {
    *context = item_of<Source>(source, "CFRunLoopSourceGetContext").context;
}

void CFRunLoopSourceSignal(CFRunLoopSourceRef source) {
    const std::lock_guard lock(run_loop_lock());
    item_of<Source>(source, "CFRunLoopSourceSignal").signaled = true;
}

CFTypeID CFRunLoopTimerGetTypeID(void) {
    return static_cast<CFTypeID>(Type::run_loop_timer);
}

CFRunLoopTimerRef CFRunLoopTimerCreate(CFAllocatorRef, CFAbsoluteTime fireDate,
                                       CFTimeInterval interval, CFOptionFlags, CFIndex order,
                                       CFRunLoopTimerCallBack callout,
                                       CFRunLoopTimerContext* context) {
    const CFRunLoopTimerContext own = context != nullptr ? *context : CFRunLoopTimerContext{};
    return to_ref<CFRunLoopTimerRef>(new Timer(
        fireDate, interval, order,
        [callout, info = own.info](CFRunLoopTimerRef timer) { callout(timer, info); }, own));
}

CFRunLoopTimerRef CFRunLoopTimerCreateWithHandler(CFAllocatorRef, CFAbsoluteTime fireDate,
                                                  CFTimeInterval interval, CFOptionFlags,
                                                  CFIndex order,
                                                  void (^block)(CFRunLoopTimerRef timer)) {
    using Handler = void (^)(CFRunLoopTimerRef);
    CFRunLoopTimerContext context{};
    context.info = Block_copy(block);
    context.release = [](const void* info) { Block_release(info); };
    // The context's release gives the block back when the timer goes.
    return to_ref<CFRunLoopTimerRef>(new Timer(
        fireDate, interval, order,
        [info = context.info](CFRunLoopTimerRef timer) {
            (__extension__ reinterpret_cast<Handler>(info))(timer);
        },
        context));
}

CFAbsoluteTime CFRunLoopTimerGetNextFireDate(CFRunLoopTimerRef timer) {
    const std::lock_guard lock(run_loop_lock());
    const auto& own = item_of<Timer>(timer, "CFRunLoopTimerGetNextFireDate");
    return own.valid ? own.fire_date : 0;
}

void CFRunLoopTimerSetNextFireDate(CFRunLoopTimerRef ref, CFAbsoluteTime fireDate) {
    const std::lock_guard lock(run_loop_lock());
    auto& timer = item_of<Timer>(ref, "CFRunLoopTimerSetNextFireDate");
    if (!timer.valid) return;
    timer.fire_date = fireDate;
    for (RunLoop* loop : timer.loops) {
        loop->wake = true;
        loop->woken.notify_all();
    }
}

CFTimeInterval CFRunLoopTimerGetInterval(CFRunLoopTimerRef timer) {
    return item_of<Timer>(timer, "CFRunLoopTimerGetInterval").interval;
}

Boolean CFRunLoopTimerDoesRepeat(CFRunLoopTimerRef timer) {
    return item_of<Timer>(timer, "CFRunLoopTimerDoesRepeat").interval > 0;
}

CFIndex CFRunLoopTimerGetOrder(CFRunLoopTimerRef timer) {
    return item_of<Timer>(timer, "CFRunLoopTimerGetOrder").order;
}

void CFRunLoopTimerInvalidate(CFRunLoopTimerRef timer) {
    invalidate(item_of<Timer>(timer, "CFRunLoopTimerInvalidate"));
}

Boolean CFRunLoopTimerIsValid(CFRunLoopTimerRef timer) {
    const std::lock_guard lock(run_loop_lock());
    return item_of<Timer>(timer, "CFRunLoopTimerIsValid").valid;
}

void CFRunLoopTimerGetContext(CFRunLoopTimerRef timer, CFRunLoopTimerContext* context) {
    *context = item_of<Timer>(timer, "CFRunLoopTimerGetContext").context;
}

CFTimeInterval CFRunLoopTimerGetTolerance(CFRunLoopTimerRef timer) {
    const std::lock_guard lock(run_loop_lock());
    return item_of<Timer>(timer, "CFRunLoopTimerGetTolerance").tolerance;
}

void CFRunLoopTimerSetTolerance(CFRunLoopTimerRef timer, CFTimeInterval tolerance) {
    const std::lock_guard lock(run_loop_lock());
    item_of<Timer>(timer, "CFRunLoopTimerSetTolerance").tolerance = std::max(tolerance, 0.0);
}
