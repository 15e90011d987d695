// SPDX-License-Identifier: Apache-2.0
// The rest of what nearly every program calls: each function once, with its counts and borders.
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "iokit/corefoundation/object.h"

namespace {

using opendext::cf::Owned;

std::string text_of(CFStringRef string) {
    char buffer[256];
    EXPECT_TRUE(CFStringGetCString(string, buffer, sizeof buffer, kCFStringEncodingUTF8));
    return buffer;
}

void append(const void* value, void* context) {
    *static_cast<std::string*>(context) += text_of(static_cast<CFStringRef>(value));
}

// Facts: CFArrayGetTypeID, CFArrayCreateCopy, CFArrayCreateMutableCopy, CFArrayApplyFunction
TEST(CFArray, IsCopiedWithItsRulesAndGoneOver) {
    const void* values[] = {CFSTR("a"), CFSTR("b")};
    const Owned array(CFArrayCreate(nullptr, values, 2, &kCFTypeArrayCallBacks));
    EXPECT_EQ(CFArrayGetTypeID(), CFGetTypeID(array.get()));
    const Owned copy(CFArrayCreateCopy(nullptr, array.get()));
    EXPECT_TRUE(CFEqual(array.get(), copy.get()));
    const Owned longer(CFArrayCreateMutableCopy(nullptr, 0, array.get()));
    CFArrayAppendValue(longer.get(), CFSTR("c"));
    EXPECT_EQ(2, CFArrayGetCount(copy.get()));
    std::string all;
    CFArrayApplyFunction(longer.get(), CFRangeMake(1, 2), append, &all);
    EXPECT_EQ("bc", all);
}

// Facts: CFDataGetTypeID, CFDataCreateMutable, CFDataAppendBytes, CFDataGetBytePtr
// Facts: CFDataGetMutableBytePtr, CFDataGetBytes, CFDataCreateWithBytesNoCopy
TEST(CFData, GrowsAndIsReadInParts) {
    const Owned data(CFDataCreateMutable(nullptr, 0));
    EXPECT_EQ(CFDataGetTypeID(), CFGetTypeID(data.get()));
    CFDataAppendBytes(data.get(), reinterpret_cast<const UInt8*>("abcd"), 4);
    CFDataGetMutableBytePtr(data.get())[0] = 'x';
    UInt8 part[2];
    CFDataGetBytes(data.get(), CFRangeMake(0, 2), part);
    EXPECT_EQ(0, std::memcmp(part, "xb", 2));
    static const UInt8 kConstant[] = {1, 2, 3};
    const Owned foreign(CFDataCreateWithBytesNoCopy(nullptr, kConstant, 3, kCFAllocatorNull));
    EXPECT_EQ(3, CFDataGetBytePtr(foreign.get())[2]);
}

void count_members(const void* key, const void* value, void* context) {
    EXPECT_TRUE(CFEqual(key, value));
    ++*static_cast<int*>(context);
}

// Facts: CFDictionaryGetTypeID, CFDictionaryCreate, CFDictionaryCreateMutableCopy
// Facts: CFDictionaryGetCount, CFDictionaryContainsKey, CFDictionaryGetValue
// Facts: CFDictionaryGetValueIfPresent, CFDictionaryGetKeysAndValues, CFDictionaryApplyFunction
// Facts: CFDictionaryReplaceValue, CFDictionaryRemoveValue
TEST(CFDictionary, IsLookedUpAndChanged) {
    const void* names[] = {CFSTR("a"), CFSTR("b")};
    const Owned fixed(CFDictionaryCreate(nullptr, names, names, 2, &kCFTypeDictionaryKeyCallBacks,
                                         &kCFTypeDictionaryValueCallBacks));
    EXPECT_EQ(CFDictionaryGetTypeID(), CFGetTypeID(fixed.get()));
    EXPECT_TRUE(CFDictionaryContainsKey(fixed.get(), CFSTR("a")));
    const void* found = nullptr;
    EXPECT_TRUE(CFDictionaryGetValueIfPresent(fixed.get(), CFSTR("b"), &found));
    EXPECT_TRUE(CFEqual(found, CFSTR("b")));
    EXPECT_FALSE(CFDictionaryGetValueIfPresent(fixed.get(), CFSTR("c"), &found));
    int count = 0;
    CFDictionaryApplyFunction(fixed.get(), count_members, &count);
    EXPECT_EQ(2, count);
    const void* keys[2];
    const void* values[2];
    CFDictionaryGetKeysAndValues(fixed.get(), keys, values);
    EXPECT_EQ(keys[0], values[0]);
    const Owned copy(CFDictionaryCreateMutableCopy(nullptr, 0, fixed.get()));
    CFDictionaryReplaceValue(copy.get(), CFSTR("a"), CFSTR("x"));
    CFDictionaryReplaceValue(copy.get(), CFSTR("new"), CFSTR("x"));
    EXPECT_TRUE(CFEqual(CFSTR("x"), CFDictionaryGetValue(copy.get(), CFSTR("a"))));
    CFDictionaryRemoveValue(copy.get(), CFSTR("a"));
    EXPECT_EQ(1, CFDictionaryGetCount(copy.get()));
}

// Facts: CFBooleanGetTypeID, CFNumberGetTypeID, CFNumberGetType, CFNumberGetByteSize
TEST(CFNumber, KnowsItsTypeAndWidth) {
    const int value = 7;
    const Owned number(CFNumberCreate(nullptr, kCFNumberIntType, &value));
    EXPECT_EQ(CFNumberGetTypeID(), CFGetTypeID(number.get()));
    EXPECT_NE(CFNumberGetTypeID(), CFBooleanGetTypeID());
    EXPECT_EQ(CFBooleanGetTypeID(), CFGetTypeID(kCFBooleanTrue));
    EXPECT_EQ(kCFNumberSInt32Type, CFNumberGetType(number.get()));
    EXPECT_EQ(4, CFNumberGetByteSize(number.get()));
    EXPECT_TRUE(CFNumberIsFloatType(kCFNumberNaN));
    EXPECT_EQ(kCFCompareLessThan,
              CFNumberCompare(kCFNumberNegativeInfinity, kCFNumberPositiveInfinity, nullptr));
}

// Facts: CFSetGetTypeID, CFSetCreate, CFSetContainsValue, CFSetGetValues, CFSetApplyFunction
TEST(CFSet, HoldsEachValueOnce) {
    const void* values[] = {CFSTR("a"), CFSTR("b"), CFSTR("a")};
    const Owned set(CFSetCreate(nullptr, values, 3, &kCFTypeSetCallBacks));
    EXPECT_EQ(CFSetGetTypeID(), CFGetTypeID(set.get()));
    ASSERT_EQ(2, CFSetGetCount(set.get()));
    EXPECT_TRUE(CFSetContainsValue(set.get(), CFSTR("b")));
    const void* members[2];
    CFSetGetValues(set.get(), members);
    EXPECT_FALSE(CFEqual(members[0], members[1]));
    std::string all;
    CFSetApplyFunction(set.get(), append, &all);
    EXPECT_EQ(2U, all.size());
}

// Facts: CFStringGetTypeID, CFStringCreateWithBytes, CFStringCreateWithCharacters
// Facts: CFStringCreateWithCStringNoCopy, CFStringCreateCopy, CFStringCreateMutable
// Facts: CFStringGetCharacters, CFStringGetCStringPtr, CFStringGetSystemEncoding
// Facts: CFStringGetMaximumSizeForEncoding, CFStringGetFileSystemRepresentation
// Facts: CFStringHasSuffix, CFStringGetIntValue, CFStringAppend, CFStringAppendCString
// Facts: CFStringAppendFormat, CFCopyDescription, CFShow
TEST(CFString, IsMadeReadAndAppendedTo) {
    const Owned bytes(CFStringCreateWithBytes(nullptr, reinterpret_cast<const UInt8*>("42 ports"),
                                              8, kCFStringEncodingUTF8, FALSE));
    EXPECT_EQ(CFStringGetTypeID(), CFGetTypeID(bytes.get()));
    EXPECT_EQ(42, CFStringGetIntValue(bytes.get()));
    EXPECT_TRUE(CFStringHasSuffix(bytes.get(), CFSTR("ports")));
    EXPECT_STREQ("42 ports", CFStringGetCStringPtr(bytes.get(), kCFStringEncodingUTF8));
    UniChar units[2];
    CFStringGetCharacters(bytes.get(), CFRangeMake(0, 2), units);
    const Owned number(CFStringCreateWithCharacters(nullptr, units, 2));
    EXPECT_EQ("42", text_of(number.get()));
    const Owned copy(CFStringCreateCopy(nullptr, number.get()));
    EXPECT_EQ(number.get(), copy.get());  // what never changes is shared
    EXPECT_EQ(2, CFGetRetainCount(number.get()));
    const Owned constant(
        CFStringCreateWithCStringNoCopy(nullptr, "here", kCFStringEncodingASCII, kCFAllocatorNull));
    const Owned text(CFStringCreateMutable(nullptr, 0));
    CFStringAppend(text.get(), constant.get());
    CFStringAppendCString(text.get(), "/", kCFStringEncodingASCII);
    CFStringAppendFormat(text.get(), nullptr, CFSTR("%d %@"), 7, CFSTR("x"));
    EXPECT_EQ("here/7 x", text_of(text.get()));
    char path[16];
    EXPECT_TRUE(CFStringGetFileSystemRepresentation(text.get(), path, sizeof path));
    EXPECT_STREQ("here/7 x", path);
    EXPECT_EQ(12, CFStringGetMaximumSizeForEncoding(4, CFStringGetSystemEncoding()));
    const Owned described(CFCopyDescription(text.get()));
    EXPECT_EQ("here/7 x", text_of(described.get()));
    ::testing::internal::CaptureStderr();
    CFShow(text.get());
    EXPECT_EQ("here/7 x\n", ::testing::internal::GetCapturedStderr());
}

// Facts: CFUUIDGetConstantUUIDWithBytes, CFUUIDGetUUIDBytes, CFUUIDCreateFromUUIDBytes
TEST(CFUUID, GoesThroughItsBytes) {
    CFUUIDRef constant = IUnknownUUID;
    EXPECT_EQ(constant, IUnknownUUID);
    const CFUUIDBytes bytes = CFUUIDGetUUIDBytes(constant);
    EXPECT_EQ(0xC0, bytes.byte8);
    EXPECT_EQ(0x46, bytes.byte15);
    const Owned same(CFUUIDCreateFromUUIDBytes(nullptr, bytes));
    EXPECT_TRUE(CFEqual(constant, same.get()));
    EXPECT_EQ(constant, CFUUIDGetConstantUUIDWithBytes(nullptr, 0, 0, 0, 0, 0, 0, 0, 0, 0xC0, 0, 0,
                                                       0, 0, 0, 0, 0x46));
    EXPECT_TRUE(SUCCEEDED(S_FALSE));
    EXPECT_TRUE(FAILED(E_NOINTERFACE));
}

/// What an observer has been told, as letters.
struct Told {
    std::string activities;
};

void tell(CFRunLoopObserverRef, CFRunLoopActivity activity, void* info) {
    auto& told = static_cast<Told*>(info)->activities;
    switch (activity) {
        case kCFRunLoopEntry:
            told += 'e';
            break;
        case kCFRunLoopBeforeTimers:
            told += 't';
            break;
        case kCFRunLoopBeforeSources:
            told += 's';
            break;
        case kCFRunLoopBeforeWaiting:
            told += 'w';
            break;
        case kCFRunLoopAfterWaiting:
            told += 'a';
            break;
        case kCFRunLoopExit:
            told += 'x';
            break;
        default:
            told += '?';
    }
}

// Facts: CFRunLoopPerformBlock, CFRunLoopObserverCreate, CFRunLoopAddObserver
// Facts: CFRunLoopContainsObserver, CFRunLoopRemoveObserver, CFRunLoopObserverIsValid
// Facts: CFRunLoopObserverGetActivities, CFRunLoopObserverDoesRepeat, CFRunLoopObserverGetOrder
TEST(CFRunLoop, TellsObserversWhatItIsAboutToDo) {
    // The main thread's loop does not finish once the main queue has been asked for.
    std::thread([] {
        Told told;
        CFRunLoopObserverContext context{};
        context.info = &told;
        const Owned observer(
            CFRunLoopObserverCreate(nullptr, kCFRunLoopAllActivities, TRUE, 3, tell, &context));
        CFRunLoopRef loop = CFRunLoopGetCurrent();
        CFRunLoopAddObserver(loop, observer.get(), kCFRunLoopCommonModes);
        EXPECT_TRUE(CFRunLoopContainsObserver(loop, observer.get(), kCFRunLoopDefaultMode));
        EXPECT_EQ(3, CFRunLoopObserverGetOrder(observer.get()));
        EXPECT_TRUE(CFRunLoopObserverDoesRepeat(observer.get()));
        EXPECT_EQ(static_cast<CFOptionFlags>(kCFRunLoopAllActivities),
                  CFRunLoopObserverGetActivities(observer.get()));
        // An observer alone does not keep a loop running.
        EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 10, FALSE));
        EXPECT_EQ("", told.activities);
        bool ran = false;
        bool* there = &ran;
        CFRunLoopPerformBlock(loop, kCFRunLoopDefaultMode, ^{
          *there = true;
        });
        EXPECT_EQ(kCFRunLoopRunHandledSource, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 10, TRUE));
        EXPECT_TRUE(ran);
        EXPECT_EQ("etsx", told.activities);
        CFRunLoopRemoveObserver(loop, observer.get(), kCFRunLoopCommonModes);
        EXPECT_TRUE(CFRunLoopObserverIsValid(observer.get()));
        EXPECT_EQ(1, CFGetRetainCount(observer.get()));
    }).join();
}

