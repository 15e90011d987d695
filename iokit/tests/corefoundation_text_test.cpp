// SPDX-License-Identifier: Apache-2.0
// The rarer ways to make and read strings, URLs, bundles and property lists.
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstdarg>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "iokit/corefoundation/object.h"
#include "iokit/tests/corefoundation_text.h"

namespace {

namespace fs = std::filesystem;
using opendext::cf::Owned;

const UInt8* bytes(const char* text) {
    return reinterpret_cast<const UInt8*>(text);
}
CFStringRef string_of(const std::string& text) {
    return CFStringCreateWithCString(nullptr, text.c_str(), kCFStringEncodingUTF8);
}
std::string bytes_of(CFDataRef data) {
    return {reinterpret_cast<const char*>(CFDataGetBytePtr(data)),
            static_cast<size_t>(CFDataGetLength(data))};
}

/// An allocator that notes what it is given to free, and frees nothing.
class Noting {
  public:
    Noting() {
        CFAllocatorContext context{};
        context.info = &freed;
        context.allocate = [](CFIndex, CFOptionFlags, void*) -> void* { return nullptr; };
        context.deallocate = [](void* block, void* info) {
            static_cast<std::vector<void*>*>(info)->push_back(block);
        };
        allocator = Owned(CFAllocatorCreate(nullptr, &context));
    }
    std::vector<void*> freed;
    Owned<CFAllocatorRef> allocator;
};

// Facts: CFStringCreateWithBytesNoCopy, CFStringCreateWithCharactersNoCopy
// Facts: CFStringCreateWithPascalStringNoCopy
TEST(CFString, FreesWhatItIsGivenIfItMadeAString) {
    Noting noting;
    CFAllocatorRef free = noting.allocator.get();
    UInt8 good[] = {'a', 0xC3, 0xA9};
    EXPECT_EQ("a\u00e9", taken(CFStringCreateWithBytesNoCopy(nullptr, good, 3,
                                                             kCFStringEncodingUTF8, FALSE, free)));
    UniChar units[] = {'x', 0x20AC};
    EXPECT_EQ("x\u20ac", taken(CFStringCreateWithCharactersNoCopy(nullptr, units, 2, free)));
    unsigned char pascal[] = {2, 'o', 'k', '!'};
    EXPECT_EQ("ok", taken(CFStringCreateWithPascalStringNoCopy(nullptr, pascal,
                                                               kCFStringEncodingMacRoman, free)));
    EXPECT_EQ((std::vector<void*>{good, units, pascal}), noting.freed);
    // What makes no string stays the caller's.
    UInt8 cut[] = {'a', 0xC3};
    EXPECT_EQ(nullptr,
              CFStringCreateWithBytesNoCopy(nullptr, cut, 2, kCFStringEncodingUTF8, FALSE, free));
    EXPECT_EQ(nullptr, CFStringCreateWithCharactersNoCopy(nullptr, units, -1, free));
    pascal[1] = 0xff;
    EXPECT_EQ(nullptr,
              CFStringCreateWithPascalStringNoCopy(nullptr, pascal, kCFStringEncodingUTF8, free));
    EXPECT_EQ(3U, noting.freed.size());
}

// Facts: CFStringCreateWithPascalString, CFStringGetPascalString, CFStringGetPascalStringPtr
// Facts: CFStringAppendPascalString, CFStringCreateMutableCopy
TEST(CFString, GoesThroughStringsWithALengthInFront) {
    const unsigned char pascal[] = {3, 'c', 0x8E, 'd', 'x'};  // 0x8E: e with acute, in Mac Roman
    const Owned string(CFStringCreateWithPascalString(nullptr, pascal, kCFStringEncodingMacRoman));
    EXPECT_EQ("c\u00e9d", text_of(string.get()));
    const unsigned char empty[] = {0};
    EXPECT_EQ("", taken(CFStringCreateWithPascalString(nullptr, empty, kCFStringEncodingUTF8)));

    unsigned char buffer[300] = {};
    ASSERT_TRUE(CFStringGetPascalString(string.get(), buffer, 4, kCFStringEncodingMacRoman));
    EXPECT_EQ(0, std::memcmp(pascal, buffer, 4));
    EXPECT_FALSE(CFStringGetPascalString(string.get(), buffer, 3, kCFStringEncodingMacRoman));
    EXPECT_FALSE(CFStringGetPascalString(string.get(), buffer, 300, kCFStringEncodingASCII));
    // There is none inside a string; callers then use the function above.
    EXPECT_EQ(nullptr, CFStringGetPascalStringPtr(string.get(), kCFStringEncodingMacRoman));

    const Owned copy(CFStringCreateMutableCopy(nullptr, 0, string.get()));
    CFStringAppendPascalString(copy.get(), pascal, kCFStringEncodingMacRoman);
    EXPECT_EQ("c\u00e9dc\u00e9d", text_of(copy.get()));
    EXPECT_EQ("c\u00e9d", text_of(string.get()));
    CFStringAppendPascalString(copy.get(), pascal, kCFStringEncodingUTF8);  // is none
    EXPECT_EQ(6, CFStringGetLength(copy.get()));
    CFStringPad(copy.get(), CFSTR("."), 255, 0);
    EXPECT_TRUE(CFStringGetPascalString(copy.get(), buffer, 300, kCFStringEncodingMacRoman));
    EXPECT_EQ(255, buffer[0]);
    CFStringAppend(copy.get(), CFSTR("."));  // longer than a length of one byte says
    EXPECT_FALSE(CFStringGetPascalString(copy.get(), buffer, 300, kCFStringEncodingMacRoman));
}

/// Calls `make` with its arguments as a list.
CFStringRef listed(decltype(&CFStringCreateWithFormatAndArguments) make, CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CFStringRef string = make(nullptr, nullptr, format, arguments);
    va_end(arguments);
    return string;
}

void append_listed(decltype(&CFStringAppendFormatAndArguments) append, CFMutableStringRef string,
                   CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    append(string, nullptr, format, arguments);
    va_end(arguments);
}

// Facts: CFStringCreateWithFormatAndArguments, CFStringAppendFormatAndArguments
TEST(CFString, FormatsAListOfArguments) {
    const auto make = CFStringCreateWithFormatAndArguments;
    EXPECT_EQ("-3 of 0x2a \u00e9 100%",
              taken(listed(make, CFSTR("%d of 0x%lx %@ 100%%"), -3, 42L, CFSTR("\u00e9"))));
    EXPECT_EQ("", taken(listed(make, CFSTR(""))));
    const auto append = CFStringAppendFormatAndArguments;
    const Owned string(CFStringCreateMutable(nullptr, 0));
    append_listed(append, string.get(), CFSTR("%s;"), "one");
    append_listed(append, string.get(), CFSTR("%.2f"), 0.5);
    EXPECT_EQ("one;0.50", text_of(string.get()));
}

// Facts: CFStringGetCharactersPtr, CFStringGetFastestEncoding, CFStringIsSurrogateHighCharacter
// Facts: CFStringIsSurrogateLowCharacter
TEST(CFString, ShowsItsUnits) {
    const Owned string(string_of("a\U0001F600"));
    const UniChar* units = CFStringGetCharactersPtr(string.get());
    ASSERT_NE(nullptr, units);
    ASSERT_EQ(3, CFStringGetLength(string.get()));
    EXPECT_EQ('a', units[0]);
    EXPECT_TRUE(CFStringIsSurrogateHighCharacter(units[1]));
    EXPECT_FALSE(CFStringIsSurrogateLowCharacter(units[1]));
    EXPECT_TRUE(CFStringIsSurrogateLowCharacter(units[2]));
    EXPECT_FALSE(CFStringIsSurrogateHighCharacter(units[2]));
    for (const UniChar unit : {UniChar(0xD7FF), UniChar(0xE000), UniChar('a')}) {
        EXPECT_FALSE(CFStringIsSurrogateHighCharacter(unit));
        EXPECT_FALSE(CFStringIsSurrogateLowCharacter(unit));
    }
    EXPECT_EQ(nullptr, CFStringGetCharactersPtr(CFSTR("kept as bytes")));
    // The encoding that CFStringGetCStringPtr gives the text in.
    for (CFStringRef each : {string.get(), CFSTR("abc")})
        EXPECT_NE(nullptr, CFStringGetCStringPtr(each, CFStringGetFastestEncoding(each)));
    EXPECT_EQ(kCFStringEncodingASCII, CFStringGetFastestEncoding(CFSTR("abc")));
}

// Facts: CFStringGetMaximumSizeOfFileSystemRepresentation
// Facts: CFStringCreateWithFileSystemRepresentation
TEST(CFString, NamesAFile) {
    for (const char* name : {"", "plain", "\u20ac\u20ac", "\U0001F600"}) {
        const Owned string(CFStringCreateWithFileSystemRepresentation(nullptr, name));
        std::vector<char> buffer(
            static_cast<size_t>(CFStringGetMaximumSizeOfFileSystemRepresentation(string.get())));
        ASSERT_TRUE(CFStringGetFileSystemRepresentation(string.get(), buffer.data(),
                                                        static_cast<CFIndex>(buffer.size())));
        EXPECT_STREQ(name, buffer.data());
    }
    EXPECT_EQ(nullptr, CFStringCreateWithFileSystemRepresentation(nullptr, "\xff"));
}

// Facts: CFStringCompareWithOptionsAndLocale, CFStringFindWithOptionsAndLocale
TEST(CFString, IsComparedAndFoundWithoutALocale) {
    CFStringRef text = CFSTR("Port 10, port 9");
    constexpr CFStringCompareFlags plain{};
    const CFRange number = CFRangeMake(5, 2);
    EXPECT_EQ(kCFCompareLessThan,
              CFStringCompareWithOptionsAndLocale(text, CFSTR("9"), number, plain, nullptr));
    EXPECT_EQ(kCFCompareGreaterThan, CFStringCompareWithOptionsAndLocale(
                                         text, CFSTR("9"), number, kCFCompareNumerically, nullptr));
    EXPECT_EQ(kCFCompareEqualTo,
              CFStringCompareWithOptionsAndLocale(text, CFSTR("10"), number, plain, nullptr));
    const CFRange all = CFRangeMake(0, CFStringGetLength(text));
    CFRange found{};
    ASSERT_TRUE(CFStringFindWithOptionsAndLocale(text, CFSTR("port"), all, plain, nullptr, &found));
    EXPECT_EQ(9, found.location);
    EXPECT_EQ(4, found.length);
    ASSERT_TRUE(CFStringFindWithOptionsAndLocale(text, CFSTR("port"), all,
                                                 kCFCompareCaseInsensitive, nullptr, &found));
    EXPECT_EQ(0, found.location);
    EXPECT_FALSE(CFStringFindWithOptionsAndLocale(text, CFSTR("port"), CFRangeMake(0, 12), plain,
                                                  nullptr, &found));
    EXPECT_EQ(0, found.location);  // untouched
}

// Facts: CFStringGetParagraphBounds
TEST(CFString, FallsIntoParagraphs) {
    const Owned text(string_of("one\u2028still\r\ntwo\u2029last"));
    CFIndex begin = -1;
    CFIndex end = -1;
    CFIndex contents = -1;
    CFStringGetParagraphBounds(text.get(), CFRangeMake(5, 0), &begin, &end, &contents);
    EXPECT_EQ(0, begin);  // a line's end is no paragraph's end
    EXPECT_EQ(9, contents);
    EXPECT_EQ(11, end);
    CFStringGetParagraphBounds(text.get(), CFRangeMake(12, 4), &begin, &end, &contents);
    EXPECT_EQ(11, begin);
    EXPECT_EQ(19, contents);
    EXPECT_EQ(19, end);
    CFStringGetParagraphBounds(text.get(), CFRangeMake(16, 0), nullptr, nullptr, &contents);
    EXPECT_EQ(19, contents);
}

// Facts: CFStringGetDoubleValue
TEST(CFString, IsReadAsANumberWhateverTheLocale) {
    const std::string old = std::setlocale(LC_NUMERIC, nullptr);
    for (const char* locale : {"C", "de_DE.UTF-8"}) {
        std::setlocale(LC_NUMERIC, locale);  // stays as it is where the second is not there
        EXPECT_EQ(-12.5, CFStringGetDoubleValue(CFSTR(" \t-12.5 V")));
        EXPECT_EQ(1500, CFStringGetDoubleValue(CFSTR("+1.5e3")));
        EXPECT_EQ(1, CFStringGetDoubleValue(CFSTR("1,5")));
    }
    std::setlocale(LC_NUMERIC, old.c_str());
    EXPECT_TRUE(std::isinf(CFStringGetDoubleValue(CFSTR("1e999"))));
    for (CFStringRef none : {CFSTR(""), CFSTR("V"), CFSTR("inf"), CFSTR("nan"), CFSTR("0x10")})
        EXPECT_EQ(0, CFStringGetDoubleValue(none)) << text_of(none);
}

// Facts: CFStringGetListOfAvailableEncodings, CFStringGetNameOfEncoding
TEST(CFString, ListsItsEncodings) {
    size_t count = 0;
    bool utf8 = false;
    for (const CFStringEncoding* one = CFStringGetListOfAvailableEncodings();
         *one != kCFStringEncodingInvalidId; ++one) {
        ++count;
        utf8 = utf8 || *one == kCFStringEncodingUTF8;
        EXPECT_TRUE(CFStringIsEncodingAvailable(*one));
        EXPECT_NE(nullptr, CFStringGetNameOfEncoding(*one));
        const Owned data(CFStringCreateExternalRepresentation(nullptr, CFSTR("x"), *one, 0));
        ASSERT_TRUE(data) << *one;
        EXPECT_EQ("x", taken(CFStringCreateFromExternalRepresentation(nullptr, data.get(), *one)));
    }
    EXPECT_GE(count, 8U);
    EXPECT_TRUE(utf8);
    EXPECT_EQ("Unicode (UTF-8)", text_of(CFStringGetNameOfEncoding(kCFStringEncodingUTF8)));
    EXPECT_EQ(nullptr, CFStringGetNameOfEncoding(0x7777));
}

// Facts: CFShowStr
TEST(CFString, IsShownWithItsInside) {
    const Owned string(CFStringCreateMutable(nullptr, 0));
    CFStringAppend(string.get(), CFSTR("\u00e9x"));
    ::testing::internal::CaptureStderr();
    CFShowStr(string.get());
    const std::string shown = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(std::string::npos, shown.find("2 units, mutable, Unicode: \u00e9x\n")) << shown;
}

// Facts: CFURLCreateWithBytes, CFURLCreateData, CFURLGetBytes
TEST(CFURL, GoesThroughItsBytes) {
    const char* text = "http://example.org/a%20b";
    const auto size = static_cast<CFIndex>(std::strlen(text));
    const Owned url(
        CFURLCreateWithBytes(nullptr, bytes(text), size, kCFStringEncodingUTF8, nullptr));
    ASSERT_TRUE(url);
    EXPECT_EQ(text, text_of(CFURLGetString(url.get())));
    const Owned data(CFURLCreateData(nullptr, url.get(), kCFStringEncodingUTF8, TRUE));
    EXPECT_EQ(text, bytes_of(data.get()));
    const Owned wide(CFURLCreateData(nullptr, url.get(), kCFStringEncodingUTF16LE, TRUE));
    EXPECT_EQ(2 * size, CFDataGetLength(wide.get()));
    UInt8 buffer[64] = {};
    EXPECT_EQ(size, CFURLGetBytes(url.get(), nullptr, 0));
    EXPECT_EQ(-1, CFURLGetBytes(url.get(), buffer, size - 1));
    EXPECT_EQ(0, buffer[0]);
    EXPECT_EQ(size, CFURLGetBytes(url.get(), buffer, size));
    EXPECT_EQ(0, std::memcmp(text, buffer, static_cast<size_t>(size)));

    const Owned below(
        CFURLCreateWithBytes(nullptr, bytes("c"), 1, kCFStringEncodingASCII, url.get()));
    const Owned whole(CFURLCopyAbsoluteURL(below.get()));
    EXPECT_EQ("http://example.org/c", text_of(CFURLGetString(whole.get())));
    EXPECT_EQ(nullptr,
              CFURLCreateWithBytes(nullptr, bytes("a b"), 3, kCFStringEncodingUTF8, nullptr));
    EXPECT_EQ(nullptr,
              CFURLCreateWithBytes(nullptr, bytes(text), -1, kCFStringEncodingUTF8, nullptr));
}

// Facts: CFURLCreateWithFileSystemPathRelativeToBase
// Facts: CFURLCreateFromFileSystemRepresentationRelativeToBase
TEST(CFURL, OfAFileIsFoundFromItsBase) {
    const Owned base(
        CFURLCreateWithFileSystemPath(nullptr, CFSTR("/Library/x"), kCFURLPOSIXPathStyle, TRUE));
    const auto whole = [](CFURLRef url) {
        const Owned absolute(CFURLCopyAbsoluteURL(url));
        return text_of(CFURLGetString(absolute.get()));
    };
    const Owned url(CFURLCreateWithFileSystemPathRelativeToBase(
        nullptr, CFSTR("a b/../c"), kCFURLPOSIXPathStyle, TRUE, base.get()));
    EXPECT_EQ("a%20b/../c/", text_of(CFURLGetString(url.get())));
    EXPECT_EQ(base.get(), CFURLGetBaseURL(url.get()));
    EXPECT_EQ("file:///Library/x/c/", whole(url.get()));
    const Owned colon(CFURLCreateFromFileSystemRepresentationRelativeToBase(nullptr, bytes("a:b"),
                                                                            3, FALSE, base.get()));
    EXPECT_EQ("file:///Library/x/a:b", whole(colon.get()));  // not of the scheme "a"
    const Owned absolute(CFURLCreateFromFileSystemRepresentationRelativeToBase(
        nullptr, bytes("/etc"), 4, TRUE, base.get()));
    EXPECT_EQ("file:///etc/", text_of(CFURLGetString(absolute.get())));
    EXPECT_EQ(nullptr, CFURLCreateFromFileSystemRepresentationRelativeToBase(nullptr, bytes("\xff"),
                                                                             1, FALSE, base.get()));
    EXPECT_EQ(nullptr, CFURLCreateWithFileSystemPathRelativeToBase(
                           nullptr, CFSTR(""), kCFURLPOSIXPathStyle, FALSE, base.get()));
    const Owned here(CFURLCreateWithFileSystemPathRelativeToBase(
        nullptr, CFSTR("f"), kCFURLPOSIXPathStyle, FALSE, nullptr));
    UInt8 path[4096];
    ASSERT_TRUE(CFURLGetFileSystemRepresentation(here.get(), TRUE, path, sizeof path));
    EXPECT_EQ((fs::current_path() / "f").string(), reinterpret_cast<char*>(path));
}

// Facts: CFURLCopyNetLocation, CFURLCopyStrictPath
TEST(CFURL, GivesItsAuthorityAndItsPathWithoutTheFirstSlash) {
    const Owned url(CFURLCreateWithString(nullptr, CFSTR("http://me@host:80/a/b?q"), nullptr));
    EXPECT_EQ("me@host:80", taken(CFURLCopyNetLocation(url.get())));
    Boolean absolute = FALSE;
    EXPECT_EQ("a/b", taken(CFURLCopyStrictPath(url.get(), &absolute)));
    EXPECT_TRUE(absolute);
    const Owned below(CFURLCreateWithString(nullptr, CFSTR("c/d"), url.get()));
    EXPECT_EQ("me@host:80", taken(CFURLCopyNetLocation(below.get())));
    EXPECT_EQ("c/d", taken(CFURLCopyStrictPath(below.get(), &absolute)));
    EXPECT_FALSE(absolute);
    const Owned mail(CFURLCreateWithString(nullptr, CFSTR("mailto:me@host"), nullptr));
    EXPECT_EQ(nullptr, CFURLCopyNetLocation(mail.get()));
    EXPECT_EQ(nullptr, CFURLCopyStrictPath(mail.get(), nullptr));
    const Owned file(CFURLCreateWithString(nullptr, CFSTR("file:///x"), nullptr));
    EXPECT_EQ(nullptr, CFURLCopyNetLocation(file.get()));
    EXPECT_EQ("x", taken(CFURLCopyStrictPath(file.get(), nullptr)));
}

// Facts: CFURLCreateStringByReplacingPercentEscapes, CFURLCreateStringByAddingPercentEscapes
TEST(CFURL, EscapesAndUnescapesText) {
    const auto unescape = [](CFStringRef text, CFStringRef leave) {
        return taken(CFURLCreateStringByReplacingPercentEscapes(nullptr, text, leave));
    };
    EXPECT_EQ("a b/\u00e9", unescape(CFSTR("a%20b%2F%c3%A9"), CFSTR("")));
    EXPECT_EQ("a b%2Fc", unescape(CFSTR("a%20b%2Fc"), CFSTR("/")));
    EXPECT_EQ("a%20b", unescape(CFSTR("a%20b"), nullptr));   // leaves all of them
    EXPECT_EQ("(null)", unescape(CFSTR("%FF"), CFSTR("")));  // is no text
    EXPECT_EQ("(null)", unescape(CFSTR("100%"), CFSTR("")));
    EXPECT_EQ("(null)", unescape(CFSTR("%2"), CFSTR("")));
    const auto escape = [](CFStringRef never, CFStringRef also, CFStringEncoding encoding) {
        return taken(CFURLCreateStringByAddingPercentEscapes(nullptr, CFSTR("a b/\u00e9%?"), never,
                                                             also, encoding));
    };
    EXPECT_EQ("a%20b/%C3%A9%25?", escape(nullptr, nullptr, kCFStringEncodingUTF8));
    EXPECT_EQ("a b%2F%E9%25%3F", escape(CFSTR(" "), CFSTR("/?"), kCFStringEncodingISOLatin1));
    EXPECT_EQ("(null)", escape(nullptr, nullptr, kCFStringEncodingASCII));
}

}  // namespace
