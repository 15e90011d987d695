// SPDX-License-Identifier: Apache-2.0
// What changes mutable strings, and the rarer ways to make and read strings.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/string_compare.h"

using namespace opendext::cf;

namespace {

String& mutable_string(CFMutableStringRef ref, const char* function) {
    return to_mutable<String>(ref, function);
}

void set_units(String& string, std::u16string_view units) {
    string.set_text(to_utf8(units));
}

/// Puts `units` in the place of a range.
void replace(CFMutableStringRef ref, CFRange range, std::u16string_view units,
             const char* function) {
    String& string = mutable_string(ref, function);
    (void)units_in(string, range, function);  // checks the range
    std::u16string text = string.units();
    text.replace(static_cast<size_t>(range.location), static_cast<size_t>(range.length), units);
    set_units(string, text);
}

template <typename Map>
void map_units(CFMutableStringRef ref, Map map, const char* function) {
    String& string = mutable_string(ref, function);
    std::u16string text = string.units();
    for (char16_t& unit : text) unit = map(unit);
    set_units(string, text);
}

}  // namespace

CFStringRef CFStringCreateWithBytesNoCopy(CFAllocatorRef alloc, const UInt8* bytes,
                                          CFIndex numBytes, CFStringEncoding encoding,
                                          Boolean isExternalRepresentation,
                                          CFAllocatorRef contentsDeallocator) {
    CFStringRef string =
        CFStringCreateWithBytes(alloc, bytes, numBytes, encoding, isExternalRepresentation);
    if (string != nullptr) CFAllocatorDeallocate(contentsDeallocator, const_cast<UInt8*>(bytes));
    return string;
}

CFStringRef CFStringCreateWithCharactersNoCopy(CFAllocatorRef alloc, const UniChar* chars,
                                               CFIndex numChars,
                                               CFAllocatorRef contentsDeallocator) {
    CFStringRef string = CFStringCreateWithCharacters(alloc, chars, numChars);
    if (string != nullptr) CFAllocatorDeallocate(contentsDeallocator, const_cast<UniChar*>(chars));
    return string;
}

CFStringRef CFStringCreateWithPascalString(CFAllocatorRef alloc, ConstStr255Param pStr,
                                           CFStringEncoding encoding) {
    return CFStringCreateWithBytes(alloc, pStr + 1, pStr[0], encoding, FALSE);
}

CFStringRef CFStringCreateWithPascalStringNoCopy(CFAllocatorRef alloc, ConstStr255Param pStr,
                                                 CFStringEncoding encoding,
                                                 CFAllocatorRef contentsDeallocator) {
    CFStringRef string = CFStringCreateWithPascalString(alloc, pStr, encoding);
    if (string != nullptr)
        CFAllocatorDeallocate(contentsDeallocator, const_cast<unsigned char*>(pStr));
    return string;
}

Boolean CFStringGetPascalString(CFStringRef theString, StringPtr buffer, CFIndex bufferSize,
                                CFStringEncoding encoding) {
    const auto& string = to<String>(theString, "CFStringGetPascalString");
    const std::optional<std::string> bytes = encode(string.units(), encoding, 0);
    if (!bytes || bytes->size() > 255 || static_cast<CFIndex>(bytes->size()) + 1 > bufferSize)
        return FALSE;
    buffer[0] = static_cast<unsigned char>(bytes->size());
    std::memcpy(buffer + 1, bytes->data(), bytes->size());
    return TRUE;
}

ConstStringPtr CFStringGetPascalStringPtr(CFStringRef theString, CFStringEncoding) {
    (void)to<String>(theString, "CFStringGetPascalStringPtr");
    return nullptr;
}

const UniChar* CFStringGetCharactersPtr(CFStringRef theString) {
    return to<String>(theString, "CFStringGetCharactersPtr").kept_units();
}

void CFShowStr(CFStringRef str) {
    const auto& string = to<String>(str, "CFShowStr");
    std::fprintf(stderr, "%s %p: %ld units, %s, %s: %s\n", name_of(string.type()),
                 static_cast<const void*>(str), string.length(),
                 string.is_mutable ? "mutable" : "immutable", string.ascii() ? "ASCII" : "Unicode",
                 string.text().c_str());
}

void CFStringAppendCharacters(CFMutableStringRef theString, const UniChar* chars,
                              CFIndex numChars) {
    if (numChars < 0) misuse("CFStringAppendCharacters", "the number is negative");
    String& string = mutable_string(theString, "CFStringAppendCharacters");
    set_units(string, string.units() + std::u16string(chars, chars + numChars));
}

