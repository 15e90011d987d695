// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CoreFoundation.h>
#include <dispatch/dispatch.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "iokit/corefoundation/convert.h"

namespace {

std::string text_of(CFStringRef string) {
    char buffer[256];
    EXPECT_TRUE(CFStringGetCString(string, buffer, sizeof buffer, kCFStringEncodingUTF8));
    return buffer;
}

std::string taken_text(CFStringRef string) {
    std::string text = text_of(string);
    CFRelease(string);
    return text;
}

CFNumberRef number(int value) {
    return CFNumberCreate(nullptr, kCFNumberIntType, &value);
}

// Facts: CFDataCreate, CFGetRetainCount, CFRetain, CFRelease
TEST(CFType, RetainCountsAreExact) {
    CFDataRef data = CFDataCreate(nullptr, reinterpret_cast<const UInt8*>("abc"), 3);
    EXPECT_EQ(1, CFGetRetainCount(data));
    EXPECT_EQ(data, CFRetain(data));
    EXPECT_EQ(2, CFGetRetainCount(data));
    CFRelease(data);
    EXPECT_EQ(1, CFGetRetainCount(data));
    CFRelease(data);
}

// Facts: CFArrayCreateMutable, CFArrayAppendValue, CFArrayRemoveValueAtIndex
// Facts: CFArraySetValueAtIndex, CFDictionaryCreateMutable, CFStringCreateWithCString
// Facts: CFDictionarySetValue, CFDictionaryAddValue, CFDictionaryCreateCopy
// Facts: CFDictionaryRemoveAllValues, CFSetCreateMutable, CFSetAddValue, CFSetGetCount
// Facts: CFSetSetValue
TEST(CFType, CollectionsKeepAReferenceToWhatTheyHoldAndGiveItBack) {
    CFNumberRef value = number(7);
    CFMutableArrayRef array = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    CFArrayAppendValue(array, value);
    CFArrayAppendValue(array, value);
    EXPECT_EQ(3, CFGetRetainCount(value));
    CFArrayRemoveValueAtIndex(array, 0);
    EXPECT_EQ(2, CFGetRetainCount(value));
    CFArraySetValueAtIndex(array, 0, value);
    EXPECT_EQ(2, CFGetRetainCount(value));

    CFMutableDictionaryRef dictionary = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFStringRef key = CFStringCreateWithCString(nullptr, "key", kCFStringEncodingUTF8);
    CFDictionarySetValue(dictionary, key, value);
    EXPECT_EQ(3, CFGetRetainCount(value));
    EXPECT_EQ(2, CFGetRetainCount(key));
    CFDictionaryAddValue(dictionary, key, array);  // present: nothing happens
    EXPECT_EQ(1, CFGetRetainCount(array));
    CFDictionarySetValue(dictionary, key, array);
    EXPECT_EQ(2, CFGetRetainCount(value));
    EXPECT_EQ(2, CFGetRetainCount(array));
    EXPECT_EQ(2, CFGetRetainCount(key));

    CFDictionaryRef copy = CFDictionaryCreateCopy(nullptr, dictionary);
    EXPECT_EQ(3, CFGetRetainCount(array));
    CFRelease(copy);
    CFDictionaryRemoveAllValues(dictionary);
    EXPECT_EQ(1, CFGetRetainCount(array));
    EXPECT_EQ(1, CFGetRetainCount(key));

    CFMutableSetRef set = CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks);
    CFSetAddValue(set, key);
    CFStringRef same = CFStringCreateWithCString(nullptr, "key", kCFStringEncodingUTF8);
    CFSetAddValue(set, same);
    EXPECT_EQ(1, CFSetGetCount(set));
    EXPECT_EQ(1, CFGetRetainCount(same));
    CFSetSetValue(set, same);
    EXPECT_EQ(2, CFGetRetainCount(same));
    EXPECT_EQ(1, CFGetRetainCount(key));
    CFRelease(set);
    EXPECT_EQ(1, CFGetRetainCount(same));

    CFRelease(array);
    EXPECT_EQ(1, CFGetRetainCount(value));
    CFRelease(value);
    CFRelease(key);
    CFRelease(same);
    CFRelease(dictionary);
}

// Facts: CFSTR, CFBooleanGetValue
TEST(CFType, ConstantObjectsIgnoreRetainAndRelease) {
    CFStringRef a = CFSTR("constant");
    EXPECT_EQ(a, CFSTR("constant"));
    for (int i = 0; i < 10; ++i) CFRelease(a);
    EXPECT_EQ("constant", text_of(a));
    CFRelease(kCFBooleanTrue);
    EXPECT_TRUE(CFBooleanGetValue(kCFBooleanTrue));
}

