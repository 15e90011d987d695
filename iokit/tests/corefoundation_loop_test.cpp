// SPDX-License-Identifier: Apache-2.0
// Run loops: modes, what their items say of themselves, and the main queue. Each test has a loop of
// its own thread: the main thread's loop waits for the main queue once that has been asked for.
#include <CoreFoundation/CoreFoundation.h>
#include <dispatch/dispatch.h>
#include <gtest/gtest.h>
#include <mach/mach_time.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <thread>

#include "iokit/corefoundation/object.h"

namespace {

using opendext::cf::Owned;

constexpr CFTimeInterval kLong = 600;  // nothing waits so long unless it is broken

std::string text_of(CFStringRef string) {
    if (string == nullptr) return "(null)";
    char buffer[256];
    EXPECT_TRUE(CFStringGetCString(string, buffer, sizeof buffer, kCFStringEncodingUTF8));
    return buffer;
}

/// Of a reference that is the caller's.
std::string taken(CFStringRef string) {
    const Owned own(string);
    return text_of(string);
}

/// Runs `body` on a thread, whose loop is fresh.
template <typename Body>
void on_own_thread(Body body) {
    std::thread(body).join();
}

/// True as soon as `fits` is; false after a time that only what is broken takes.
template <typename Fits>
bool comes_true(Fits fits) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!fits()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

/// What an item's context points to: what was done with it, as letters.
struct Info {
    std::string calls;
    int references = 0;
};

const void* retain_info(const void* info) {
    ++const_cast<Info*>(static_cast<const Info*>(info))->references;
    return info;
}

void release_info(const void* info) {
    --const_cast<Info*>(static_cast<const Info*>(info))->references;
}

void performed(void* info) {
    static_cast<Info*>(info)->calls += 'p';
}

void fired(CFRunLoopTimerRef, void* info) {
    static_cast<Info*>(info)->calls += 'f';
}

void observed(CFRunLoopObserverRef, CFRunLoopActivity, void* info) {
    static_cast<Info*>(info)->calls += 'o';
}

CFRunLoopSourceRef new_source(Info& info, CFIndex order = 0,
                              void (*perform)(void* info) = performed) {
    CFRunLoopSourceContext context{};
    context.info = &info;
    context.perform = perform;
    return CFRunLoopSourceCreate(nullptr, order, &context);
}

CFRunLoopTimerRef new_timer(Info& info, CFAbsoluteTime date, CFTimeInterval interval,
                            CFIndex order = 0) {
    CFRunLoopTimerContext context{};
    context.info = &info;
    return CFRunLoopTimerCreate(nullptr, date, interval, 0, order, fired, &context);
}

// Facts: CFRunLoopGetTypeID, CFRunLoopSourceGetTypeID, CFRunLoopTimerGetTypeID
// Facts: CFRunLoopObserverGetTypeID
TEST(RunLoop, EveryKindOfItemHasItsOwnType) {
    Info info;
    const Owned source(new_source(info));
    const Owned timer(new_timer(info, 0, 0));
    const Owned observer(
        CFRunLoopObserverCreate(nullptr, kCFRunLoopEntry, FALSE, 0, observed, nullptr));
    EXPECT_EQ(CFRunLoopGetTypeID(), CFGetTypeID(CFRunLoopGetCurrent()));
    EXPECT_EQ(CFRunLoopSourceGetTypeID(), CFGetTypeID(source.get()));
    EXPECT_EQ(CFRunLoopTimerGetTypeID(), CFGetTypeID(timer.get()));
    EXPECT_EQ(CFRunLoopObserverGetTypeID(), CFGetTypeID(observer.get()));
    const std::set<CFTypeID> all = {CFRunLoopGetTypeID(), CFRunLoopSourceGetTypeID(),
                                    CFRunLoopTimerGetTypeID(), CFRunLoopObserverGetTypeID()};
    EXPECT_EQ(4U, all.size());
}

// Facts: CFRunLoopCopyCurrentMode
TEST(RunLoop, TheCurrentModeIsThatOfTheInnermostRun) {
    on_own_thread([] {
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        EXPECT_EQ("(null)", taken(CFRunLoopCopyCurrentMode(loop)));
        __block std::string seen;
        CFRunLoopPerformBlock(loop, CFSTR("inner"), ^{
          seen += taken(CFRunLoopCopyCurrentMode(loop)) + " ";
        });
        CFRunLoopPerformBlock(loop, CFSTR("outer"), ^{
          seen += taken(CFRunLoopCopyCurrentMode(loop)) + " ";
          EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(CFSTR("inner"), kLong, FALSE));
          seen += taken(CFRunLoopCopyCurrentMode(loop));
        });
        EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(CFSTR("outer"), kLong, FALSE));
        EXPECT_EQ("outer inner outer", seen);
        EXPECT_EQ("(null)", taken(CFRunLoopCopyCurrentMode(loop)));
    });
}