void CFStringAppendPascalString(CFMutableStringRef theString, ConstStr255Param pStr,
                                CFStringEncoding encoding) {
    const Owned added(CFStringCreateWithPascalString(nullptr, pStr, encoding));
    if (added) CFStringAppend(theString, added.get());
}

void CFStringInsert(CFMutableStringRef str, CFIndex idx, CFStringRef insertedStr) {
    replace(str, CFRangeMake(idx, 0), to<String>(insertedStr, "CFStringInsert").units(),
            "CFStringInsert");
}

void CFStringDelete(CFMutableStringRef theString, CFRange range) {
    replace(theString, range, {}, "CFStringDelete");
}

void CFStringReplace(CFMutableStringRef theString, CFRange range, CFStringRef replacement) {
    replace(theString, range, to<String>(replacement, "CFStringReplace").units(),
            "CFStringReplace");
}

void CFStringReplaceAll(CFMutableStringRef theString, CFStringRef replacement) {
    mutable_string(theString, "CFStringReplaceAll")
        .set_text(std::string(to<String>(replacement, "CFStringReplaceAll").text()));
}

CFIndex CFStringFindAndReplace(CFMutableStringRef theString, CFStringRef stringToFind,
                               CFStringRef replacementString, CFRange rangeToSearch,
                               CFStringCompareFlags compareOptions) {
    constexpr const char* kFunction = "CFStringFindAndReplace";
    String& string = mutable_string(theString, kFunction);
    const std::u16string range = units_in(string, rangeToSearch, kFunction);
    const std::u16string wanted = to<String>(stringToFind, kFunction).units();
    const std::u16string replacement = to<String>(replacementString, kFunction).units();
    const bool backwards = (compareOptions & kCFCompareBackwards) != 0;
    std::u16string_view rest = range;
    std::u16string done;  // of the part that has been gone over
    CFIndex count = 0;
    while (const std::optional<size_t> at = find(rest, wanted, compareOptions)) {
        if (backwards) {
            done = replacement + std::u16string(rest.substr(*at + wanted.size())) + done;
            rest = rest.substr(0, *at);
        } else {
            done += std::u16string(rest.substr(0, *at)) + replacement;
            rest = rest.substr(*at + wanted.size());
        }
        ++count;
    }
    if (count > 0) {
        const std::u16string left(rest);
        replace(theString, rangeToSearch, backwards ? left + done : done + left, kFunction);
    }
    return count;
}

void CFStringPad(CFMutableStringRef theString, CFStringRef padString, CFIndex length,
                 CFIndex indexIntoPad) {
    String& string = mutable_string(theString, "CFStringPad");
    if (length < 0) misuse("CFStringPad", "the length is negative");
    std::u16string text = string.units();
    const auto wanted = static_cast<size_t>(length);
    if (text.size() >= wanted) {
        text.resize(wanted);
    } else {
        const std::u16string pad = to<String>(padString, "CFStringPad").units();
        if (indexIntoPad < 0 || static_cast<size_t>(indexIntoPad) >= pad.size())
            misuse("CFStringPad", "the index is not in the padding");
        for (auto at = static_cast<size_t>(indexIntoPad); text.size() < wanted; ++at)
            text += pad[at % pad.size()];
    }
    set_units(string, text);
}

void CFStringTrim(CFMutableStringRef theString, CFStringRef trimString) {
    String& string = mutable_string(theString, "CFStringTrim");
    const std::string& trim = to<String>(trimString, "CFStringTrim").text();
    if (trim.empty()) return;
    std::string_view text = string.text();
    while (text.starts_with(trim)) text.remove_prefix(trim.size());
    while (text.ends_with(trim)) text.remove_suffix(trim.size());
    string.set_text(std::string(text));
}

void CFStringTrimWhitespace(CFMutableStringRef theString) {
    String& string = mutable_string(theString, "CFStringTrimWhitespace");
    const std::u16string units = string.units();
    const auto begin = std::find_if_not(units.begin(), units.end(), is_white);
    const auto end = std::find_if_not(units.rbegin(), units.rend(), is_white).base();
    set_units(string, begin < end ? std::u16string(begin, end) : std::u16string());
}

void CFStringLowercase(CFMutableStringRef theString, CFLocaleRef) {
    map_units(theString, to_lower, "CFStringLowercase");
}

void CFStringUppercase(CFMutableStringRef theString, CFLocaleRef) {
    map_units(theString, to_upper, "CFStringUppercase");
}

void CFStringCapitalize(CFMutableStringRef theString, CFLocaleRef) {
    bool inside = false;
    map_units(
        theString,
        [&](char16_t unit) {
            const char16_t result = inside ? to_lower(unit) : to_upper(unit);
            inside = is_letter(unit) || unit == '\'';
            return result;
        },
        "CFStringCapitalize");
}