TEST(CFType, ConcurrentRetainsAndReleasesLoseNone) {
    CFNumberRef value = number(1);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([value] {
            for (int i = 0; i < 10000; ++i) CFRelease(CFRetain(value));
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(1, CFGetRetainCount(value));
    CFRelease(value);
}

// Facts: CFNumberCreate, CFEqual, CFHash, CFGetTypeID, CFCopyTypeIDDescription
TEST(CFType, EqualityIsByContentWithinAType) {
    CFNumberRef five = number(5);
    const int64_t wide_five = 5;
    CFNumberRef wide = CFNumberCreate(nullptr, kCFNumberSInt64Type, &wide_five);
    EXPECT_TRUE(CFEqual(five, wide));
    EXPECT_EQ(CFHash(five), CFHash(wide));
    EXPECT_FALSE(CFEqual(five, CFSTR("5")));
    CFStringRef made = CFStringCreateWithCString(nullptr, "text", kCFStringEncodingASCII);
    EXPECT_TRUE(CFEqual(made, CFSTR("text")));
    EXPECT_EQ(CFHash(made), CFHash(CFSTR("text")));
    EXPECT_NE(CFGetTypeID(made), CFGetTypeID(five));
    EXPECT_EQ("CFString", taken_text(CFCopyTypeIDDescription(CFGetTypeID(made))));
    CFRelease(five);
    CFRelease(wide);
    CFRelease(made);
}

// Facts: CFStringGetLength, CFArrayCreate, CFArrayGetValueAtIndex
TEST(CFType, MisuseEndsTheProgramWithAMessage) {
    EXPECT_DEATH(CFRelease(nullptr), "CFRelease: got NULL");
    EXPECT_DEATH(CFStringGetLength(reinterpret_cast<CFStringRef>(kCFBooleanTrue)),
                 "got a CFBoolean for a CFString");
    CFArrayRef array = CFArrayCreate(nullptr, nullptr, 0, &kCFTypeArrayCallBacks);
    EXPECT_DEATH(CFArrayGetValueAtIndex(array, 0), "index 0 is out of an array of 0");
    EXPECT_DEATH(
        CFArrayAppendValue(const_cast<CFMutableArrayRef>(reinterpret_cast<const __CFArray*>(array)),
                           array),
        "immutable");
    CFRelease(array);
}

// Facts: CFStringGetCharacterAtIndex, CFStringGetCString, CFStringCreateWithSubstring
// Facts: CFRangeMake, CFStringCreateExternalRepresentation, CFDataGetLength
// Facts: CFStringCreateFromExternalRepresentation
TEST(CFString, ConvertsBetweenEncodings) {
    CFStringRef string = CFStringCreateWithCString(nullptr, "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7",
                                                   kCFStringEncodingUTF8);
    ASSERT_NE(nullptr, string);
    EXPECT_EQ(7, CFStringGetLength(string));  // the penguin takes two units
    EXPECT_EQ(0xfc, CFStringGetCharacterAtIndex(string, 2));
    char buffer[64];
    EXPECT_FALSE(CFStringGetCString(string, buffer, sizeof buffer, kCFStringEncodingISOLatin1));
    CFStringRef word = CFStringCreateWithSubstring(nullptr, string, CFRangeMake(0, 4));
    EXPECT_TRUE(CFStringGetCString(word, buffer, sizeof buffer, kCFStringEncodingISOLatin1));
    EXPECT_STREQ("Gr\xfc\xdf", buffer);
    EXPECT_TRUE(CFStringGetCString(word, buffer, sizeof buffer, kCFStringEncodingMacRoman));
    EXPECT_STREQ("Gr\x9f\xa7", buffer);
    CFDataRef wide =
        CFStringCreateExternalRepresentation(nullptr, string, kCFStringEncodingUTF16LE, 0);
    EXPECT_EQ(14, CFDataGetLength(wide));
    CFStringRef back =
        CFStringCreateFromExternalRepresentation(nullptr, wide, kCFStringEncodingUTF16LE);
    EXPECT_TRUE(CFEqual(string, back));
    EXPECT_EQ(nullptr, CFStringCreateWithCString(nullptr, "\xc3", kCFStringEncodingUTF8));
    EXPECT_EQ(nullptr, CFStringCreateWithCString(nullptr, "\xc3\xbc", kCFStringEncodingASCII));
    for (CFTypeRef ref : {CFTypeRef(string), CFTypeRef(word), CFTypeRef(wide), CFTypeRef(back)})
        CFRelease(ref);
}

TEST(CFString, GetCStringNeedsRoomForTheFinalZero) {
    char buffer[4] = "xyz";
    EXPECT_FALSE(CFStringGetCString(CFSTR("abcd"), buffer, 4, kCFStringEncodingUTF8));
    EXPECT_TRUE(CFStringGetCString(CFSTR("abc"), buffer, 4, kCFStringEncodingUTF8));
    EXPECT_STREQ("abc", buffer);
}

// Facts: CFStringGetBytes
TEST(CFString, GetBytesStopsAtAWholeCharacter) {
    UInt8 buffer[3];
    CFIndex used = 0;
    CFStringRef string =
        CFStringCreateWithCString(nullptr, "\xc3\xbc\xc3\xbc", kCFStringEncodingUTF8);
    EXPECT_EQ(1, CFStringGetBytes(string, CFRangeMake(0, 2), kCFStringEncodingUTF8, 0, FALSE,
                                  buffer, 3, &used));
    EXPECT_EQ(2, used);
    EXPECT_EQ(2, CFStringGetBytes(string, CFRangeMake(0, 2), kCFStringEncodingASCII, '?', FALSE,
                                  buffer, 3, &used));
    EXPECT_EQ(0, std::memcmp("??", buffer, 2));
    CFRelease(string);
}

// Facts: CFStringCreateWithFormat
TEST(CFString, FormatsObjectsAndNumbers) {
    CFStringRef string =
        CFStringCreateWithFormat(nullptr, nullptr, CFSTR("%@ has %d of %llu, %-4s|%05.1f|%% %c"),
                                 CFSTR("port"), -3, 1ULL << 40, "ab", 2.25, 'x');
    EXPECT_EQ("port has -3 of 1099511627776, ab  |002.2|% x", taken_text(string));
}

// Facts: CFStringCompare, CFStringFind, CFStringHasPrefix
// Facts: CFStringCreateArrayBySeparatingStrings, CFArrayGetCount
// Facts: CFStringCreateByCombiningStrings
TEST(CFString, ComparesFindsAndSplits) {
    EXPECT_EQ(kCFCompareLessThan,
              CFStringCompare(CFSTR("port9"), CFSTR("port10"), kCFCompareNumerically));
    EXPECT_EQ(kCFCompareGreaterThan,
              CFStringCompare(CFSTR("port9"), CFSTR("port10"), CFStringCompareFlags(0)));
    EXPECT_EQ(kCFCompareEqualTo,
              CFStringCompare(CFSTR("ABC"), CFSTR("abc"), kCFCompareCaseInsensitive));
    EXPECT_EQ(4, CFStringFind(CFSTR("cu.xcu."), CFSTR("cu."), kCFCompareBackwards).location);
    EXPECT_EQ(kCFNotFound,
              CFStringFind(CFSTR("abc"), CFSTR("z"), CFStringCompareFlags(0)).location);
    EXPECT_TRUE(CFStringHasPrefix(CFSTR("/dev/cu.x"), CFSTR("/dev/")));
    CFArrayRef parts = CFStringCreateArrayBySeparatingStrings(nullptr, CFSTR("a:b::c"), CFSTR(":"));
    ASSERT_EQ(4, CFArrayGetCount(parts));
    EXPECT_EQ("a-b--c", taken_text(CFStringCreateByCombiningStrings(nullptr, parts, CFSTR("-"))));
    CFRelease(parts);
}

// Facts: CFNumberGetValue, CFNumberIsFloatType, CFNumberCompare
TEST(CFNumber, TellsWhenAConversionLoses) {
    CFNumberRef big = number(300);
    int8_t small = 0;
    EXPECT_FALSE(CFNumberGetValue(big, kCFNumberSInt8Type, &small));
    EXPECT_EQ(44, small);
    double real = 0;
    EXPECT_TRUE(CFNumberGetValue(big, kCFNumberDoubleType, &real));
    EXPECT_EQ(300.0, real);
    const double half = 0.5;
    CFNumberRef fraction = CFNumberCreate(nullptr, kCFNumberDoubleType, &half);
    int whole = 7;
    EXPECT_FALSE(CFNumberGetValue(fraction, kCFNumberIntType, &whole));
    EXPECT_EQ(0, whole);
    EXPECT_TRUE(CFNumberIsFloatType(fraction));
    EXPECT_EQ(kCFCompareGreaterThan, CFNumberCompare(big, fraction, nullptr));
    CFRelease(big);
    CFRelease(fraction);
}

// Facts: CFUUIDCreateFromString, CFUUIDCreateString, CFUUIDCreate
TEST(CFUUID, KeepsItsTextForm) {
    CFUUIDRef uuid = CFUUIDCreateFromString(nullptr, CFSTR("68753A44-4D6F-1226-9C60-0050E4C00067"));
    ASSERT_NE(nullptr, uuid);
    EXPECT_EQ("68753A44-4D6F-1226-9C60-0050E4C00067",
              taken_text(CFUUIDCreateString(nullptr, uuid)));
    EXPECT_EQ(nullptr,
              CFUUIDCreateFromString(nullptr, CFSTR("68753A44x4D6F-1226-9C60-0050E4C00067")));
    CFUUIDRef random = CFUUIDCreate(nullptr);
    EXPECT_FALSE(CFEqual(uuid, random));
    CFRelease(uuid);
    CFRelease(random);
}

TEST(Conversion, PropertiesSurviveTheWayThere) {
    using namespace opendext;
    Dictionary inner{{"flag", true}, {"list", Array{1, "two", Data{3}}}};
    const Value value(Dictionary{{"number", Number{0xffff, 16}},
                                 {"big", uint64_t{1} << 40},
                                 {"name", "\xc3\xbc"},
                                 {"inner", inner},
                                 {"set", Set{{1, 2}}}});
    CFTypeRef ref = cf::from_value(value);
    const Result<Value> back = cf::to_value(ref);
    ASSERT_TRUE(back.ok()) << back.error().text();
    EXPECT_EQ(value, *back);
    CFRelease(ref);
}

// Facts: CFArrayRemoveAllValues
TEST(Conversion, RefusesWhatCannotBeAProperty) {
    using namespace opendext;
    CFMutableDictionaryRef dictionary = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFDictionarySetValue(dictionary, kCFBooleanTrue, CFSTR("value"));
    EXPECT_EQ("a dictionary key is not a string but a CFBoolean",
              cf::to_value(dictionary).error().message);
    CFDictionaryRemoveAllValues(dictionary);
    CFUUIDRef uuid = CFUUIDCreate(nullptr);
    CFDictionarySetValue(dictionary, CFSTR("id"), uuid);
    EXPECT_EQ("id: a CFUUID cannot be a property", cf::to_value(dictionary).error().message);
    CFRelease(uuid);
    CFRelease(dictionary);
    CFMutableArrayRef array = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    CFArrayAppendValue(array,
                       array);  // a cycle: it also leaks, which is what it would do in a program
    EXPECT_EQ("property is nested too deeply", cf::to_value(array).error().message);
    CFArrayRemoveAllValues(array);
    CFRelease(array);
}

/// Runs `body` on a thread of its own, whose loop ends when it has nothing to do: the main thread's
/// does not once the main queue has been asked for.
template <typename Body>
void on_own_thread(Body body) {
    std::thread(body).join();
}

struct Counter {
    std::atomic<int> calls = 0;
    CFRunLoopRef stop = nullptr;
};

// Facts: CFRunLoopSourceCreate, CFRunLoopAddSource, CFRunLoopGetCurrent
// Facts: CFRunLoopContainsSource, CFRunLoopRunInMode, CFRunLoopSourceSignal
// Facts: CFRunLoopSourceInvalidate, CFRunLoopSourceIsValid
TEST(CFRunLoop, RunsASignaledSourceOnceAndReturns) {
    on_own_thread([] {
        Counter counter;
        CFRunLoopSourceContext context{};
        context.info = &counter;
        context.perform = [](void* info) { ++static_cast<Counter*>(info)->calls; };
        CFRunLoopSourceRef source = CFRunLoopSourceCreate(nullptr, 0, &context);
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
        EXPECT_TRUE(CFRunLoopContainsSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode));
        EXPECT_EQ(kCFRunLoopRunTimedOut, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0, TRUE));
        CFRunLoopSourceSignal(source);
        EXPECT_EQ(kCFRunLoopRunHandledSource, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, TRUE));
        EXPECT_EQ(1, counter.calls);
        CFRunLoopSourceInvalidate(source);
        EXPECT_FALSE(CFRunLoopSourceIsValid(source));
        EXPECT_EQ(1, CFGetRetainCount(source));
        EXPECT_EQ(kCFRunLoopRunFinished, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, TRUE));
        CFRelease(source);
    });
}