// Facts: CFRunLoopAddCommonMode
TEST(RunLoop, ACommonModeHasWhatIsAddedToTheCommonModesBeforeAndAfter) {
    on_own_thread([] {
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        CFStringRef mode = CFSTR("dialog");
        Info before_info;
        Info after_info;
        const Owned before(new_source(before_info));
        const Owned after(new_source(after_info));
        CFRunLoopAddSource(loop, before.get(), kCFRunLoopCommonModes);
        EXPECT_FALSE(CFRunLoopContainsSource(loop, before.get(), mode));
        CFRunLoopAddCommonMode(loop, mode);
        CFRunLoopAddCommonMode(loop, mode);  // once more changes nothing
        CFRunLoopAddSource(loop, after.get(), kCFRunLoopCommonModes);
        EXPECT_TRUE(CFRunLoopContainsSource(loop, before.get(), mode));
        EXPECT_TRUE(CFRunLoopContainsSource(loop, after.get(), mode));
        CFRunLoopSourceSignal(before.get());
        CFRunLoopSourceSignal(after.get());
        EXPECT_EQ(kCFRunLoopRunHandledSource, CFRunLoopRunInMode(mode, kLong, TRUE));
        EXPECT_EQ("p", before_info.calls);
        EXPECT_EQ("p", after_info.calls);
        for (CFRunLoopSourceRef source : {before.get(), after.get()}) {
            CFRunLoopRemoveSource(loop, source, kCFRunLoopCommonModes);
            EXPECT_FALSE(CFRunLoopContainsSource(loop, source, mode));
            EXPECT_FALSE(CFRunLoopContainsSource(loop, source, kCFRunLoopDefaultMode));
            EXPECT_EQ(1, CFGetRetainCount(source));
        }
    });
}

// Facts: CFRunLoopIsWaiting
TEST(RunLoop, SaysThatItWaitsWhileItDoesNothing) {
    Info info;
    const Owned source(new_source(info));
    std::atomic<CFRunLoopRef> shared = nullptr;
    std::thread thread([&] {
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        EXPECT_FALSE(CFRunLoopIsWaiting(loop));
        CFRunLoopAddSource(loop, source.get(), kCFRunLoopDefaultMode);
        shared = static_cast<CFRunLoopRef>(const_cast<void*>(CFRetain(loop)));
        EXPECT_EQ(kCFRunLoopRunStopped, CFRunLoopRunInMode(kCFRunLoopDefaultMode, kLong, FALSE));
        EXPECT_FALSE(CFRunLoopIsWaiting(loop));
    });
    ASSERT_TRUE(comes_true([&] { return shared.load() != nullptr; }));
    const Owned loop(shared.load());
    CFRunLoopRef raw = loop.get();
    EXPECT_TRUE(comes_true([&] { return CFRunLoopIsWaiting(raw); }));
    __block Boolean inside = TRUE;
    CFRunLoopPerformBlock(raw, kCFRunLoopDefaultMode, ^{
      inside = CFRunLoopIsWaiting(raw);
      CFRunLoopStop(raw);
    });
    thread.join();
    EXPECT_FALSE(inside);
    EXPECT_FALSE(CFRunLoopIsWaiting(raw));  // of a thread that has ended, too
}

