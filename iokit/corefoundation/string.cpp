// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/string.h"

#include <locale.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/format.h"

namespace opendext::cf {

String::String(std::string text, bool is_mutable, Lifetime lifetime)
    : Object(kType, lifetime), is_mutable(is_mutable) {
    set_text(std::move(text));
}

void String::set_text(std::string text) {
    text_ = std::move(text);
    ascii_ = std::all_of(text_.begin(), text_.end(), [](unsigned char c) { return c < 0x80; });
    units_ = ascii_ ? std::u16string() : to_utf16(text_);
}

std::u16string String::units() const {
    return ascii_ ? std::u16string(text_.begin(), text_.end()) : units_;
}

CFIndex String::length() const {
    return static_cast<CFIndex>(ascii_ ? text_.size() : units_.size());
}

CFStringRef new_string(std::string_view text) {
    std::string valid(text);
    if (!is_utf8(text)) valid = *decode(text, kCFStringEncodingISOLatin1);
    return to_ref<CFStringRef>(new String(std::move(valid)));
}

std::string_view text_of(CFTypeRef ref) {
    if (ref == nullptr || to_object(ref)->type() != Type::string) return {};
    return static_cast<const String*>(to_object(ref))->text();
}

namespace {

CFStringRef decoded(std::string_view bytes, CFStringEncoding encoding) {
    std::optional<std::string> text = decode(bytes, encoding);
    return text ? to_ref<CFStringRef>(new String(std::move(*text))) : nullptr;
}

}  // namespace

std::u16string units_in(const String& string, CFRange range, const char* function) {
    const CFIndex length = string.length();
    if (range.location < 0 || range.length < 0 || range.location > length ||
        range.length > length - range.location) {
        misuse(function, "range is out of the string");
    }
    return string.units().substr(static_cast<size_t>(range.location),
                                 static_cast<size_t>(range.length));
}

}  // namespace opendext::cf

using namespace opendext::cf;

CFStringRef __CFStringMakeConstantString(const char* cStr) {
    // Never destroyed: constant strings outlive every static object that uses them.
    static auto& mutex = *new std::mutex;
    static auto& strings = *new std::unordered_map<std::string_view, std::unique_ptr<String>>;
    const std::lock_guard lock(mutex);
    const auto found = strings.find(cStr);
    if (found != strings.end()) return to_ref<CFStringRef>(found->second.get());
    std::string text = cStr;
    if (!is_utf8(text)) misuse("CFSTR", "the literal is not UTF-8");
    auto string = std::make_unique<String>(std::move(text), false, Object::Lifetime::immortal);
    const String* made = string.get();
    strings.emplace(made->text(), std::move(string));
    return to_ref<CFStringRef>(made);
}

CFTypeID CFStringGetTypeID(void) {
    return static_cast<CFTypeID>(Type::string);
}

CFStringRef CFStringCreateWithCString(CFAllocatorRef, const char* cStr, CFStringEncoding encoding) {
    return cStr == nullptr ? nullptr : decoded(cStr, encoding);
}

CFStringRef CFStringCreateWithBytes(CFAllocatorRef, const UInt8* bytes, CFIndex numBytes,
                                    CFStringEncoding encoding, Boolean) {
    if (numBytes < 0) return nullptr;
    return decoded({reinterpret_cast<const char*>(bytes), static_cast<size_t>(numBytes)}, encoding);
}

CFStringRef CFStringCreateWithCharacters(CFAllocatorRef, const UniChar* chars, CFIndex numChars) {
    if (numChars < 0) return nullptr;
    const std::u16string units(chars, chars + numChars);
    return to_ref<CFStringRef>(new String(to_utf8(units)));
}

CFStringRef CFStringCreateWithCStringNoCopy(CFAllocatorRef alloc, const char* cStr,
                                            CFStringEncoding encoding,
                                            CFAllocatorRef contentsDeallocator) {
    CFStringRef string = CFStringCreateWithCString(alloc, cStr, encoding);
    // Copied after all; what is given is ours to free, if it made a string.
    if (string != nullptr) CFAllocatorDeallocate(contentsDeallocator, const_cast<char*>(cStr));
    return string;
}

CFStringRef CFStringCreateWithSubstring(CFAllocatorRef, CFStringRef str, CFRange range) {
    const auto& string = to<String>(str, "CFStringCreateWithSubstring");
    return to_ref<CFStringRef>(
        new String(to_utf8(units_in(string, range, "CFStringCreateWithSubstring"))));
}

CFStringRef CFStringCreateCopy(CFAllocatorRef, CFStringRef theString) {
    const auto& string = to<String>(theString, "CFStringCreateCopy");
    if (string.is_mutable) return to_ref<CFStringRef>(new String(string.text()));
    string.retain();
    return theString;
}

CFMutableStringRef CFStringCreateMutable(CFAllocatorRef, CFIndex) {
    return to_ref<CFMutableStringRef>(new String("", true));
}

