// SPDX-License-Identifier: Apache-2.0
// Arrays, dictionaries, sets, data and identifiers: what is in them after each call, who holds a
// reference, and what happens at the borders. Their descriptions show the whole content at once.
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

#include "iokit/corefoundation/object.h"

namespace {

using opendext::cf::describe;
using opendext::cf::Owned;

constexpr CFIndex kHuge = std::numeric_limits<CFIndex>::max();

Owned<CFNumberRef> number(int value) {
    return Owned(CFNumberCreate(nullptr, kCFNumberIntType, &value));
}

Owned<CFMutableArrayRef> letters(const char* text) {
    Owned array(CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
    for (; *text != 0; ++text) {
        const Owned letter(CFStringCreateWithBytes(nullptr, reinterpret_cast<const UInt8*>(text), 1,
                                                   kCFStringEncodingASCII, FALSE));
        CFArrayAppendValue(array.get(), letter.get());
    }
    return array;
}

Owned<CFMutableDataRef> data_of(const char* text) {
    Owned data(CFDataCreateMutable(nullptr, 0));
    CFDataAppendBytes(data.get(), reinterpret_cast<const UInt8*>(text),
                      static_cast<CFIndex>(std::string(text).size()));
    return data;
}

std::string text_of(CFDataRef data) {
    return {reinterpret_cast<const char*>(CFDataGetBytePtr(data)),
            static_cast<size_t>(CFDataGetLength(data))};
}

// Facts: CFArrayGetCountOfValue, CFArrayContainsValue, CFArrayGetFirstIndexOfValue
// Facts: CFArrayGetLastIndexOfValue
TEST(CFArray, FindsEqualValuesWithinTheRangeOnly) {
    const Owned array = letters("abcab");
    const CFRange all = CFRangeMake(0, 5);
    EXPECT_EQ(2, CFArrayGetCountOfValue(array.get(), all, CFSTR("b")));
    EXPECT_EQ(1, CFArrayGetCountOfValue(array.get(), CFRangeMake(0, 4), CFSTR("b")));
    EXPECT_EQ(0, CFArrayGetCountOfValue(array.get(), all, CFSTR("z")));
    EXPECT_TRUE(CFArrayContainsValue(array.get(), CFRangeMake(2, 1), CFSTR("c")));
    EXPECT_FALSE(CFArrayContainsValue(array.get(), CFRangeMake(3, 2), CFSTR("c")));
    EXPECT_EQ(1, CFArrayGetFirstIndexOfValue(array.get(), all, CFSTR("b")));
    EXPECT_EQ(4, CFArrayGetFirstIndexOfValue(array.get(), CFRangeMake(2, 3), CFSTR("b")));
    EXPECT_EQ(4, CFArrayGetLastIndexOfValue(array.get(), all, CFSTR("b")));
    EXPECT_EQ(1, CFArrayGetLastIndexOfValue(array.get(), CFRangeMake(0, 4), CFSTR("b")));
    EXPECT_EQ(1, CFArrayGetLastIndexOfValue(array.get(), CFRangeMake(1, 3), CFSTR("b")));
    EXPECT_EQ(kCFNotFound, CFArrayGetFirstIndexOfValue(array.get(), all, CFSTR("z")));
    EXPECT_EQ(kCFNotFound, CFArrayGetLastIndexOfValue(array.get(), all, CFSTR("z")));
}

// Facts: CFArrayGetCountOfValue, CFArrayContainsValue, CFArrayGetFirstIndexOfValue
// Facts: CFArrayGetLastIndexOfValue
TEST(CFArray, FindsNothingInAnEmptyRangeAndRefusesOneThatIsNotThere) {
    const Owned array = letters("aa");
    for (const CFIndex at : {0, 1, 2}) {
        const CFRange none = CFRangeMake(at, 0);
        EXPECT_EQ(0, CFArrayGetCountOfValue(array.get(), none, CFSTR("a")));
        EXPECT_FALSE(CFArrayContainsValue(array.get(), none, CFSTR("a")));
        EXPECT_EQ(kCFNotFound, CFArrayGetFirstIndexOfValue(array.get(), none, CFSTR("a")));
        EXPECT_EQ(kCFNotFound, CFArrayGetLastIndexOfValue(array.get(), none, CFSTR("a")));
    }
    EXPECT_DEATH(CFArrayGetCountOfValue(array.get(), CFRangeMake(0, 3), CFSTR("a")), "range");
    EXPECT_DEATH(CFArrayGetFirstIndexOfValue(array.get(), CFRangeMake(-1, 1), CFSTR("a")), "range");
    EXPECT_DEATH(CFArrayGetLastIndexOfValue(array.get(), CFRangeMake(1, kHuge), CFSTR("a")),
                 "range");
}

// Facts: CFArrayContainsValue, CFArrayGetFirstIndexOfValue, CFArrayGetCountOfValue
TEST(CFArray, ComparesPlainPointersWithoutCallBacks) {
    const Owned one = number(7);
    const Owned other = number(7);
    const void* values[] = {one.get(), nullptr, nullptr};
    const Owned array(CFArrayCreate(nullptr, values, 3, nullptr));
    EXPECT_EQ(1, CFGetRetainCount(one.get()));
    EXPECT_TRUE(CFArrayContainsValue(array.get(), CFRangeMake(0, 3), one.get()));
    EXPECT_FALSE(CFArrayContainsValue(array.get(), CFRangeMake(0, 3), other.get()));
    EXPECT_EQ(1, CFArrayGetFirstIndexOfValue(array.get(), CFRangeMake(0, 3), nullptr));
    EXPECT_EQ(2, CFArrayGetCountOfValue(array.get(), CFRangeMake(0, 3), nullptr));
}

// Facts: CFArrayGetValues
TEST(CFArray, GivesOutARangeWithoutReferences) {
    const Owned held = number(7);
    const Owned array = letters("abc");
    CFArraySetValueAtIndex(array.get(), 1, held.get());
    const void* values[] = {"before", "1", "2", "behind"};
    const void* const before = values[0];
    const void* const behind = values[3];
    CFArrayGetValues(array.get(), CFRangeMake(1, 2), &values[1]);
    EXPECT_EQ(held.get(), values[1]);
    EXPECT_TRUE(CFEqual(CFSTR("c"), values[2]));
    EXPECT_EQ(2, CFGetRetainCount(held.get()));  // ours and the array's
    CFArrayGetValues(array.get(), CFRangeMake(3, 0), nullptr);
    EXPECT_EQ(before, values[0]);
    EXPECT_EQ(behind, values[3]);
    EXPECT_DEATH(CFArrayGetValues(array.get(), CFRangeMake(2, 2), values), "range is out of");
}

// Facts: CFArrayInsertValueAtIndex
TEST(CFArray, InsertsBeforeAnIndexAndAtTheEnd) {
    const Owned array = letters("");
    CFArrayInsertValueAtIndex(array.get(), 0, CFSTR("b"));
    CFArrayInsertValueAtIndex(array.get(), 0, CFSTR("a"));
    CFArrayInsertValueAtIndex(array.get(), 2, CFSTR("d"));
    const Owned held = number(7);
    CFArrayInsertValueAtIndex(array.get(), 2, held.get());
    EXPECT_EQ("(a, b, 7, d)", describe(array.get()));
    EXPECT_EQ(2, CFGetRetainCount(held.get()));
    CFArrayRemoveValueAtIndex(array.get(), 2);
    EXPECT_EQ(1, CFGetRetainCount(held.get()));
    EXPECT_DEATH(CFArrayInsertValueAtIndex(array.get(), 4, held.get()), "index 4 is out of");
    EXPECT_DEATH(CFArrayInsertValueAtIndex(array.get(), -1, held.get()), "index -1 is out of");
}

// Facts: CFArrayExchangeValuesAtIndices
TEST(CFArray, ExchangesTwoOrOneWithItself) {
    const Owned array = letters("abc");
    const Owned held = number(7);
    CFArrayAppendValue(array.get(), held.get());
    CFArrayExchangeValuesAtIndices(array.get(), 0, 3);
    EXPECT_EQ("(7, b, c, a)", describe(array.get()));
    CFArrayExchangeValuesAtIndices(array.get(), 1, 1);
    CFArrayExchangeValuesAtIndices(array.get(), 2, 1);
    EXPECT_EQ("(7, c, b, a)", describe(array.get()));
    EXPECT_EQ(2, CFGetRetainCount(held.get()));
    EXPECT_DEATH(CFArrayExchangeValuesAtIndices(array.get(), 0, 4), "index 4 is out of");
}

/// How a sort is to go and how often it asked.
struct Order {
    bool descending = false;
    int asked = 0;
};

CFComparisonResult compare(const void* a, const void* b, void* context) {
    auto* order = static_cast<Order*>(context);
    ++order->asked;
    if (order->descending) std::swap(a, b);
    return CFStringCompare(static_cast<CFStringRef>(a), static_cast<CFStringRef>(b),
                           CFStringCompareFlags{});
}

// Facts: CFArraySortValues
TEST(CFArray, SortsARangeByTheComparatorAndItsContext) {
    const Owned array = letters("zdbcaby");
    Order order;
    CFArraySortValues(array.get(), CFRangeMake(1, 5), compare, &order);
    EXPECT_EQ("(z, a, b, b, c, d, y)", describe(array.get()));
    EXPECT_GE(order.asked, 4);
    order = {.descending = true};
    CFArraySortValues(array.get(), CFRangeMake(0, 7), compare, &order);
    EXPECT_EQ("(z, y, d, c, b, b, a)", describe(array.get()));
    const void* first = CFArrayGetValueAtIndex(array.get(), 0);
    EXPECT_EQ(1, CFGetRetainCount(first));
    order = {};
    CFArraySortValues(array.get(), CFRangeMake(7, 0), compare, &order);
    CFArraySortValues(array.get(), CFRangeMake(3, 1), compare, &order);
    EXPECT_EQ(0, order.asked);
    EXPECT_EQ("(z, y, d, c, b, b, a)", describe(array.get()));
    EXPECT_DEATH(CFArraySortValues(array.get(), CFRangeMake(5, 3), compare, &order), "range");
}

// Facts: CFArrayAppendArray
TEST(CFArray, AppendsARangeOfAnotherOrOfItself) {
    const Owned held = number(7);
    const Owned other = letters("xy");
    CFArrayAppendValue(other.get(), held.get());
    const Owned array = letters("a");
    CFArrayAppendArray(array.get(), other.get(), CFRangeMake(1, 2));
    EXPECT_EQ("(a, y, 7)", describe(array.get()));
    EXPECT_EQ(3, CFGetRetainCount(held.get()));
    CFArrayAppendArray(array.get(), array.get(), CFRangeMake(0, 3));
    EXPECT_EQ("(a, y, 7, a, y, 7)", describe(array.get()));
    EXPECT_EQ(4, CFGetRetainCount(held.get()));
    CFArrayAppendArray(array.get(), other.get(), CFRangeMake(3, 0));
    EXPECT_EQ(6, CFArrayGetCount(array.get()));
    EXPECT_EQ("(x, y, 7)", describe(other.get()));
    CFArrayRemoveAllValues(array.get());
    EXPECT_EQ(2, CFGetRetainCount(held.get()));
    EXPECT_DEATH(CFArrayAppendArray(array.get(), other.get(), CFRangeMake(1, 3)), "range");
}

// Facts: CFDictionaryGetCountOfKey, CFDictionaryGetCountOfValue, CFDictionaryContainsValue
TEST(CFDictionary, CountsEqualKeysAndValues) {
    const Owned seven = number(7);
    const Owned equal = number(7);
    const Owned eight = number(8);
    const void* keys[] = {CFSTR("a"), CFSTR("b"), CFSTR("c")};
    const void* values[] = {seven.get(), equal.get(), CFSTR("a")};
    const Owned dictionary(CFDictionaryCreate(nullptr, keys, values, 3,
                                              &kCFTypeDictionaryKeyCallBacks,
                                              &kCFTypeDictionaryValueCallBacks));
    EXPECT_EQ(1, CFDictionaryGetCountOfKey(dictionary.get(), CFSTR("b")));
    EXPECT_EQ(0, CFDictionaryGetCountOfKey(dictionary.get(), seven.get()));
    EXPECT_EQ(2, CFDictionaryGetCountOfValue(dictionary.get(), seven.get()));
    EXPECT_EQ(1, CFDictionaryGetCountOfValue(dictionary.get(), CFSTR("a")));
    EXPECT_EQ(0, CFDictionaryGetCountOfValue(dictionary.get(), eight.get()));
    EXPECT_TRUE(CFDictionaryContainsValue(dictionary.get(), equal.get()));
    EXPECT_FALSE(CFDictionaryContainsValue(dictionary.get(), CFSTR("b")));  // a key only
    EXPECT_EQ(2, CFGetRetainCount(seven.get()));
    EXPECT_EQ(1, CFGetRetainCount(eight.get()));
}

// Facts: CFDictionaryGetCountOfKey, CFDictionaryGetCountOfValue, CFDictionaryContainsValue
TEST(CFDictionary, CountsPlainPointersAndNullAmongThem) {
    const Owned dictionary(CFDictionaryCreateMutable(nullptr, 0, nullptr, nullptr));
    EXPECT_EQ(0, CFDictionaryGetCountOfKey(dictionary.get(), nullptr));
    EXPECT_EQ(0, CFDictionaryGetCountOfValue(dictionary.get(), nullptr));
    EXPECT_FALSE(CFDictionaryContainsValue(dictionary.get(), nullptr));
    const Owned one = number(7);
    const Owned other = number(7);
    CFDictionarySetValue(dictionary.get(), nullptr, nullptr);
    CFDictionarySetValue(dictionary.get(), one.get(), nullptr);
    CFDictionarySetValue(dictionary.get(), CFSTR("a"), one.get());
    EXPECT_EQ(1, CFDictionaryGetCountOfKey(dictionary.get(), nullptr));
    EXPECT_EQ(1, CFDictionaryGetCountOfKey(dictionary.get(), one.get()));
    EXPECT_EQ(0, CFDictionaryGetCountOfKey(dictionary.get(), other.get()));
    EXPECT_EQ(2, CFDictionaryGetCountOfValue(dictionary.get(), nullptr));
    EXPECT_TRUE(CFDictionaryContainsValue(dictionary.get(), one.get()));
    EXPECT_FALSE(CFDictionaryContainsValue(dictionary.get(), other.get()));
    EXPECT_EQ(1, CFGetRetainCount(one.get()));
}

// Facts: CFSetCreateCopy, CFSetCreateMutableCopy
TEST(CFSet, CopiesHoldTheirOwnReferences) {
    const Owned held = number(7);
    const void* values[] = {held.get(), CFSTR("a")};
    const Owned set(CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks));
    for (const void* value : values) CFSetAddValue(set.get(), value);
    const Owned copy(CFSetCreateCopy(nullptr, set.get()));
    const Owned changing(CFSetCreateMutableCopy(nullptr, 0, copy.get()));
    EXPECT_TRUE(CFEqual(set.get(), copy.get()));
    EXPECT_TRUE(CFEqual(copy.get(), changing.get()));
    EXPECT_EQ(4, CFGetRetainCount(held.get()));
    CFSetRemoveAllValues(set.get());
    CFSetAddValue(changing.get(), CFSTR("b"));
    EXPECT_EQ("[]", describe(set.get()));
    EXPECT_EQ("[7, a]", describe(copy.get()));
    EXPECT_EQ("[7, a, b]", describe(changing.get()));
    EXPECT_EQ(3, CFGetRetainCount(held.get()));
    EXPECT_DEATH(CFSetAddValue(const_cast<CFMutableSetRef>(copy.get()), CFSTR("b")), "immutable");
    const Owned empty(CFSetCreateCopy(nullptr, set.get()));
    EXPECT_EQ(0, CFSetGetCount(empty.get()));
}

// Facts: CFSetGetCountOfValue, CFSetGetValue, CFSetGetValueIfPresent
TEST(CFSet, GivesOutTheMemberThatEqualsACandidate) {
    const Owned held = number(7);
    const Owned equal = number(7);
    const Owned set(CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks));
    const void* found = "untouched";
    const void* const untouched = found;
    EXPECT_EQ(0, CFSetGetCountOfValue(set.get(), equal.get()));
    EXPECT_EQ(nullptr, CFSetGetValue(set.get(), equal.get()));
    EXPECT_FALSE(CFSetGetValueIfPresent(set.get(), equal.get(), &found));
    EXPECT_EQ(untouched, found);
    CFSetAddValue(set.get(), held.get());
    CFSetAddValue(set.get(), equal.get());
    EXPECT_EQ(1, CFSetGetCountOfValue(set.get(), equal.get()));
    EXPECT_EQ(held.get(), CFSetGetValue(set.get(), equal.get()));
    EXPECT_TRUE(CFSetGetValueIfPresent(set.get(), equal.get(), &found));
    EXPECT_EQ(held.get(), found);
    EXPECT_TRUE(CFSetGetValueIfPresent(set.get(), equal.get(), nullptr));
    EXPECT_EQ(2, CFGetRetainCount(held.get()));
    EXPECT_EQ(1, CFGetRetainCount(equal.get()));
}