// Facts: CFRunLoopSourceGetOrder, CFRunLoopSourceGetContext
TEST(RunLoop, SourcesKeepTheirContextAndAreCalledInTheirOrder) {
    on_own_thread([] {
        Info info;
        CFRunLoopSourceContext context{};
        context.info = &info;
        context.retain = retain_info;
        context.release = release_info;
        context.perform = performed;
        {
            const Owned late(CFRunLoopSourceCreate(nullptr, 5, &context));
            const Owned early(
                new_source(info, -5, [](void* own) { static_cast<Info*>(own)->calls += 'e'; }));
            EXPECT_EQ(1, info.references);
            EXPECT_EQ(5, CFRunLoopSourceGetOrder(late.get()));
            EXPECT_EQ(-5, CFRunLoopSourceGetOrder(early.get()));
            CFRunLoopSourceContext found{};
            found.version = 7;
            CFRunLoopSourceGetContext(late.get(), &found);
            EXPECT_EQ(0, found.version);
            EXPECT_EQ(&info, found.info);
            EXPECT_EQ(&performed, found.perform);
            EXPECT_EQ(&retain_info, found.retain);
            EXPECT_EQ(nullptr, found.schedule);
            EXPECT_EQ(1, info.references);  // looking takes no reference
            for (CFRunLoopSourceRef source : {late.get(), early.get()}) {
                CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
                CFRunLoopSourceSignal(source);
            }
            EXPECT_EQ(kCFRunLoopRunHandledSource,
                      CFRunLoopRunInMode(kCFRunLoopDefaultMode, kLong, TRUE));
            EXPECT_EQ("ep", info.calls);
            CFRunLoopSourceInvalidate(late.get());
            CFRunLoopSourceInvalidate(early.get());
        }
        EXPECT_EQ(0, info.references);
    });
}

// Facts: CFRunLoopSourceInvalidate
TEST(RunLoop, AnInvalidatedSourceIsToldOfEachModeThatItLeaves) {
    on_own_thread([] {
        Info info;
        CFRunLoopSourceContext context{};
        context.info = &info;
        context.cancel = [](void* own, CFRunLoopRef loop, CFRunLoopMode mode) {
            EXPECT_EQ(CFRunLoopGetCurrent(), loop);
            static_cast<Info*>(own)->calls += text_of(mode) + " ";
        };
        const Owned source(CFRunLoopSourceCreate(nullptr, 0, &context));
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.get(), CFSTR("a"));
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.get(), CFSTR("b"));
        CFRunLoopSourceInvalidate(source.get());
        EXPECT_EQ("a b ", info.calls);
        CFRunLoopSourceInvalidate(source.get());  // has left them already
        EXPECT_EQ("a b ", info.calls);
        EXPECT_EQ(1, CFGetRetainCount(source.get()));
    });
}

// Facts: CFRunLoopObserverGetContext
TEST(RunLoop, ObserversKeepTheirContext) {
    Info info;
    CFRunLoopObserverContext context{};
    context.info = &info;
    context.retain = retain_info;
    context.release = release_info;
    {
        const Owned observer(
            CFRunLoopObserverCreate(nullptr, kCFRunLoopEntry, TRUE, 0, observed, &context));
        CFRunLoopObserverContext found{};
        CFRunLoopObserverGetContext(observer.get(), &found);
        EXPECT_EQ(&info, found.info);
        EXPECT_EQ(&release_info, found.release);
        EXPECT_EQ(1, info.references);
    }
    EXPECT_EQ(0, info.references);
    const Owned without(
        CFRunLoopObserverCreate(nullptr, kCFRunLoopEntry, TRUE, 0, observed, nullptr));
    CFRunLoopObserverGetContext(without.get(), &context);
    EXPECT_EQ(nullptr, context.info);
    EXPECT_EQ(nullptr, context.retain);
}

