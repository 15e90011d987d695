// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/string_compare.h"

#include <clocale>
#include <cwctype>
#include <vector>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

/// Knows all of Unicode whatever the program's locale is. Never freed: used until the program ends.
locale_t unicode() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
}

char16_t mapped(char16_t unit, wint_t (*map)(wint_t, locale_t)) {
    if (unicode() == nullptr) return unit;
    const wint_t result = map(unit, unicode());
    return result <= 0xffff ? static_cast<char16_t>(result) : unit;
}

bool is_digit(char16_t c) {
    return c >= '0' && c <= '9';
}

/// A number within the text; used for comparing "port10" after "port9".
int compare_numbers(std::u16string_view a, size_t& i, std::u16string_view b, size_t& j) {
    const auto run = [](std::u16string_view text, size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const size_t begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(begin, at - begin);
    };
    const std::u16string_view left = run(a, i);
    const std::u16string_view right = run(b, j);
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    return left.compare(right);
}

int compare_units(std::u16string_view a, std::u16string_view b, bool numerically,
                  bool without_case) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (numerically && is_digit(a[i]) && is_digit(b[j])) {
            if (const int order = compare_numbers(a, i, b, j); order != 0) return order;
            continue;
        }
        const char16_t left = without_case ? to_lower(a[i]) : a[i];
        const char16_t right = without_case ? to_lower(b[j]) : b[j];
        if (left != right) return left < right ? -1 : 1;
        ++i, ++j;
    }
    return static_cast<int>(i < a.size()) - static_cast<int>(j < b.size());
}

}  // namespace

char16_t to_lower(char16_t unit) {
    if (unit < 0x80) return unit >= 'A' && unit <= 'Z' ? static_cast<char16_t>(unit + 32) : unit;
    return mapped(unit, ::towlower_l);
}

char16_t to_upper(char16_t unit) {
    if (unit < 0x80) return unit >= 'a' && unit <= 'z' ? static_cast<char16_t>(unit - 32) : unit;
    return mapped(unit, ::towupper_l);
}

bool is_letter(char16_t unit) {
    return unicode() != nullptr && ::iswalpha_l(unit, unicode()) != 0;
}

bool is_white(char16_t unit) {
    return unit == ' ' || (unit >= 9 && unit <= 13) || unit == 0x85 || unit == 0xa0 ||
           unit == 0x1680 || (unit >= 0x2000 && unit <= 0x200b) || unit == 0x2028 ||
           unit == 0x2029 || unit == 0x202f || unit == 0x205f || unit == 0x3000;
}

int compare(std::u16string_view a, std::u16string_view b, CFStringCompareFlags options) {
    const bool numerically = (options & kCFCompareNumerically) != 0;
    const bool without_case = (options & kCFCompareCaseInsensitive) != 0;
    const int order = compare_units(a, b, numerically, without_case);
    if (order != 0 || (options & kCFCompareForcedOrdering) == 0) return order;
    return compare_units(a, b, false, false);
}

std::optional<size_t> find(std::u16string_view text, std::u16string_view wanted,
                           CFStringCompareFlags options) {
    if (wanted.empty() || wanted.size() > text.size()) return std::nullopt;
    const size_t last = text.size() - wanted.size();
    const bool backwards = (options & kCFCompareBackwards) != 0;
    const bool without_case = (options & kCFCompareCaseInsensitive) != 0;
    for (size_t n = 0; n <= last; ++n) {
        const size_t at = backwards ? last - n : n;
        if (compare_units(text.substr(at, wanted.size()), wanted, false, without_case) == 0)
            return at;
        if ((options & kCFCompareAnchored) != 0) break;
    }
    return std::nullopt;
}