// Facts: CFRunLoopTimerCreateWithHandler, CFRunLoopRemoveTimer, CFRunLoopGetNextTimerFireDate
// Facts: CFRunLoopTimerSetTolerance, CFRunLoopTimerGetTolerance, CFRunLoopCopyAllModes
// Facts: CFRunLoopObserverCreateWithHandler, CFRunLoopObserverInvalidate, CFAutorelease
TEST(CFRunLoop, RunsHandlersAndReleasesLater) {
    CFRunLoopRef loop = CFRunLoopGetCurrent();
    const Owned held(CFStringCreateMutable(nullptr, 0));
    CFMutableStringRef string = held.get();
    __block int once = 0;
    const Owned observer(CFRunLoopObserverCreateWithHandler(
        nullptr, kCFRunLoopBeforeTimers, FALSE, 0, ^(CFRunLoopObserverRef, CFRunLoopActivity) {
          ++once;
        }));
    const Owned timer(CFRunLoopTimerCreateWithHandler(nullptr, CFAbsoluteTimeGetCurrent(), 0.001, 0,
                                                      0, ^(CFRunLoopTimerRef fired) {
                                                        CFRetain(string);
                                                        CFAutorelease(string);
                                                        CFStringAppend(string, CFSTR("x"));
                                                        if (CFStringGetLength(string) == 3)
                                                            CFRunLoopTimerInvalidate(fired);
                                                      }));
    CFRunLoopTimerSetTolerance(timer.get(), 0.5);
    EXPECT_EQ(0.5, CFRunLoopTimerGetTolerance(timer.get()));
    CFStringRef mode = CFSTR("own mode");
    EXPECT_EQ(0, CFRunLoopGetNextTimerFireDate(loop, mode));
    CFRunLoopAddTimer(loop, timer.get(), mode);
    CFRunLoopAddObserver(loop, observer.get(), mode);
    EXPECT_GT(CFRunLoopGetNextTimerFireDate(loop, mode), 0);
    const Owned modes(CFRunLoopCopyAllModes(loop));
    EXPECT_TRUE(
        CFArrayContainsValue(modes.get(), CFRangeMake(0, CFArrayGetCount(modes.get())), mode));
    EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(mode, 60, FALSE));
    EXPECT_EQ("xxx", text_of(string));
    EXPECT_EQ(1, once);
    EXPECT_EQ(1, CFGetRetainCount(string));
    CFRunLoopRemoveTimer(loop, timer.get(), mode);
    CFRunLoopObserverInvalidate(observer.get());
    EXPECT_FALSE(CFRunLoopObserverIsValid(observer.get()));
}

}  // namespace