// Facts: CFSetGetValue, CFSetGetValueIfPresent, CFSetGetCountOfValue
TEST(CFSet, TellsNullThatIsAMemberFromNone) {
    const Owned set(CFSetCreateMutable(nullptr, 0, nullptr));
    const void* found = "untouched";
    EXPECT_FALSE(CFSetGetValueIfPresent(set.get(), nullptr, &found));
    CFSetAddValue(set.get(), nullptr);
    EXPECT_EQ(1, CFSetGetCountOfValue(set.get(), nullptr));
    EXPECT_EQ(nullptr, CFSetGetValue(set.get(), nullptr));
    EXPECT_TRUE(CFSetGetValueIfPresent(set.get(), nullptr, &found));
    EXPECT_EQ(nullptr, found);
}

// Facts: CFSetReplaceValue
TEST(CFSet, ReplacesAnEqualMemberAndAddsNone) {
    const Owned old = number(7);
    const Owned fresh = number(7);
    const Owned other = number(8);
    const Owned set(CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks));
    CFSetReplaceValue(set.get(), old.get());
    EXPECT_EQ(0, CFSetGetCount(set.get()));
    CFSetAddValue(set.get(), old.get());
    CFSetReplaceValue(set.get(), fresh.get());
    CFSetReplaceValue(set.get(), other.get());
    ASSERT_EQ(1, CFSetGetCount(set.get()));
    EXPECT_EQ(fresh.get(), CFSetGetValue(set.get(), old.get()));
    EXPECT_EQ(1, CFGetRetainCount(old.get()));
    EXPECT_EQ(2, CFGetRetainCount(fresh.get()));
    EXPECT_EQ(1, CFGetRetainCount(other.get()));
    CFSetReplaceValue(set.get(), fresh.get());  // by itself
    EXPECT_EQ(2, CFGetRetainCount(fresh.get()));
}