// Facts: CFRunLoopTimerGetInterval, CFRunLoopTimerDoesRepeat, CFRunLoopTimerGetOrder
// Facts: CFRunLoopTimerGetContext, CFRunLoopTimerGetNextFireDate
TEST(RunLoop, TimersSayWhatTheyWereMadeOf) {
    Info info;
    CFRunLoopTimerContext context{};
    context.info = &info;
    context.retain = retain_info;
    context.release = release_info;
    {
        const Owned timer(CFRunLoopTimerCreate(nullptr, 1000, 2.5, 0, 9, fired, &context));
        EXPECT_EQ(2.5, CFRunLoopTimerGetInterval(timer.get()));
        EXPECT_TRUE(CFRunLoopTimerDoesRepeat(timer.get()));
        EXPECT_EQ(9, CFRunLoopTimerGetOrder(timer.get()));
        EXPECT_EQ(1000, CFRunLoopTimerGetNextFireDate(timer.get()));
        CFRunLoopTimerContext found{};
        CFRunLoopTimerGetContext(timer.get(), &found);
        EXPECT_EQ(&info, found.info);
        EXPECT_EQ(&retain_info, found.retain);
        EXPECT_EQ(1, info.references);
        CFRunLoopTimerInvalidate(timer.get());
        EXPECT_EQ(0, CFRunLoopTimerGetNextFireDate(timer.get()));  // will never fire
    }
    EXPECT_EQ(0, info.references);
    for (const CFTimeInterval interval : {0.0, -3.0}) {
        const Owned once(new_timer(info, 0, interval));
        EXPECT_EQ(0, CFRunLoopTimerGetInterval(once.get()));
        EXPECT_FALSE(CFRunLoopTimerDoesRepeat(once.get()));
    }
}

// Facts: CFRunLoopContainsTimer, CFRunLoopTimerGetNextFireDate
TEST(RunLoop, ATimerIsInItsModesUntilItHasFired) {
    on_own_thread([] {
        Info info;
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        const Owned timer(new_timer(info, CFAbsoluteTimeGetCurrent() - 5, 0));
        EXPECT_FALSE(CFRunLoopContainsTimer(loop, timer.get(), kCFRunLoopDefaultMode));
        CFRunLoopAddTimer(loop, timer.get(), kCFRunLoopCommonModes);
        CFRunLoopAddTimer(loop, timer.get(), CFSTR("own"));
        EXPECT_TRUE(CFRunLoopContainsTimer(loop, timer.get(), kCFRunLoopCommonModes));
        EXPECT_TRUE(CFRunLoopContainsTimer(loop, timer.get(), kCFRunLoopDefaultMode));
        EXPECT_TRUE(CFRunLoopContainsTimer(loop, timer.get(), CFSTR("own")));
        EXPECT_FALSE(CFRunLoopContainsTimer(loop, timer.get(), CFSTR("other")));
        EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(CFSTR("own"), kLong, FALSE));
        EXPECT_EQ("f", info.calls);
        for (CFStringRef mode : {kCFRunLoopCommonModes, kCFRunLoopDefaultMode, CFSTR("own")})
            EXPECT_FALSE(CFRunLoopContainsTimer(loop, timer.get(), mode));
        CFRunLoopAddTimer(loop, timer.get(), kCFRunLoopDefaultMode);  // is no longer valid
        EXPECT_FALSE(CFRunLoopContainsTimer(loop, timer.get(), kCFRunLoopDefaultMode));

        const Owned repeating(new_timer(info, CFAbsoluteTimeGetCurrent() - 35, 10));
        const CFAbsoluteTime first = CFRunLoopTimerGetNextFireDate(repeating.get());
        CFRunLoopAddTimer(loop, repeating.get(), kCFRunLoopDefaultMode);
        EXPECT_EQ(kCFRunLoopRunTimedOut, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0, FALSE));
        EXPECT_EQ("ff", info.calls);  // once for all the times that were missed
        const CFAbsoluteTime next = CFRunLoopTimerGetNextFireDate(repeating.get());
        EXPECT_GT(next, first + 35);
        EXPECT_NEAR(0, std::remainder(next - first, 10), 1e-3);  // in step with the first
    });
}