CFMutableStringRef CFStringCreateMutableCopy(CFAllocatorRef, CFIndex, CFStringRef theString) {
    return to_ref<CFMutableStringRef>(
        new String(to<String>(theString, "CFStringCreateMutableCopy").text(), true));
}

CFStringRef CFStringCreateWithFormat(CFAllocatorRef alloc, CFDictionaryRef formatOptions,
                                     CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CFStringRef string =
        CFStringCreateWithFormatAndArguments(alloc, formatOptions, format, arguments);
    va_end(arguments);
    return string;
}

CFStringRef CFStringCreateWithFormatAndArguments(CFAllocatorRef, CFDictionaryRef,
                                                 CFStringRef format, va_list arguments) {
    return new_string(
        opendext::cf::format(to<String>(format, "CFStringCreateWithFormat").text(), arguments));
}

void CFStringAppendFormat(CFMutableStringRef theString, CFDictionaryRef formatOptions,
                          CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CFStringAppendFormatAndArguments(theString, formatOptions, format, arguments);
    va_end(arguments);
}

void CFStringAppendFormatAndArguments(CFMutableStringRef theString, CFDictionaryRef formatOptions,
                                      CFStringRef format, va_list arguments) {
    CFStringRef added =
        CFStringCreateWithFormatAndArguments(nullptr, formatOptions, format, arguments);
    CFStringAppend(theString, added);
    CFRelease(added);
}

CFIndex CFStringGetLength(CFStringRef theString) {
    return to<String>(theString, "CFStringGetLength").length();
}

void CFStringGetCharacters(CFStringRef theString, CFRange range, UniChar* buffer) {
    const std::u16string units =
        units_in(to<String>(theString, "CFStringGetCharacters"), range, "CFStringGetCharacters");
    std::copy(units.begin(), units.end(), buffer);
}

UniChar CFStringGetCharacterAtIndex(CFStringRef theString, CFIndex idx) {
    UniChar unit = 0;
    CFStringGetCharacters(theString, CFRangeMake(idx, 1), &unit);
    return unit;
}

Boolean CFStringGetCString(CFStringRef theString, char* buffer, CFIndex bufferSize,
                           CFStringEncoding encoding) {
    if (buffer == nullptr || bufferSize <= 0) return FALSE;
    const auto& string = to<String>(theString, "CFStringGetCString");
    const std::optional<std::string> bytes = encode(string.units(), encoding, 0);
    if (!bytes || bytes->size() + 1 > static_cast<size_t>(bufferSize)) return FALSE;
    std::memcpy(buffer, bytes->c_str(), bytes->size() + 1);
    return TRUE;
}

const char* CFStringGetCStringPtr(CFStringRef theString, CFStringEncoding encoding) {
    const auto& string = to<String>(theString, "CFStringGetCStringPtr");
    if (string.text().find('\0') != std::string::npos) return nullptr;
    const bool narrow = encoding == kCFStringEncodingASCII ||
                        encoding == kCFStringEncodingMacRoman ||
                        encoding == kCFStringEncodingISOLatin1;
    return encoding == kCFStringEncodingUTF8 || (narrow && string.ascii()) ? string.text().c_str()
                                                                           : nullptr;
}

CFIndex CFStringGetBytes(CFStringRef theString, CFRange range, CFStringEncoding encoding,
                         UInt8 lossByte, Boolean, UInt8* buffer, CFIndex maxBufLen,
                         CFIndex* usedBufLen) {
    const std::u16string units =
        units_in(to<String>(theString, "CFStringGetBytes"), range, "CFStringGetBytes");
    // Unit by unit (surrogate pairs together), so that what does not fit or convert ends it at a
    // whole character.
    size_t used = 0;
    size_t done = 0;
    while (done < units.size()) {
        const size_t step = (units[done] & 0xfc00) == 0xd800 && done + 1 < units.size() ? 2 : 1;
        const std::optional<std::string> bytes =
            encode(units.substr(done, step), encoding, static_cast<char>(lossByte));
        if (!bytes) break;
        if (buffer != nullptr) {
            if (used + bytes->size() > static_cast<size_t>(std::max<CFIndex>(maxBufLen, 0))) break;
            std::memcpy(buffer + used, bytes->data(), bytes->size());
        }
        used += bytes->size();
        done += step;
    }
    if (usedBufLen != nullptr) *usedBufLen = static_cast<CFIndex>(used);
    return static_cast<CFIndex>(done);
}