// Facts: CFSetRemoveValue, CFSetRemoveAllValues
TEST(CFSet, RemovesWhatEqualsAndGivesTheReferencesBack) {
    const Owned seven = number(7);
    const Owned equal = number(7);
    const Owned eight = number(8);
    const Owned set(CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks));
    CFSetAddValue(set.get(), seven.get());
    CFSetAddValue(set.get(), eight.get());
    CFSetRemoveValue(set.get(), equal.get());
    CFSetRemoveValue(set.get(), equal.get());  // no longer there
    EXPECT_EQ("[8]", describe(set.get()));
    EXPECT_EQ(1, CFGetRetainCount(seven.get()));
    EXPECT_EQ(1, CFGetRetainCount(equal.get()));
    CFSetRemoveAllValues(set.get());
    CFSetRemoveAllValues(set.get());
    EXPECT_EQ(0, CFSetGetCount(set.get()));
    EXPECT_EQ(1, CFGetRetainCount(eight.get()));
    CFSetAddValue(set.get(), seven.get());  // and can be filled again
    EXPECT_EQ("[7]", describe(set.get()));
}

// Facts: CFDataCreateCopy, CFDataCreateMutableCopy
TEST(CFData, CopiesAreSharedOnlyWhileNothingCanChange) {
    const Owned source = data_of("abc");
    const Owned copy(CFDataCreateCopy(nullptr, source.get()));
    EXPECT_NE(static_cast<CFDataRef>(source.get()), copy.get());
    const Owned shared(CFDataCreateCopy(nullptr, copy.get()));
    EXPECT_EQ(copy.get(), shared.get());
    EXPECT_EQ(2, CFGetRetainCount(copy.get()));
    const Owned changing(CFDataCreateMutableCopy(nullptr, 0, copy.get()));
    EXPECT_EQ(1, CFGetRetainCount(changing.get()));
    CFDataGetMutableBytePtr(changing.get())[0] = 'x';
    CFDataGetMutableBytePtr(source.get())[2] = 'z';
    EXPECT_EQ("abz", text_of(source.get()));
    EXPECT_EQ("abc", text_of(copy.get()));
    EXPECT_EQ("xbc", text_of(changing.get()));
    EXPECT_DEATH(CFDataSetLength(const_cast<CFMutableDataRef>(copy.get()), 1), "immutable");
    const Owned nothing = data_of("");
    const Owned copied(CFDataCreateCopy(nullptr, nothing.get()));
    const Owned copied_again(CFDataCreateMutableCopy(nullptr, 0, copied.get()));
    EXPECT_EQ(0, CFDataGetLength(copied.get()));
    CFDataIncreaseLength(copied_again.get(), 1);
    EXPECT_EQ(1, CFDataGetLength(copied_again.get()));
}

