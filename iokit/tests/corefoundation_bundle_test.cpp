// SPDX-License-Identifier: Apache-2.0
// Bundles on disk, the older calls on property lists, and the results of plug-in interfaces.
#include <CoreFoundation/CoreFoundation.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "iokit/corefoundation/object.h"
#include "iokit/tests/corefoundation_text.h"

namespace {

namespace fs = std::filesystem;
using opendext::cf::Owned;

CFURLRef url_of(const fs::path& path) {
    const Owned text(CFStringCreateWithCString(nullptr, path.c_str(), kCFStringEncodingUTF8));
    return CFURLCreateWithFileSystemPath(nullptr, text.get(), kCFURLPOSIXPathStyle, TRUE);
}
std::string path_of(CFURLRef url) {
    return url == nullptr ? "(null)" : taken(CFURLCopyFileSystemPath(url, kCFURLPOSIXPathStyle));
}
std::string taken_path(CFURLRef url) {
    const Owned own(url);
    return path_of(url);
}
CFBundleRef bundle_at(const fs::path& path) {
    const Owned url(url_of(path));
    return CFBundleCreate(nullptr, url.get());
}
std::string identifier_in(CFDictionaryRef info) {
    return info == nullptr ? "(null)"
                           : text_of(static_cast<CFStringRef>(
                                 CFDictionaryGetValue(info, kCFBundleIdentifierKey)));
}

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

std::string info(const std::string& identifier) {
    return "<plist><dict><key>CFBundleIdentifier</key><string>" + identifier +
           "</string><key>CFBundleDevelopmentRegion</key><string>de</string>"
           "<key>CFBundleExecutable</key><string>tool</string></dict></plist>";
}

/// X.app, with folders; flat.dext, without; and what is neither.
class Bundles : public ::testing::Test {
  protected:
    void SetUp() override {
        write(root / "X.app/Contents/Info.plist", info("org.example.deep"));
        write(root / "X.app/Contents/MacOS/tool", "");
        write(root / "X.app/Contents/Resources/b.txt", "");
        write(root / "X.app/Contents/Resources/a.txt", "");
        write(root / "X.app/Contents/Resources/c.png", "");
        write(root / "X.app/Contents/Resources/sub/d.txt", "");
        fs::create_directories(root / "X.app/Contents/PlugIns");
        write(root / "flat.dext/Info.plist", info("org.example.flat"));
        write(root / "flat.dext/tool", "");
        write(root / "none.dext/Info.plist", "not a list <");
        write(root / "file.dext", "");
    }
    void TearDown() override { fs::remove_all(root); }

