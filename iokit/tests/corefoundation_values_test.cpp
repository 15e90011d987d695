// SPDX-License-Identifier: Apache-2.0
// Errors, dates, URLs, bundles, property lists, streams, allocators, and editing strings.
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "iokit/corefoundation/object.h"
#include "iokit/tests/corefoundation_text.h"

namespace {

using opendext::cf::Owned;

CFDataRef data_of(std::string_view bytes) {
    return CFDataCreate(nullptr, reinterpret_cast<const UInt8*>(bytes.data()),
                        static_cast<CFIndex>(bytes.size()));
}
std::string bytes_of(CFDataRef data) {
    return {reinterpret_cast<const char*>(CFDataGetBytePtr(data)),
            static_cast<size_t>(CFDataGetLength(data))};
}
CFMutableStringRef changeable(CFStringRef string) {
    return CFStringCreateMutableCopy(nullptr, 0, string);
}
/// The list, or the words of the error.
std::string read(std::string_view bytes, CFTypeRef* list = nullptr,
                 CFOptionFlags options = kCFPropertyListImmutable) {
    const Owned data(data_of(bytes));
    CFErrorRef error = nullptr;
    const Owned made(CFPropertyListCreateWithData(nullptr, data.get(), options, nullptr, &error));
    if (made) {
        EXPECT_EQ(nullptr, error);
        if (list != nullptr) *list = CFRetain(made.get());
        return "";
    }
    const Owned own(error);
    return taken(CFErrorCopyDescription(error));
}

// Facts: CFErrorCreate, CFErrorGetDomain, CFErrorGetCode, CFErrorCopyDescription, CFErrorGetTypeID
// Facts: CFErrorCopyFailureReason, CFErrorCopyUserInfo, CFErrorCopyRecoverySuggestion
TEST(CFError, SaysWhatItWasMadeOfOrMakesWordsOfIt) {
    const Owned error(CFErrorCreate(nullptr, kCFErrorDomainPOSIX, 2, nullptr));
    EXPECT_EQ(CFErrorGetTypeID(), CFGetTypeID(error.get()));
    EXPECT_TRUE(CFEqual(kCFErrorDomainPOSIX, CFErrorGetDomain(error.get())));
    EXPECT_EQ(2, CFErrorGetCode(error.get()));
    EXPECT_EQ("No such file or directory", taken(CFErrorCopyFailureReason(error.get())));
    EXPECT_NE(std::string::npos,
              taken(CFErrorCopyDescription(error.get())).find("No such file or directory"));
    EXPECT_EQ(nullptr, CFErrorCopyRecoverySuggestion(error.get()));
    const Owned info(CFErrorCopyUserInfo(error.get()));
    EXPECT_EQ(0, CFDictionaryGetCount(info.get()));

    const Owned plain(CFErrorCreate(nullptr, CFSTR("org.example"), 7, nullptr));
    EXPECT_EQ("The operation couldn\u2019t be completed. (org.example error 7.)",
              taken(CFErrorCopyDescription(plain.get())));
    EXPECT_FALSE(CFEqual(plain.get(), error.get()));
}

// Facts: CFErrorCreateWithUserInfoKeysAndValues
TEST(CFError, KeepsItsOwnWords) {
    const void* keys[] = {kCFErrorLocalizedDescriptionKey, kCFErrorLocalizedRecoverySuggestionKey};
    const void* values[] = {CFSTR("it broke"), CFSTR("mend it")};
    const Owned error(
        CFErrorCreateWithUserInfoKeysAndValues(nullptr, kCFErrorDomainMach, -1, keys, values, 2));
    EXPECT_EQ("it broke", taken(CFErrorCopyDescription(error.get())));
    EXPECT_EQ("mend it", taken(CFErrorCopyRecoverySuggestion(error.get())));
    EXPECT_EQ(1, CFGetRetainCount(error.get()));
}

// Facts: CFDateCreate, CFDateGetAbsoluteTime, CFDateGetTimeIntervalSinceDate, CFDateCompare
// Facts: CFDateGetTypeID, CFAbsoluteTimeGetCurrent
TEST(CFDate, KnowsItsTimeAndOrder) {
    const Owned early(CFDateCreate(nullptr, 10));
    const Owned late(CFDateCreate(nullptr, 12.5));
    EXPECT_EQ(CFDateGetTypeID(), CFGetTypeID(early.get()));
    EXPECT_EQ(12.5, CFDateGetAbsoluteTime(late.get()));
    EXPECT_EQ(2.5, CFDateGetTimeIntervalSinceDate(late.get(), early.get()));
    EXPECT_EQ(kCFCompareLessThan, CFDateCompare(early.get(), late.get(), nullptr));
    EXPECT_EQ(kCFCompareGreaterThan, CFDateCompare(late.get(), early.get(), nullptr));
    const Owned again(CFDateCreate(nullptr, 10));
    EXPECT_TRUE(CFEqual(early.get(), again.get()));
    EXPECT_EQ(CFHash(early.get()), CFHash(again.get()));
    EXPECT_EQ("2001-01-01 00:00:10 +0000", taken(CFCopyDescription(early.get())));
    EXPECT_GT(CFAbsoluteTimeGetCurrent(), 700000000.0);
}

// Facts: CFURLCreateWithFileSystemPath, CFURLGetString, CFURLCopyFileSystemPath, CFURLGetTypeID
// Facts: CFURLGetFileSystemRepresentation, CFURLCreateFromFileSystemRepresentation
// Facts: CFURLHasDirectoryPath, CFURLCopyLastPathComponent, CFURLCopyPathExtension
TEST(CFURL, OfAFileEscapesItsPathAndGivesItBack) {
    const Owned url(CFURLCreateWithFileSystemPath(nullptr, CFSTR("/tmp/a b/\u00e9.dext"),
                                                  kCFURLPOSIXPathStyle, TRUE));
    EXPECT_EQ(CFURLGetTypeID(), CFGetTypeID(url.get()));
    const std::string text = text_of(CFURLGetString(url.get()));
    EXPECT_EQ("file:///tmp/a%20b/%C3%A9.dext/", text);
    EXPECT_EQ("/tmp/a b/\u00e9.dext",
              taken(CFURLCopyFileSystemPath(url.get(), kCFURLPOSIXPathStyle)));
    EXPECT_TRUE(CFURLHasDirectoryPath(url.get()));
    EXPECT_EQ("\u00e9.dext", taken(CFURLCopyLastPathComponent(url.get())));
    EXPECT_EQ("dext", taken(CFURLCopyPathExtension(url.get())));
    UInt8 path[64];
    ASSERT_TRUE(CFURLGetFileSystemRepresentation(url.get(), TRUE, path, sizeof path));
    EXPECT_STREQ("/tmp/a b/\u00e9.dext", reinterpret_cast<char*>(path));
    EXPECT_FALSE(CFURLGetFileSystemRepresentation(url.get(), TRUE, path, 4));
    const Owned same(CFURLCreateFromFileSystemRepresentation(
        nullptr, path, static_cast<CFIndex>(std::strlen(reinterpret_cast<char*>(path))), TRUE));
    EXPECT_TRUE(CFEqual(url.get(), same.get()));
}

// Facts: CFURLCreateWithString, CFURLCopyScheme, CFURLCopyHostName, CFURLGetPortNumber
// Facts: CFURLCopyUserName, CFURLCopyPassword, CFURLCopyPath, CFURLCopyQueryString
// Facts: CFURLCopyFragment, CFURLCanBeDecomposed, CFURLCopyResourceSpecifier
TEST(CFURL, FallsIntoItsParts) {
    const Owned url(CFURLCreateWithString(
        nullptr, CFSTR("https://me:pass@[::1]:8080/a/b%20c?q=%41#top"), nullptr));
    ASSERT_TRUE(url);
    EXPECT_EQ("https", taken(CFURLCopyScheme(url.get())));
    EXPECT_EQ("::1", taken(CFURLCopyHostName(url.get())));
    EXPECT_EQ(8080, CFURLGetPortNumber(url.get()));
    EXPECT_EQ("me", taken(CFURLCopyUserName(url.get())));
    EXPECT_EQ("pass", taken(CFURLCopyPassword(url.get())));
    EXPECT_EQ("/a/b%20c", taken(CFURLCopyPath(url.get())));
    EXPECT_EQ("q=%41", taken(CFURLCopyQueryString(url.get(), nullptr)));
    EXPECT_EQ("q=A", taken(CFURLCopyQueryString(url.get(), CFSTR(""))));
    EXPECT_EQ("top", taken(CFURLCopyFragment(url.get(), nullptr)));
    EXPECT_TRUE(CFURLCanBeDecomposed(url.get()));
    const Owned mail(CFURLCreateWithString(nullptr, CFSTR("mailto:a@b"), nullptr));
    EXPECT_FALSE(CFURLCanBeDecomposed(mail.get()));
    EXPECT_EQ("a@b", taken(CFURLCopyResourceSpecifier(mail.get())));
    EXPECT_EQ(-1, CFURLGetPortNumber(mail.get()));
    EXPECT_EQ(nullptr, CFURLCreateWithString(nullptr, CFSTR("with blank"), nullptr));
    EXPECT_EQ(nullptr, CFURLCreateWithString(nullptr, CFSTR("bad%4"), nullptr));
}

// Facts: CFURLCopyAbsoluteURL, CFURLGetBaseURL, CFURLCreateCopyAppendingPathComponent
// Facts: CFURLCreateCopyDeletingLastPathComponent, CFURLCreateCopyAppendingPathExtension
// Facts: CFURLCreateCopyDeletingPathExtension, CFURLResourceIsReachable
TEST(CFURL, IsResolvedAndExtended) {
    // The examples of RFC 3986 section 5.4.
    const Owned base(CFURLCreateWithString(nullptr, CFSTR("http://a/b/c/d;p?q"), nullptr));
    const auto resolved = [&](CFStringRef text) {
        const Owned url(CFURLCreateWithString(nullptr, text, base.get()));
        EXPECT_EQ(base.get(), CFURLGetBaseURL(url.get()));
        const Owned whole(CFURLCopyAbsoluteURL(url.get()));
        return text_of(CFURLGetString(whole.get()));
    };
    EXPECT_EQ("http://a/b/c/g", resolved(CFSTR("g")));
    EXPECT_EQ("http://a/b/c/g/", resolved(CFSTR("./g/")));
    EXPECT_EQ("http://a/g", resolved(CFSTR("../../g")));
    EXPECT_EQ("http://a/g", resolved(CFSTR("../../../g")));
    EXPECT_EQ("http://g", resolved(CFSTR("//g")));
    EXPECT_EQ("http://a/b/c/d;p?y", resolved(CFSTR("?y")));
    EXPECT_EQ("http://a/b/c/d;p?q#s", resolved(CFSTR("#s")));

    const Owned folder(
        CFURLCreateWithFileSystemPath(nullptr, CFSTR("/x/y.app"), kCFURLPOSIXPathStyle, TRUE));
    const Owned file(
        CFURLCreateCopyAppendingPathComponent(nullptr, folder.get(), CFSTR("a b.txt"), FALSE));
    EXPECT_EQ("file:///x/y.app/a%20b.txt", text_of(CFURLGetString(file.get())));
    const Owned up(CFURLCreateCopyDeletingLastPathComponent(nullptr, file.get()));
    EXPECT_TRUE(CFEqual(folder.get(), up.get()));
    const Owned bare(CFURLCreateCopyDeletingPathExtension(nullptr, file.get()));
    EXPECT_EQ("file:///x/y.app/a%20b", text_of(CFURLGetString(bare.get())));
    const Owned again(CFURLCreateCopyAppendingPathExtension(nullptr, bare.get(), CFSTR("txt")));
    EXPECT_TRUE(CFEqual(file.get(), again.get()));
    CFErrorRef error = nullptr;
    EXPECT_FALSE(CFURLResourceIsReachable(file.get(), &error));
    const Owned own(error);
    EXPECT_EQ(ENOENT, CFErrorGetCode(error));
}

// Facts: CFBundleCreate, CFBundleGetIdentifier, CFBundleGetInfoDictionary, CFBundleCopyBundleURL
// Facts: CFBundleGetValueForInfoDictionaryKey, CFBundleGetBundleWithIdentifier
// Facts: CFBundleCopyResourceURL, CFBundleGetMainBundle, CFBundleGetTypeID
TEST(CFBundle, ReadsItsInfoAndFindsItsResources) {
    namespace fs = std::filesystem;
    const fs::path root = fs::temp_directory_path() / ("bundle-" + std::to_string(::getpid()));
    fs::create_directories(root / "X.app/Contents/Resources");
    std::ofstream(root / "X.app/Contents/Info.plist")
        << "<plist><dict><key>CFBundleIdentifier</key><string>org.example.x</string></dict></"
           "plist>";
    std::ofstream(root / "X.app/Contents/Resources/table.txt") << "x";
    const Owned path(
        CFStringCreateWithCString(nullptr, (root / "X.app").c_str(), kCFStringEncodingUTF8));
    const Owned url(CFURLCreateWithFileSystemPath(nullptr, path.get(), kCFURLPOSIXPathStyle, TRUE));
    const Owned bundle(CFBundleCreate(nullptr, url.get()));
    ASSERT_TRUE(bundle);
    EXPECT_EQ(CFBundleGetTypeID(), CFGetTypeID(bundle.get()));
    EXPECT_EQ("org.example.x", text_of(CFBundleGetIdentifier(bundle.get())));
    EXPECT_EQ(bundle.get(), CFBundleGetBundleWithIdentifier(CFSTR("org.example.x")));
    EXPECT_EQ(1, CFDictionaryGetCount(CFBundleGetInfoDictionary(bundle.get())));
    EXPECT_TRUE(CFEqual(CFSTR("org.example.x"), CFBundleGetValueForInfoDictionaryKey(
                                                    bundle.get(), kCFBundleIdentifierKey)));
    const Owned place(CFBundleCopyBundleURL(bundle.get()));
    EXPECT_TRUE(CFEqual(url.get(), place.get()));
    const Owned table(CFBundleCopyResourceURL(bundle.get(), CFSTR("table"), CFSTR("txt"), nullptr));
    ASSERT_TRUE(table);
    EXPECT_TRUE(CFURLResourceIsReachable(table.get(), nullptr));
    EXPECT_EQ(nullptr, CFBundleCopyResourceURL(bundle.get(), CFSTR("no"), nullptr, nullptr));
    EXPECT_NE(nullptr, CFBundleGetMainBundle());
    EXPECT_EQ(CFBundleGetMainBundle(), CFBundleGetMainBundle());
    fs::remove_all(root);
}

constexpr std::string_view kXml =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
    "<plist version=\"1.0\">\n"
    "<dict>\n"
    "\t<key>date</key>\n\t<date>2026-11-20T18:00:05Z</date>\n"
    "\t<key>list</key>\n\t<array>\n\t\t<integer>-5</integer>\n\t\t<real>0.5</real>\n"
    "\t\t<true/>\n\t\t<false/>\n\t\t<data>\n\t\tAAEC\n\t\t</data>\n\t</array>\n"
    "\t<key>text</key>\n\t<string>&lt;\u00e9\U0001F600&amp;</string>\n"
    "</dict>\n"
    "</plist>\n";

// Facts: CFPropertyListCreateWithData, CFPropertyListCreateData, CFPropertyListIsValid
TEST(CFPropertyList, IsTheSameInBothForms) {
    const Owned xml(data_of(kXml));
    CFPropertyListFormat format{};
    const Owned list(CFPropertyListCreateWithData(nullptr, xml.get(), kCFPropertyListImmutable,
                                                  &format, nullptr));
    ASSERT_TRUE(list);
    EXPECT_EQ(kCFPropertyListXMLFormat_v1_0, format);
    const Owned written(
        CFPropertyListCreateData(nullptr, list.get(), kCFPropertyListXMLFormat_v1_0, 0, nullptr));
    EXPECT_EQ(kXml, bytes_of(written.get()));
    const Owned binary(CFPropertyListCreateData(nullptr, list.get(),
                                                kCFPropertyListBinaryFormat_v1_0, 0, nullptr));
    const Owned again(CFPropertyListCreateWithData(nullptr, binary.get(), kCFPropertyListImmutable,
                                                   &format, nullptr));
    EXPECT_EQ(kCFPropertyListBinaryFormat_v1_0, format);
    EXPECT_TRUE(CFEqual(list.get(), again.get()));
    EXPECT_EQ(1, CFGetRetainCount(again.get()));
    EXPECT_TRUE(CFPropertyListIsValid(list.get(), kCFPropertyListXMLFormat_v1_0));
    EXPECT_FALSE(CFPropertyListIsValid(list.get(), kCFPropertyListOpenStepFormat));
    EXPECT_FALSE(CFPropertyListIsValid(kCFNull, kCFPropertyListBinaryFormat_v1_0));
    CFErrorRef error = nullptr;
    EXPECT_EQ(nullptr,
              CFPropertyListCreateData(nullptr, kCFNull, kCFPropertyListXMLFormat_v1_0, 0, &error));
    const Owned own(error);
    EXPECT_EQ(kCFPropertyListWriteStreamError, CFErrorGetCode(error));
}

TEST(CFPropertyList, ReadsTheOldForm) {
    CFTypeRef raw = nullptr;
    EXPECT_EQ(
        "",
        read("// x\n{ a = \"b\\n\\U00e9\"; \"c d\" = (1, <0fbd 77>,); /* y */ e = {}; f; }", &raw));
    const Owned list(static_cast<CFDictionaryRef>(raw));
    EXPECT_EQ(4, CFDictionaryGetCount(list.get()));
    EXPECT_EQ("b\n\u00e9",
              text_of(static_cast<CFStringRef>(CFDictionaryGetValue(list.get(), CFSTR("a")))));
    EXPECT_TRUE(CFEqual(CFSTR("f"), CFDictionaryGetValue(list.get(), CFSTR("f"))));
}

TEST(CFPropertyList, SaysWhatIsWrongAndWhere) {
    EXPECT_EQ("line 1, column 1: the property list is empty", read(""));
    EXPECT_EQ("line 2, column 7: the tag is broken",
              read("<plist><dict>\n<key>a</key <string>b</string></dict></plist>"));
    EXPECT_EQ("line 1, column 14: the key \"a\" has no value",
              read("<plist><dict><key>a</key></dict></plist>"));
    EXPECT_EQ("line 1, column 8: the integer has more than 64 bits",
              read("<plist><integer>18446744073709551616</integer></plist>"));
    EXPECT_EQ("line 1, column 16: unknown entity &x; (write & as &amp;)",
              read("<plist><string>&x;</string></plist>"));
    EXPECT_EQ("line 1, column 8: the date is not of the form 2001-01-31T23:59:59Z",
              read("<plist><date>2001-02-30T00:00:00Z</date></plist>"));
    EXPECT_EQ("line 1, column 5: data are pairs of hexadecimal digits", read("(<0fx>)"));
    EXPECT_EQ("line 1, column 4: there is no ',' between the members", read("(a b)"));
    EXPECT_EQ("offset 8: it is cut short", read("bplist00"));
    EXPECT_NE(std::string::npos, read("bplist99").find("version"));
    std::string deep = "<plist>";
    for (int i = 0; i < 100; ++i) deep += "<array>";
    EXPECT_NE(std::string::npos, read(deep).find("nested too deeply"));
}

// Facts: CFPropertyListCreateDeepCopy
TEST(CFPropertyList, CopiesDeeplyAsMutableAsAskedFor) {
    CFTypeRef raw = nullptr;
    ASSERT_EQ("", read("(a, {b = c;}, <00>)", &raw));
    const Owned list(static_cast<CFArrayRef>(raw));
    const Owned copy(static_cast<CFMutableArrayRef>(const_cast<void*>(CFPropertyListCreateDeepCopy(
        nullptr, list.get(), kCFPropertyListMutableContainersAndLeaves))));
    ASSERT_TRUE(CFEqual(list.get(), copy.get()));
    auto* inner = static_cast<CFMutableDictionaryRef>(
        const_cast<void*>(CFArrayGetValueAtIndex(copy.get(), 1)));
    CFDictionarySetValue(inner, CFSTR("d"), CFSTR("e"));
    CFStringAppend(
        static_cast<CFMutableStringRef>(const_cast<void*>(CFArrayGetValueAtIndex(copy.get(), 0))),
        CFSTR("z"));
    CFArrayAppendValue(copy.get(), kCFBooleanTrue);
    EXPECT_FALSE(CFEqual(list.get(), copy.get()));
    EXPECT_EQ(3, CFArrayGetCount(list.get()));
    EXPECT_EQ(nullptr, CFPropertyListCreateDeepCopy(nullptr, kCFNull, 0));
}

// Facts: CFPropertyListWrite, CFPropertyListCreateWithStream
TEST(CFPropertyList, GoesThroughStreams) {
    const Owned out(CFWriteStreamCreateWithAllocatedBuffers(nullptr, nullptr));
    CFErrorRef error = nullptr;
    EXPECT_EQ(0,
              CFPropertyListWrite(CFSTR("x"), out.get(), kCFPropertyListXMLFormat_v1_0, 0, &error));
    const Owned closed(error);
    EXPECT_EQ("the stream is not open", taken(CFErrorCopyDescription(error)));
    ASSERT_TRUE(CFWriteStreamOpen(out.get()));
    const CFIndex size =
        CFPropertyListWrite(CFSTR("x"), out.get(), kCFPropertyListXMLFormat_v1_0, 0, nullptr);
    const Owned written(
        static_cast<CFDataRef>(CFWriteStreamCopyProperty(out.get(), kCFStreamPropertyDataWritten)));
    EXPECT_EQ(size, CFDataGetLength(written.get()));
    const Owned in(CFReadStreamCreateWithBytesNoCopy(nullptr, CFDataGetBytePtr(written.get()), size,
                                                     kCFAllocatorNull));
    ASSERT_TRUE(CFReadStreamOpen(in.get()));
    const Owned list(CFPropertyListCreateWithStream(nullptr, in.get(), 0, 0, nullptr, nullptr));
    EXPECT_TRUE(CFEqual(CFSTR("x"), list.get()));
}

struct Counted {
    int allocated = 0;
    int freed = 0;
};

// Facts: CFAllocatorCreate, CFAllocatorAllocate, CFAllocatorReallocate, CFAllocatorDeallocate
// Facts: CFAllocatorGetContext, CFAllocatorGetDefault, CFAllocatorSetDefault
TEST(CFAllocator, CallsItsFunctionsAndFreesWhatItIsGiven) {
    Counted counted;
    CFAllocatorContext context{};
    context.info = &counted;
    context.allocate = [](CFIndex size, CFOptionFlags, void* info) -> void* {
        ++static_cast<Counted*>(info)->allocated;
        return std::malloc(static_cast<size_t>(size));
    };
    context.reallocate = [](void* memory, CFIndex size, CFOptionFlags, void*) -> void* {
        return std::realloc(memory, static_cast<size_t>(size));
    };
    context.deallocate = [](void* memory, void* info) {
        ++static_cast<Counted*>(info)->freed;
        std::free(memory);
    };
    const Owned allocator(CFAllocatorCreate(nullptr, &context));
    void* memory = CFAllocatorAllocate(allocator.get(), 4, 0);
    memory = CFAllocatorReallocate(allocator.get(), memory, 8, 0);
    std::memcpy(memory, "12345678", 8);
    const Owned data(
        CFDataCreateWithBytesNoCopy(nullptr, static_cast<UInt8*>(memory), 8, allocator.get()));
    EXPECT_EQ("12345678", bytes_of(data.get()));
    EXPECT_EQ(1, counted.allocated);
    EXPECT_EQ(1, counted.freed);
    EXPECT_EQ(nullptr, CFAllocatorAllocate(allocator.get(), 0, 0));
    EXPECT_EQ(nullptr, CFAllocatorAllocate(kCFAllocatorNull, 8, 0));
    CFAllocatorDeallocate(allocator.get(), nullptr);
    EXPECT_EQ(1, counted.freed);
    CFAllocatorContext known{};
    CFAllocatorGetContext(allocator.get(), &known);
    EXPECT_EQ(&counted, known.info);
    const CFAllocatorRef before = CFAllocatorGetDefault();
    CFAllocatorSetDefault(allocator.get());
    EXPECT_EQ(allocator.get(), CFAllocatorGetDefault());
    CFAllocatorSetDefault(before);
}

// Facts: CFStringInsert, CFStringDelete, CFStringReplace, CFStringReplaceAll, CFStringPad
// Facts: CFStringTrim, CFStringTrimWhitespace, CFStringLowercase, CFStringUppercase
// Facts: CFStringCapitalize, CFStringFindAndReplace, CFStringAppendCharacters
TEST(CFString, IsEdited) {
    const Owned own(changeable(CFSTR("port \u00e9")));
    CFMutableStringRef string = own.get();
    CFStringInsert(string, 4, CFSTR("s"));
    EXPECT_EQ("ports \u00e9", text_of(string));
    CFStringDelete(string, CFRangeMake(0, 1));
    CFStringReplace(string, CFRangeMake(0, 2), CFSTR("FO"));
    EXPECT_EQ("FOts \u00e9", text_of(string));
    CFStringUppercase(string, nullptr);
    EXPECT_EQ("FOTS \u00c9", text_of(string));
    CFStringLowercase(string, nullptr);
    CFStringCapitalize(string, nullptr);
    EXPECT_EQ("Fots \u00c9", text_of(string));
    EXPECT_EQ(2, CFStringFindAndReplace(string, CFSTR("o"), CFSTR("--"), CFRangeMake(0, 6),
                                        kCFCompareCaseInsensitive) +
                     CFStringFindAndReplace(string, CFSTR("x"), CFSTR(""), CFRangeMake(0, 6),
                                            kCFCompareBackwards) +
                     1);
    EXPECT_EQ("F--ts \u00c9", text_of(string));
    CFStringReplaceAll(string, CFSTR(" \t7 \n"));
    CFStringTrimWhitespace(string);
    CFStringPad(string, CFSTR("ab"), 4, 1);
    EXPECT_EQ("7bab", text_of(string));
    CFStringPad(string, nullptr, 2, 0);
    const UniChar more[] = {'-', '-'};
    CFStringAppendCharacters(string, more, 2);
    CFStringTrim(string, CFSTR("-"));
    EXPECT_EQ("7b", text_of(string));
}

// Facts: CFStringCompareWithOptions, CFStringFindWithOptions, CFStringCreateArrayWithFindResults
// Facts: CFStringGetLineBounds
TEST(CFString, IsComparedAndSearchedInParts) {
    EXPECT_EQ(kCFCompareEqualTo,
              CFStringCompareWithOptions(CFSTR("xPORT9"), CFSTR("port9"), CFRangeMake(1, 5),
                                         kCFCompareCaseInsensitive));
    EXPECT_EQ(kCFCompareEqualTo,
              CFStringCompare(CFSTR("\u00c9"), CFSTR("\u00e9"), kCFCompareCaseInsensitive));
    EXPECT_NE(kCFCompareEqualTo,
              CFStringCompare(CFSTR("A"), CFSTR("a"),
                              static_cast<CFStringCompareFlags>(kCFCompareCaseInsensitive |
                                                                kCFCompareForcedOrdering)));
    CFRange found{};
    EXPECT_TRUE(CFStringFindWithOptions(CFSTR("abcabc"), CFSTR("bc"), CFRangeMake(0, 6),
                                        kCFCompareBackwards, &found));
    EXPECT_EQ(4, found.location);
    EXPECT_FALSE(CFStringFindWithOptions(CFSTR("abcabc"), CFSTR("bc"), CFRangeMake(0, 6),
                                         kCFCompareAnchored, &found));
    const Owned all(CFStringCreateArrayWithFindResults(nullptr, CFSTR("aaaa"), CFSTR("aa"),
                                                       CFRangeMake(0, 4),
                                                       static_cast<CFStringCompareFlags>(0)));
    ASSERT_EQ(2, CFArrayGetCount(all.get()));
    EXPECT_EQ(2, static_cast<const CFRange*>(CFArrayGetValueAtIndex(all.get(), 1))->location);
    CFIndex begin = 0;
    CFIndex end = 0;
    CFIndex contents = 0;
    CFStringGetLineBounds(CFSTR("one\r\ntwo\nthree"), CFRangeMake(6, 0), &begin, &end, &contents);
    EXPECT_EQ(5, begin);
    EXPECT_EQ(9, end);
    EXPECT_EQ(8, contents);
}

// Facts: CFStringInitInlineBuffer, CFStringGetCharacterFromInlineBuffer
// Facts: CFStringGetSurrogatePairForLongCharacter, CFStringGetLongCharacterForSurrogatePair
TEST(CFString, IsGoneOverUnitByUnit) {
    for (CFStringRef string : {CFSTR("plain ASCII text"), CFSTR("\u00e9\U0001F600 and more")}) {
        CFStringInlineBuffer buffer;
        const CFIndex length = CFStringGetLength(string);
        CFStringInitInlineBuffer(string, &buffer, CFRangeMake(1, length - 1));
        for (CFIndex i = 0; i + 1 < length; ++i)
            EXPECT_EQ(CFStringGetCharacterAtIndex(string, i + 1),
                      CFStringGetCharacterFromInlineBuffer(&buffer, i));
        EXPECT_EQ(0, CFStringGetCharacterFromInlineBuffer(&buffer, length));
    }
    UniChar pair[2];
    EXPECT_TRUE(CFStringGetSurrogatePairForLongCharacter(0x1F600, pair));
    EXPECT_EQ(0x1F600U, CFStringGetLongCharacterForSurrogatePair(pair[0], pair[1]));
    EXPECT_FALSE(CFStringGetSurrogatePairForLongCharacter('a', pair));
}

// Facts: CFStringIsEncodingAvailable, CFStringConvertIANACharSetNameToEncoding
// Facts: CFStringConvertEncodingToIANACharSetName, CFStringGetSmallestEncoding
TEST(CFString, KnowsItsEncodings) {
    EXPECT_TRUE(CFStringIsEncodingAvailable(kCFStringEncodingMacRoman));
    EXPECT_FALSE(CFStringIsEncodingAvailable(0x12345));
    EXPECT_EQ(static_cast<CFStringEncoding>(kCFStringEncodingUTF8),
              CFStringConvertIANACharSetNameToEncoding(CFSTR("UTF-8")));
    EXPECT_EQ(kCFStringEncodingInvalidId, CFStringConvertIANACharSetNameToEncoding(CFSTR("x")));
    EXPECT_EQ("iso-8859-1",
              text_of(CFStringConvertEncodingToIANACharSetName(kCFStringEncodingISOLatin1)));
    EXPECT_EQ(static_cast<CFStringEncoding>(kCFStringEncodingASCII),
              CFStringGetSmallestEncoding(CFSTR("a")));
}

// Facts: CFArrayBSearchValues, CFArrayReplaceValues, CFDataFind
TEST(CFCollections, AreSearchedAndReplacedInParts) {
    const void* values[] = {CFSTR("a"), CFSTR("c"), CFSTR("e")};
    const Owned array(CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
    CFArrayReplaceValues(array.get(), CFRangeMake(0, 0), values, 3);
    const auto compare = [](const void* a, const void* b, void*) {
        return CFStringCompare(static_cast<CFStringRef>(a), static_cast<CFStringRef>(b),
                               static_cast<CFStringCompareFlags>(0));
    };
    EXPECT_EQ(1,
              CFArrayBSearchValues(array.get(), CFRangeMake(0, 3), CFSTR("c"), compare, nullptr));
    EXPECT_EQ(3,
              CFArrayBSearchValues(array.get(), CFRangeMake(0, 3), CFSTR("z"), compare, nullptr));
    CFArrayReplaceValues(array.get(), CFRangeMake(1, 2), values, 1);
    EXPECT_EQ(2, CFArrayGetCount(array.get()));
    EXPECT_TRUE(CFEqual(CFSTR("a"), CFArrayGetValueAtIndex(array.get(), 1)));
    const Owned data(data_of("abcabc"));
    const Owned wanted(data_of("bc"));
    const auto find = [&](int flags) {
        return CFDataFind(data.get(), wanted.get(), CFRangeMake(0, 6),
                          static_cast<CFDataSearchFlags>(flags))
            .location;
    };
    EXPECT_EQ(1, find(0));
    EXPECT_EQ(4, find(kCFDataSearchBackwards));
    EXPECT_EQ(4, find(kCFDataSearchBackwards | kCFDataSearchAnchored));
    EXPECT_EQ(kCFNotFound, find(kCFDataSearchAnchored));
}

}  // namespace