// Facts: CFDataSetLength, CFDataIncreaseLength
TEST(CFData, GrowsByZeroesAndForgetsWhatItIsCutBy) {
    using std::string_literals::operator""s;
    const Owned data = data_of("abc");
    CFDataSetLength(data.get(), 5);
    EXPECT_EQ("abc\0\0"s, text_of(data.get()));
    CFDataSetLength(data.get(), 2);
    CFDataIncreaseLength(data.get(), 2);
    EXPECT_EQ("ab\0\0"s, text_of(data.get()));
    CFDataIncreaseLength(data.get(), 0);
    EXPECT_EQ(4, CFDataGetLength(data.get()));
    CFDataSetLength(data.get(), 0);
    EXPECT_EQ(0, CFDataGetLength(data.get()));
    CFDataIncreaseLength(data.get(), 1);
    EXPECT_EQ("\0"s, text_of(data.get()));
    EXPECT_DEATH(CFDataSetLength(data.get(), -1), "CFDataSetLength: length is negative");
    EXPECT_DEATH(CFDataIncreaseLength(data.get(), kHuge), "CFDataIncreaseLength: ");
    EXPECT_DEATH(CFDataIncreaseLength(data.get(), -1), "CFDataIncreaseLength: ");
}

// Facts: CFDataReplaceBytes, CFDataDeleteBytes
TEST(CFData, ReplacesAndDeletesRanges) {
    const auto* bytes = reinterpret_cast<const UInt8*>("12345");
    const Owned data = data_of("abcdef");
    CFDataReplaceBytes(data.get(), CFRangeMake(1, 2), bytes, 3);
    EXPECT_EQ("a123def", text_of(data.get()));
    CFDataReplaceBytes(data.get(), CFRangeMake(1, 3), bytes, 1);
    EXPECT_EQ("a1def", text_of(data.get()));
    CFDataReplaceBytes(data.get(), CFRangeMake(5, 0), bytes + 3, 2);  // at the end
    EXPECT_EQ("a1def45", text_of(data.get()));
    CFDataReplaceBytes(data.get(), CFRangeMake(0, 1), nullptr, 0);
    EXPECT_EQ("1def45", text_of(data.get()));
    CFDataReplaceBytes(data.get(), CFRangeMake(0, 1), CFDataGetBytePtr(data.get()),
                       6);  // of itself
    EXPECT_EQ("1def45def45", text_of(data.get()));
    CFDataDeleteBytes(data.get(), CFRangeMake(1, 5));
    EXPECT_EQ("1def45", text_of(data.get()));
    CFDataDeleteBytes(data.get(), CFRangeMake(6, 0));
    EXPECT_EQ("1def45", text_of(data.get()));
    EXPECT_DEATH(CFDataReplaceBytes(data.get(), CFRangeMake(7, 0), bytes, 1), "range is out of");
    EXPECT_DEATH(CFDataReplaceBytes(data.get(), CFRangeMake(0, 1), nullptr, 1), "bad bytes");
    EXPECT_DEATH(CFDataDeleteBytes(data.get(), CFRangeMake(1, kHuge)), "range is out of");
    CFDataDeleteBytes(data.get(), CFRangeMake(0, 6));
    EXPECT_EQ(0, CFDataGetLength(data.get()));
}