CFStringRef CFStringCreateFromExternalRepresentation(CFAllocatorRef, CFDataRef data,
                                                     CFStringEncoding encoding) {
    const std::vector<UInt8>& bytes =
        to<Data>(data, "CFStringCreateFromExternalRepresentation").bytes;
    return decoded({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, encoding);
}

CFDataRef CFStringCreateExternalRepresentation(CFAllocatorRef, CFStringRef theString,
                                               CFStringEncoding encoding, UInt8 lossByte) {
    const auto& string = to<String>(theString, "CFStringCreateExternalRepresentation");
    const std::optional<std::string> bytes =
        encode(string.units(), encoding, static_cast<char>(lossByte));
    return bytes ? CFDataCreate(nullptr, reinterpret_cast<const UInt8*>(bytes->data()),
                                static_cast<CFIndex>(bytes->size()))
                 : nullptr;
}

CFStringEncoding CFStringGetSystemEncoding(void) {
    return kCFStringEncodingUTF8;
}

CFIndex CFStringGetMaximumSizeForEncoding(CFIndex length, CFStringEncoding encoding) {
    switch (encoding) {
        case kCFStringEncodingUTF8:
            return length * 3;
        case kCFStringEncodingUTF16:
        case kCFStringEncodingUTF16BE:
        case kCFStringEncodingUTF16LE:
            return length * 2;
        case kCFStringEncodingUTF32:
        case kCFStringEncodingUTF32BE:
        case kCFStringEncodingUTF32LE:
            return length * 4;
        default:
            return length;
    }
}

Boolean CFStringGetFileSystemRepresentation(CFStringRef string, char* buffer, CFIndex maxBufLen) {
    return CFStringGetCString(string, buffer, maxBufLen, kCFStringEncodingUTF8);
}

CFIndex CFStringGetMaximumSizeOfFileSystemRepresentation(CFStringRef string) {
    return CFStringGetLength(string) * 3 + 1;
}

CFStringRef CFStringCreateWithFileSystemRepresentation(CFAllocatorRef, const char* buffer) {
    return decoded(buffer, kCFStringEncodingUTF8);
}

Boolean CFStringHasPrefix(CFStringRef theString, CFStringRef prefix) {
    return to<String>(theString, "CFStringHasPrefix")
        .text()
        .starts_with(to<String>(prefix, "CFStringHasPrefix").text());
}

Boolean CFStringHasSuffix(CFStringRef theString, CFStringRef suffix) {
    return to<String>(theString, "CFStringHasSuffix")
        .text()
        .ends_with(to<String>(suffix, "CFStringHasSuffix").text());
}

CFStringRef CFStringCreateByCombiningStrings(CFAllocatorRef, CFArrayRef theArray,
                                             CFStringRef separatorString) {
    const std::string& separator =
        to<String>(separatorString, "CFStringCreateByCombiningStrings").text();
    std::string text;
    for (CFIndex i = 0; i < CFArrayGetCount(theArray); ++i) {
        if (i > 0) text += separator;
        text += to<String>(CFArrayGetValueAtIndex(theArray, i), "CFStringCreateByCombiningStrings")
                    .text();
    }
    return to_ref<CFStringRef>(new String(std::move(text)));
}

CFArrayRef CFStringCreateArrayBySeparatingStrings(CFAllocatorRef, CFStringRef theString,
                                                  CFStringRef separatorString) {
    const std::string& text =
        to<String>(theString, "CFStringCreateArrayBySeparatingStrings").text();
    const std::string& separator =
        to<String>(separatorString, "CFStringCreateArrayBySeparatingStrings").text();
    CFMutableArrayRef parts = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    size_t begin = 0;
    for (;;) {
        const size_t end = separator.empty() ? std::string::npos : text.find(separator, begin);
        CFStringRef part = new_string(std::string_view(text).substr(begin, end - begin));
        CFArrayAppendValue(parts, part);
        CFRelease(part);
        if (end == std::string::npos) return parts;
        begin = end + separator.size();
    }
}

SInt32 CFStringGetIntValue(CFStringRef str) {
    const long value =
        std::strtol(to<String>(str, "CFStringGetIntValue").text().c_str(), nullptr, 10);
    return static_cast<SInt32>(std::clamp<long>(value, INT32_MIN, INT32_MAX));
}

double CFStringGetDoubleValue(CFStringRef str) {
    // What strtod() takes beyond decimal numbers (inf, nan, 0x) and the program's locale do not
    // count.
    static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
    const std::string& text = to<String>(str, "CFStringGetDoubleValue").text();
    const size_t begin = std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size());
    const size_t end = text.find_first_not_of("+-.0123456789eE", begin);
    return ::strtod_l(text.substr(begin, end - begin).c_str(), nullptr, plain);
}

void CFStringAppend(CFMutableStringRef theString, CFStringRef appendedString) {
    auto& string = to_mutable<String>(theString, "CFStringAppend");
    string.set_text(string.text() + to<String>(appendedString, "CFStringAppend").text());
}

void CFStringAppendCString(CFMutableStringRef theString, const char* cStr,
                           CFStringEncoding encoding) {
    auto& string = to_mutable<String>(theString, "CFStringAppendCString");
    if (const std::optional<std::string> added = decode(cStr, encoding))
        string.set_text(string.text() + *added);
}