    const fs::path root = fs::canonical(fs::temp_directory_path()) /
                          ("bundles-" + std::to_string(::getpid()) + "-" +
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

// Facts: CFBundleCopySupportFilesDirectoryURL, CFBundleCopyResourcesDirectoryURL
// Facts: CFBundleCopyBuiltInPlugInsURL, CFBundleCopyExecutableURL, CFBundleGetDevelopmentRegion
TEST_F(Bundles, KnowTheirFoldersAndProgram) {
    const Owned deep(bundle_at(root / "X.app"));
    const fs::path contents = root / "X.app/Contents";
    EXPECT_EQ(contents, taken_path(CFBundleCopySupportFilesDirectoryURL(deep.get())));
    EXPECT_EQ(contents / "Resources", taken_path(CFBundleCopyResourcesDirectoryURL(deep.get())));
    EXPECT_EQ(contents / "PlugIns", taken_path(CFBundleCopyBuiltInPlugInsURL(deep.get())));
    EXPECT_EQ(contents / "MacOS/tool", taken_path(CFBundleCopyExecutableURL(deep.get())));
    EXPECT_EQ("de", text_of(CFBundleGetDevelopmentRegion(deep.get())));

    const Owned flat(bundle_at(root / "flat.dext"));
    EXPECT_EQ(root / "flat.dext", taken_path(CFBundleCopySupportFilesDirectoryURL(flat.get())));
    EXPECT_EQ(root / "flat.dext", taken_path(CFBundleCopyResourcesDirectoryURL(flat.get())));
    EXPECT_EQ(nullptr, CFBundleCopyBuiltInPlugInsURL(flat.get()));
    EXPECT_EQ(root / "flat.dext/tool", taken_path(CFBundleCopyExecutableURL(flat.get())));

    const Owned none(bundle_at(root / "none.dext"));
    EXPECT_EQ(nullptr, CFBundleGetDevelopmentRegion(none.get()));
    EXPECT_EQ(nullptr, CFBundleCopyExecutableURL(none.get()));
    EXPECT_EQ(fs::read_symlink("/proc/self/exe"),
              taken_path(CFBundleCopyExecutableURL(CFBundleGetMainBundle())));
}

// Facts: CFBundleCreateBundlesFromDirectory, CFBundleGetAllBundles
TEST_F(Bundles, AreFoundInAFolder) {
    const Owned folder(url_of(root));
    const Owned drivers(CFBundleCreateBundlesFromDirectory(nullptr, folder.get(), CFSTR("dext")));
    ASSERT_EQ(2, CFArrayGetCount(drivers.get()));  // the file is none
    CFBundleRef first =
        static_cast<CFBundleRef>(const_cast<void*>(CFArrayGetValueAtIndex(drivers.get(), 0)));
    EXPECT_EQ("org.example.flat", text_of(CFBundleGetIdentifier(first)));
    const Owned every(CFBundleCreateBundlesFromDirectory(nullptr, folder.get(), nullptr));
    EXPECT_EQ(3, CFArrayGetCount(every.get()));
    const Owned file(url_of(root / "file.dext"));
    EXPECT_EQ(nullptr, CFBundleCreateBundlesFromDirectory(nullptr, file.get(), nullptr));

    CFArrayRef known = CFBundleGetAllBundles();
    const CFRange all = CFRangeMake(0, CFArrayGetCount(known));
    EXPECT_TRUE(CFArrayContainsValue(known, all, CFBundleGetMainBundle()));
    EXPECT_TRUE(CFArrayContainsValue(known, all, first));
}

// Facts: CFBundleCopyInfoDictionaryInDirectory, CFBundleCopyInfoDictionaryForURL
TEST_F(Bundles, AreReadWithoutABundle) {
    const auto in_folder = [](const fs::path& path) {
        const Owned url(url_of(path));
        const Owned read(CFBundleCopyInfoDictionaryInDirectory(url.get()));
        return identifier_in(read.get());
    };
    EXPECT_EQ("org.example.deep", in_folder(root / "X.app"));
    EXPECT_EQ("org.example.flat", in_folder(root / "flat.dext"));
    EXPECT_EQ("(null)", in_folder(root / "none.dext"));
    EXPECT_EQ("(null)", in_folder(root / "missing.dext"));
    const auto of = [](const fs::path& path) {
        const Owned url(url_of(path));
        const Owned read(CFBundleCopyInfoDictionaryForURL(url.get()));
        return identifier_in(read.get());
    };
    EXPECT_EQ("org.example.deep", of(root / "X.app"));
    EXPECT_EQ("org.example.flat", of(root / "flat.dext/Info.plist"));
    EXPECT_EQ("(null)", of(root / "file.dext"));
}

// Facts: CFBundleCopyResourceURLsOfType
TEST_F(Bundles, ListTheirResources) {
    const Owned bundle(bundle_at(root / "X.app"));
    const fs::path resources = root / "X.app/Contents/Resources";
    const auto at = [](CFArrayRef urls, CFIndex index) {
        return path_of(static_cast<CFURLRef>(CFArrayGetValueAtIndex(urls, index)));
    };
    const Owned texts(CFBundleCopyResourceURLsOfType(bundle.get(), CFSTR("txt"), nullptr));
    ASSERT_EQ(2, CFArrayGetCount(texts.get()));
    EXPECT_EQ(resources / "a.txt", at(texts.get(), 0));
    EXPECT_EQ(resources / "b.txt", at(texts.get(), 1));
    const Owned below(CFBundleCopyResourceURLsOfType(bundle.get(), CFSTR("txt"), CFSTR("sub")));
    ASSERT_EQ(1, CFArrayGetCount(below.get()));
    EXPECT_EQ(resources / "sub/d.txt", at(below.get(), 0));
    const Owned none(CFBundleCopyResourceURLsOfType(bundle.get(), CFSTR("txt"), CFSTR("missing")));
    EXPECT_EQ(0, CFArrayGetCount(none.get()));
    const Owned all(CFBundleCopyResourceURLsOfType(bundle.get(), nullptr, nullptr));
    EXPECT_EQ(4, CFArrayGetCount(all.get()));
}

// Facts: CFPropertyListCreateXMLData, CFPropertyListCreateFromXMLData
TEST(OldPropertyListCalls, ReadAndWriteXML) {
    const void* values[] = {CFSTR("a"), kCFBooleanTrue};
    const Owned list(CFArrayCreate(nullptr, values, 2, &kCFTypeArrayCallBacks));
    const Owned data(CFPropertyListCreateXMLData(nullptr, list.get()));
    ASSERT_TRUE(data);
    CFStringRef words = CFSTR("old");
    const Owned same(CFPropertyListCreateFromXMLData(nullptr, data.get(),
                                                     kCFPropertyListMutableContainers, &words));
    EXPECT_TRUE(CFEqual(list.get(), same.get()));
    EXPECT_EQ(nullptr, words);
    CFArrayAppendValue(static_cast<CFMutableArrayRef>(const_cast<void*>(same.get())), CFSTR("b"));
    EXPECT_EQ(3, CFArrayGetCount(static_cast<CFArrayRef>(same.get())));

    EXPECT_EQ(nullptr, CFPropertyListCreateXMLData(nullptr, kCFNull));  // is no property list
    const Owned bad(CFDataCreate(nullptr, reinterpret_cast<const UInt8*>("<plist><x/>"), 11));
    EXPECT_EQ(nullptr, CFPropertyListCreateFromXMLData(nullptr, bad.get(), 0, nullptr));
    EXPECT_EQ(nullptr, CFPropertyListCreateFromXMLData(nullptr, bad.get(), 0, &words));
    ASSERT_NE(nullptr, words);
    EXPECT_NE("", taken(words));
}

// Facts: CFPropertyListWriteToStream, CFPropertyListCreateFromStream
TEST(OldPropertyListCalls, GoThroughStreams) {
    const Owned out(CFWriteStreamCreateWithAllocatedBuffers(nullptr, nullptr));
    CFStringRef words = nullptr;
    EXPECT_EQ(0, CFPropertyListWriteToStream(CFSTR("x"), out.get(), kCFPropertyListXMLFormat_v1_0,
                                             &words));
    EXPECT_EQ("the stream is not open", taken(words));
    ASSERT_TRUE(CFWriteStreamOpen(out.get()));
    EXPECT_EQ(0, CFPropertyListWriteToStream(CFSTR("x"), out.get(), kCFPropertyListOpenStepFormat,
                                             &words));
    EXPECT_EQ("property lists are written as XML or binary only", taken(words));
    const CFIndex size = CFPropertyListWriteToStream(CFSTR("x"), out.get(),
                                                     kCFPropertyListBinaryFormat_v1_0, &words);
    EXPECT_EQ(nullptr, words);
    const Owned written(
        static_cast<CFDataRef>(CFWriteStreamCopyProperty(out.get(), kCFStreamPropertyDataWritten)));
    ASSERT_EQ(size, CFDataGetLength(written.get()));

    for (const CFIndex length : {CFIndex(0), size, size - 1}) {  // 0: to the end
        const Owned in(CFReadStreamCreateWithBytesNoCopy(nullptr, CFDataGetBytePtr(written.get()),
                                                         size, kCFAllocatorNull));
        ASSERT_TRUE(CFReadStreamOpen(in.get()));
        CFPropertyListFormat format{};
        const Owned list(
            CFPropertyListCreateFromStream(nullptr, in.get(), length, 0, &format, &words));
        if (length == size - 1) {
            EXPECT_FALSE(list);
            EXPECT_NE("(null)", taken(words));
        } else {
            EXPECT_TRUE(CFEqual(CFSTR("x"), list.get()));
            EXPECT_EQ(kCFPropertyListBinaryFormat_v1_0, format);
            EXPECT_EQ(nullptr, words);
        }
    }
}

// Facts: SUCCEEDED, FAILED, IS_ERROR, HRESULT_CODE, HRESULT_FACILITY, HRESULT_SEVERITY
// Facts: MAKE_HRESULT
TEST(PlugInResult, IsMadeOfItsParts) {
    const HRESULT failed = MAKE_HRESULT(SEVERITY_ERROR, 0x123, 0xBEEF);
    EXPECT_EQ(static_cast<HRESULT>(0x8123BEEF), failed);
    EXPECT_EQ(0xBEEF, HRESULT_CODE(failed));
    EXPECT_EQ(0x123, HRESULT_FACILITY(failed));
    EXPECT_EQ(SEVERITY_ERROR, HRESULT_SEVERITY(failed));
    EXPECT_TRUE(FAILED(failed));
    EXPECT_FALSE(SUCCEEDED(failed));
    EXPECT_TRUE(IS_ERROR(failed));
    const HRESULT fine = MAKE_HRESULT(SEVERITY_SUCCESS, 0, 1);
    EXPECT_EQ(S_FALSE, fine);
    EXPECT_EQ(SEVERITY_SUCCESS, HRESULT_SEVERITY(fine));
    EXPECT_TRUE(SUCCEEDED(fine));
    EXPECT_FALSE(FAILED(fine));
    EXPECT_FALSE(IS_ERROR(fine));
}

}  // namespace