// Facts: CFRunLoopStop, CFRunLoopWakeUp, CFRunLoopRun, CFRunLoopRemoveSource
TEST(CFRunLoop, AnotherThreadWakesAndStopsIt) {
    Counter counter;
    CFRunLoopSourceContext context{};
    context.info = &counter;
    context.perform = [](void* info) {
        auto* own = static_cast<Counter*>(info);
        if (++own->calls == 3) CFRunLoopStop(own->stop);
    };
    CFRunLoopSourceRef source = CFRunLoopSourceCreate(nullptr, 0, &context);
    counter.stop = CFRunLoopGetCurrent();
    CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopCommonModes);
    std::thread other([&] {
        for (int i = 1; i <= 3; ++i) {
            CFRunLoopSourceSignal(source);
            CFRunLoopWakeUp(counter.stop);
            while (counter.calls < i) std::this_thread::yield();
        }
    });
    CFRunLoopRun();
    other.join();
    EXPECT_EQ(3, counter.calls);
    CFRunLoopRemoveSource(CFRunLoopGetCurrent(), source, kCFRunLoopCommonModes);
    EXPECT_EQ(1, CFGetRetainCount(source));
    CFRelease(source);
}

// Facts: CFAbsoluteTimeGetCurrent, CFRunLoopTimerCreate, CFRunLoopTimerInvalidate
// Facts: CFRunLoopAddTimer, CFRunLoopTimerIsValid
TEST(CFRunLoop, TimersFireOnceOrRepeatedlyInOrder) {
    on_own_thread([] {
        static std::string order;
        order.clear();
        const CFAbsoluteTime now = CFAbsoluteTimeGetCurrent();
        CFRunLoopTimerRef once = CFRunLoopTimerCreate(
            nullptr, now + 0.02, 0, 0, 0, [](CFRunLoopTimerRef, void*) { order += "o"; }, nullptr);
        int repeats = 0;
        CFRunLoopTimerContext context{};
        context.info = &repeats;
        CFRunLoopTimerRef repeating = CFRunLoopTimerCreate(
            nullptr, now + 0.03, 0.01, 0, 0,
            [](CFRunLoopTimerRef timer, void* info) {
                order += "r";
                if (++*static_cast<int*>(info) == 3) CFRunLoopTimerInvalidate(timer);
            },
            &context);
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), repeating, kCFRunLoopDefaultMode);
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), once, kCFRunLoopDefaultMode);
        CFRunLoopRun();  // ends by itself when no timer is left
        EXPECT_EQ("orrr", order);
        EXPECT_FALSE(CFRunLoopTimerIsValid(once));
        EXPECT_EQ(1, CFGetRetainCount(once));
        EXPECT_EQ(1, CFGetRetainCount(repeating));
        CFRelease(once);
        CFRelease(repeating);
    });
}