// Facts: CFUUIDGetTypeID, CFUUIDCreateWithBytes
TEST(CFUUID, IsMadeOfSixteenBytesInTheirOrder) {
    const Owned uuid(
        CFUUIDCreateWithBytes(nullptr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff));
    EXPECT_EQ(CFUUIDGetTypeID(), CFGetTypeID(uuid.get()));
    EXPECT_NE(CFUUIDGetTypeID(), CFDataGetTypeID());
    EXPECT_EQ(1, CFGetRetainCount(uuid.get()));
    const CFUUIDBytes bytes = CFUUIDGetUUIDBytes(uuid.get());
    EXPECT_EQ(0, bytes.byte0);
    EXPECT_EQ(9, bytes.byte9);
    EXPECT_EQ(0xff, bytes.byte15);
    const Owned text(CFUUIDCreateString(nullptr, uuid.get()));
    EXPECT_EQ("00010203-0405-0607-0809-0A0B0C0D0EFF", describe(text.get()));
    const Owned read(CFUUIDCreateFromString(nullptr, text.get()));
    EXPECT_TRUE(CFEqual(uuid.get(), read.get()));
    const Owned other(
        CFUUIDCreateWithBytes(nullptr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    EXPECT_FALSE(CFEqual(uuid.get(), other.get()));
}

// Facts: CFNullGetTypeID
TEST(CFNull, IsOneObjectOfItsOwnType) {
    EXPECT_EQ(CFNullGetTypeID(), CFGetTypeID(kCFNull));
    EXPECT_NE(CFNullGetTypeID(), CFBooleanGetTypeID());
    const Owned name(CFCopyTypeIDDescription(CFNullGetTypeID()));
    EXPECT_EQ("CFNull", describe(name.get()));
    const void* values[] = {kCFNull};
    const Owned array(CFArrayCreate(nullptr, values, 1, &kCFTypeArrayCallBacks));
    EXPECT_EQ("(<null>)", describe(array.get()));
}

CFIndex in_pages(CFIndex size, CFOptionFlags hint, void* info) {
    *static_cast<CFOptionFlags*>(info) = hint;
    return (size + 4095) / 4096 * 4096;
}

CFIndex too_little(CFIndex, CFOptionFlags, void*) {
    return 1;
}

// Facts: CFAllocatorGetTypeID, CFAllocatorGetPreferredSizeForSize
TEST(CFAllocator, TellsTheSizeItWouldRatherGive) {
    CFOptionFlags hint = 0;
    CFAllocatorContext context{};
    context.info = &hint;
    context.preferredSize = in_pages;
    const Owned pages(CFAllocatorCreate(nullptr, &context));
    EXPECT_EQ(CFAllocatorGetTypeID(), CFGetTypeID(pages.get()));
    EXPECT_EQ(CFAllocatorGetTypeID(), CFGetTypeID(kCFAllocatorSystemDefault));
    EXPECT_EQ(4096, CFAllocatorGetPreferredSizeForSize(pages.get(), 1, 3));
    EXPECT_EQ(3U, hint);
    EXPECT_EQ(8192, CFAllocatorGetPreferredSizeForSize(pages.get(), 4097, 5));
    EXPECT_EQ(0, CFAllocatorGetPreferredSizeForSize(pages.get(), 0, 7));
    EXPECT_EQ(0, CFAllocatorGetPreferredSizeForSize(pages.get(), -1, 7));
    EXPECT_EQ(5U, hint);  // not asked about nothing
    context.preferredSize = too_little;
    const Owned miser(CFAllocatorCreate(nullptr, &context));
    EXPECT_EQ(100, CFAllocatorGetPreferredSizeForSize(miser.get(), 100, 0));
    EXPECT_GE(CFAllocatorGetPreferredSizeForSize(nullptr, 100, 0), 100);
    EXPECT_EQ(100, CFAllocatorGetPreferredSizeForSize(kCFAllocatorNull, 100, 0));
}

// Facts: CFGetAllocator
TEST(CFType, NamesTheAllocatorThatItsMemoryIsFrom) {
    const Owned data = data_of("abc");
    CFAllocatorRef allocator = CFGetAllocator(data.get());
    ASSERT_EQ(CFAllocatorGetTypeID(), CFGetTypeID(allocator));
    EXPECT_EQ(kCFAllocatorSystemDefault, allocator);
    EXPECT_EQ(allocator, CFGetAllocator(kCFNull));
    EXPECT_EQ(1, CFGetRetainCount(data.get()));
    void* memory = CFAllocatorAllocate(allocator, 16, 0);  // usable for more of the kind
    EXPECT_NE(nullptr, memory);
    CFAllocatorDeallocate(allocator, memory);
}

}  // namespace