namespace {

std::optional<CFRange> find_in(CFStringRef string, CFStringRef wanted, CFRange range,
                               CFStringCompareFlags options, const char* function) {
    const std::u16string text = units_in(to<String>(string, function), range, function);
    const std::u16string units = to<String>(wanted, function).units();
    const std::optional<size_t> at = cf::find(text, units, options);
    if (!at) return std::nullopt;
    return CFRangeMake(range.location + static_cast<CFIndex>(*at),
                       static_cast<CFIndex>(units.size()));
}

/// Sets what begins and ends the lines of a range; `is_end` says what ends one.
template <typename IsEnd>
void bounds(CFStringRef ref, CFRange range, CFIndex* begin, CFIndex* end, CFIndex* contents,
            IsEnd is_end, const char* function) {
    const auto& string = to<String>(ref, function);
    (void)units_in(string, range, function);  // checks the range
    const std::u16string units = string.units();
    const auto ends_at = [&](size_t at) {  // units of the end that begins there
        if (!is_end(units[at])) return size_t{0};
        return units[at] == '\r' && at + 1 < units.size() && units[at + 1] == '\n' ? size_t{2}
                                                                                   : size_t{1};
    };
    auto first = static_cast<size_t>(range.location);
    while (first > 0 &&
           !(is_end(units[first - 1]) &&
             !(units[first - 1] == '\r' && first < units.size() && units[first] == '\n'))) {
        --first;
    }
    auto last = static_cast<size_t>(range.location + (range.length > 0 ? range.length - 1 : 0));
    while (last < units.size() && ends_at(last) == 0) ++last;
    if (last < units.size() && last > 0 && units[last] == '\n' && units[last - 1] == '\r') --last;
    const size_t stop = last < units.size() ? last + ends_at(last) : last;
    if (begin != nullptr) *begin = static_cast<CFIndex>(first);
    if (end != nullptr) *end = static_cast<CFIndex>(stop);
    if (contents != nullptr) *contents = static_cast<CFIndex>(last);
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

CFComparisonResult CFStringCompare(CFStringRef theString1, CFStringRef theString2,
                                   CFStringCompareFlags compareOptions) {
    const CFIndex length = to<String>(theString1, "CFStringCompare").length();
    return CFStringCompareWithOptions(theString1, theString2, CFRangeMake(0, length),
                                      compareOptions);
}

CFComparisonResult CFStringCompareWithOptions(CFStringRef theString1, CFStringRef theString2,
                                              CFRange rangeToCompare,
                                              CFStringCompareFlags compareOptions) {
    const int order =
        compare(units_in(to<String>(theString1, "CFStringCompareWithOptions"), rangeToCompare,
                         "CFStringCompareWithOptions"),
                to<String>(theString2, "CFStringCompareWithOptions").units(), compareOptions);
    return order < 0 ? kCFCompareLessThan : order > 0 ? kCFCompareGreaterThan : kCFCompareEqualTo;
}

CFComparisonResult CFStringCompareWithOptionsAndLocale(CFStringRef theString1,
                                                       CFStringRef theString2,
                                                       CFRange rangeToCompare,
                                                       CFStringCompareFlags compareOptions,
                                                       CFLocaleRef) {
    return CFStringCompareWithOptions(theString1, theString2, rangeToCompare, compareOptions);
}

CFRange CFStringFind(CFStringRef theString, CFStringRef stringToFind,
                     CFStringCompareFlags compareOptions) {
    const CFIndex length = to<String>(theString, "CFStringFind").length();
    return find_in(theString, stringToFind, CFRangeMake(0, length), compareOptions, "CFStringFind")
        .value_or(CFRangeMake(kCFNotFound, 0));
}

Boolean CFStringFindWithOptions(CFStringRef theString, CFStringRef stringToFind,
                                CFRange rangeToSearch, CFStringCompareFlags searchOptions,
                                CFRange* result) {
    const std::optional<CFRange> found =
        find_in(theString, stringToFind, rangeToSearch, searchOptions, "CFStringFindWithOptions");
    if (found && result != nullptr) *result = *found;
    return found.has_value();
}

Boolean CFStringFindWithOptionsAndLocale(CFStringRef theString, CFStringRef stringToFind,
                                         CFRange rangeToSearch, CFStringCompareFlags searchOptions,
                                         CFLocaleRef, CFRange* result) {
    return CFStringFindWithOptions(theString, stringToFind, rangeToSearch, searchOptions, result);
}

CFArrayRef CFStringCreateArrayWithFindResults(CFAllocatorRef, CFStringRef theString,
                                              CFStringRef stringToFind, CFRange rangeToSearch,
                                              CFStringCompareFlags compareOptions) {
    constexpr const char* kFunction = "CFStringCreateArrayWithFindResults";
    const bool backwards = (compareOptions & kCFCompareBackwards) != 0;
    std::vector<CFRange> found;
    while (const std::optional<CFRange> next =
               find_in(theString, stringToFind, rangeToSearch, compareOptions, kFunction)) {
        found.push_back(*next);
        const CFIndex end = rangeToSearch.location + rangeToSearch.length;
        if (!backwards) rangeToSearch.location = next->location + next->length;
        rangeToSearch.length = (backwards ? next->location : end) - rangeToSearch.location;
    }
    if (found.empty()) return nullptr;
    // The ranges live in the array, which frees them.
    CFArrayCallBacks callbacks{};
    callbacks.retain = [](CFAllocatorRef, const void* range) -> const void* {
        return new CFRange(*static_cast<const CFRange*>(range));
    };
    callbacks.release = [](CFAllocatorRef, const void* range) {
        delete static_cast<const CFRange*>(range);
    };
    callbacks.equal = [](const void* a, const void* b) -> Boolean {
        const auto* left = static_cast<const CFRange*>(a);
        const auto* right = static_cast<const CFRange*>(b);
        return left->location == right->location && left->length == right->length;
    };
    std::vector<const void*> places;
    for (const CFRange& range : found) places.push_back(&range);
    return CFArrayCreate(nullptr, places.data(), static_cast<CFIndex>(places.size()), &callbacks);
}

void CFStringGetLineBounds(CFStringRef theString, CFRange range, CFIndex* lineBeginIndex,
                           CFIndex* lineEndIndex, CFIndex* contentsEndIndex) {
    bounds(
        theString, range, lineBeginIndex, lineEndIndex, contentsEndIndex,
        [](char16_t unit) {
            return unit == '\n' || unit == '\r' || unit == 0x85 || unit == 0x2028 || unit == 0x2029;
        },
        "CFStringGetLineBounds");
}

void CFStringGetParagraphBounds(CFStringRef string, CFRange range, CFIndex* parBeginIndex,
                                CFIndex* parEndIndex, CFIndex* contentsEndIndex) {
    bounds(
        string, range, parBeginIndex, parEndIndex, contentsEndIndex,
        [](char16_t unit) { return unit == '\n' || unit == '\r' || unit == 0x2029; },
        "CFStringGetParagraphBounds");
}