TEST(CFRunLoop, AThreadThatEndsGivesItsSourcesBack) {
    CFRunLoopSourceContext context{};
    CFRunLoopSourceRef source = CFRunLoopSourceCreate(nullptr, 0, &context);
    std::thread([&] {
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
    }).join();
    EXPECT_EQ(1, CFGetRetainCount(source));
    CFRelease(source);
}

// Facts: dispatch_queue_create, dispatch_async_f, dispatch_release, dispatch_get_main_queue
// Facts: CFRunLoopGetMain
TEST(Dispatch, AQueueRunsInOrderAndTheMainLoopServesTheMainQueue) {
    static std::string order;
    order.clear();
    dispatch_queue_t queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
    for (int i = 0; i < 5; ++i) {
        dispatch_async_f(
            queue, reinterpret_cast<void*>(static_cast<intptr_t>('a' + i)),
            [](void* letter) { order += static_cast<char>(reinterpret_cast<intptr_t>(letter)); });
    }
    dispatch_sync_f(queue, nullptr, [](void*) { order += "!"; });
    EXPECT_EQ("abcde!", order);
    dispatch_release(queue);

    dispatch_async_f(dispatch_get_main_queue(), nullptr,
                     [](void*) { CFRunLoopStop(CFRunLoopGetMain()); });
    EXPECT_EQ(kCFRunLoopRunStopped, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, FALSE));
}

}  // namespace