// Facts: CFRunLoopTimerSetNextFireDate
TEST(RunLoop, AnotherThreadSetsATimerToAnEarlierDate) {
    Info info;
    const CFAbsoluteTime far = CFAbsoluteTimeGetCurrent() + 1e6;
    const Owned timer(new_timer(info, far, 0));
    std::atomic<CFRunLoopRef> shared = nullptr;
    std::thread thread([&] {
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        CFRunLoopAddTimer(loop, timer.get(), kCFRunLoopDefaultMode);
        shared = static_cast<CFRunLoopRef>(const_cast<void*>(CFRetain(loop)));
        EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(kCFRunLoopDefaultMode, kLong, FALSE));
    });
    ASSERT_TRUE(comes_true([&] { return shared.load() != nullptr; }));
    const Owned loop(shared.load());
    EXPECT_TRUE(comes_true([&] { return CFRunLoopIsWaiting(loop.get()); }));
    EXPECT_EQ(far, CFRunLoopGetNextTimerFireDate(loop.get(), kCFRunLoopDefaultMode));
    CFRunLoopTimerSetNextFireDate(timer.get(), 0);
    thread.join();
    EXPECT_EQ("f", info.calls);
    CFRunLoopTimerSetNextFireDate(timer.get(), far);  // has fired, and does not come back
    EXPECT_EQ(0, CFRunLoopTimerGetNextFireDate(timer.get()));
}

TEST(RunLoop, ADateThatTheHandlerSetsIsKept) {
    on_own_thread([] {
        const CFAbsoluteTime far = CFAbsoluteTimeGetCurrent() + 1e6;
        const Owned timer(CFRunLoopTimerCreateWithHandler(
            nullptr, CFAbsoluteTimeGetCurrent(), 0.001, 0, 0, ^(CFRunLoopTimerRef self) {
              CFRunLoopTimerSetNextFireDate(self, far);
              CFRunLoopStop(CFRunLoopGetCurrent());
            }));
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), timer.get(), kCFRunLoopDefaultMode);
        EXPECT_EQ(kCFRunLoopRunStopped, CFRunLoopRunInMode(kCFRunLoopDefaultMode, kLong, FALSE));
        EXPECT_EQ(far, CFRunLoopTimerGetNextFireDate(timer.get()));
    });
}

// Facts: dispatch_async
TEST(MainQueue, KeepsTheMainLoopRunningInItsCommonModesOnly) {
    dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
    __block std::string order;
    __block std::thread::id ran_on;
    dispatch_async(queue, ^{
      order += "a";
      dispatch_async(dispatch_get_main_queue(), ^{
        order += "c";
        ran_on = std::this_thread::get_id();
        CFRunLoopStop(CFRunLoopGetMain());
      });
    });
    dispatch_async(queue, ^{
      order += "b";
    });
    dispatch_sync(queue, ^{
                  });
    EXPECT_EQ("ab", order);  // the main queue's work waits for the main loop
    dispatch_release(queue);
    EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(CFSTR("not common"), kLong, FALSE));
    EXPECT_EQ("ab", order);
    EXPECT_EQ(kCFRunLoopRunStopped, CFRunLoopRunInMode(kCFRunLoopDefaultMode, kLong, FALSE));
    EXPECT_EQ("abc", order);
    EXPECT_EQ(std::this_thread::get_id(), ran_on);
    // Work may come at any time: a loop with nothing else waits rather than finishes.
    EXPECT_EQ(kCFRunLoopRunTimedOut, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.01, FALSE));
}

// Facts: mach_timebase_info
TEST(Clock, TheTimebaseTurnsTicksIntoNanoseconds) {
    mach_timebase_info_data_t base{};
    ASSERT_EQ(0, mach_timebase_info(&base));
    ASSERT_NE(0U, base.denom);
    const auto before = std::chrono::steady_clock::now();
    const uint64_t first = mach_absolute_time();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const uint64_t ticks = mach_absolute_time() - first;
    const std::chrono::nanoseconds around = std::chrono::steady_clock::now() - before;
    const uint64_t nanoseconds = ticks * base.numer / base.denom;
    EXPECT_GE(nanoseconds, 5'000'000U);
    EXPECT_LE(nanoseconds, static_cast<uint64_t>(around.count()));
}

}  // namespace
