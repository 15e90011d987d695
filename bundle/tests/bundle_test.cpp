// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace opendext::bundle {
namespace {

namespace fs = std::filesystem;

/// A folder with a right bundle Foo.dext, whose executable is a copy of a shared library of this
/// process.
class BundleTest : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = (fs::temp_directory_path() / "opendext-bundle-XXXXXX").string();
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        bundle_ = fs::path(folder_) / "Foo.dext";
        fs::create_directory(bundle_);
        fs::copy_file(library(), bundle_ / "Foo");
        info_ = Dictionary{
            {"CFBundlePackageType", "DEXT"},
            {"CFBundleIdentifier", "com.example.foo"},
            {"CFBundleExecutable", "Foo"},
            {"CFBundleName", "Foo Driver"},
            {"CFBundleVersion", "7"},
            {"CFBundleShortVersionString", "1.2"},
            {kAbiKey, Value(kDextAbi)},
            {kClassesKey, Array{Value("FooDriver IOService"), Value("FooNub IOService")}},
            {"IOKitPersonalities",
             Dictionary{{"Foo", Dictionary{{"IOClass", "IOUserService"},
                                           {"IOUserClass", "FooDriver"},
                                           {"IOProviderClass", "IOUserResources"},
                                           {"IOUserServerName", "com.example.foo"}}}}},
        };
        write();
    }
    void TearDown() override { fs::remove_all(folder_); }

    static fs::path library() {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            const size_t slash = line.find('/');
            if (slash != std::string::npos && line.find("libplist") != std::string::npos)
                return line.substr(slash);
        }
        return {};
    }
    void write() { ASSERT_TRUE(write_plist(bundle_ / "Info.plist", info_).ok()); }
    void expect_refused(const std::string& wanted) {
        const auto opened = Bundle::open(bundle_);
        ASSERT_FALSE(opened.ok());
        const std::string text = opened.error().text();
        EXPECT_NE(text.find(wanted), std::string::npos) << text;
        EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    }

    std::string folder_;
    fs::path bundle_;
    Dictionary info_;
};

TEST_F(BundleTest, OffersWhatItHolds) {
    std::ofstream(bundle_ / "Foo.entitlements")
        << "<plist><dict><key>com.apple.developer.driverkit</key><true/></dict></plist>";
    const auto opened = Bundle::open(bundle_.string() + "/");
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    const Bundle& bundle = opened.value();
    EXPECT_EQ(bundle.path(), bundle_);
    EXPECT_EQ(bundle.executable(), bundle_ / "Foo");
    EXPECT_EQ(bundle.identifier(), "com.example.foo");
    EXPECT_EQ(bundle.version(), "7");
    EXPECT_EQ(bundle.short_version(), "1.2");
    EXPECT_EQ(bundle.name(), "Foo Driver");
    EXPECT_EQ(bundle.entitlements(), (Dictionary{{"com.apple.developer.driverkit", true}}));
    ASSERT_EQ(bundle.personalities().size(), 1U);
    EXPECT_EQ(bundle.personalities()[0].first, "Foo");
    EXPECT_EQ(*find_string(bundle.personalities()[0].second, "CFBundleIdentifier"),
              "com.example.foo");
    EXPECT_EQ(bundle.classes(), (std::vector<std::vector<std::string>>{{"FooDriver", "IOService"},
                                                                       {"FooNub", "IOService"}}));
}

TEST_F(BundleTest, WithoutEntitlementsFileHasNone) {
    const auto opened = Bundle::open(bundle_);
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    EXPECT_TRUE(opened->entitlements().empty());
}

TEST_F(BundleTest, FindsEntitlementsOfARenamedCopy) {
    std::ofstream(bundle_ / "Other.entitlements")
        << "<plist><dict><key>a</key><true/></dict></plist>";
    ASSERT_TRUE(Bundle::open(bundle_).ok());
    EXPECT_EQ(Bundle::open(bundle_)->entitlements().size(), 1U);
    std::ofstream(bundle_ / "Third.entitlements") << "<plist><dict/></plist>";
    expect_refused("keep one, named Foo.entitlements");
}

TEST_F(BundleTest, RefusesBrokenEntitlements) {
    std::ofstream(bundle_ / "Foo.entitlements") << "<plist>\n<array/></plist>";
    expect_refused("Foo.entitlements: an array of 0 members is the root, must be a dictionary");
    std::ofstream(bundle_ / "Foo.entitlements") << "<plist>\n<dict";
    expect_refused("Foo.entitlements:2:1: `<dict` has no closing `>`");
}

TEST_F(BundleTest, RefusesAnotherAbiAndNamesTheCommand) {
    info_[kAbiKey] = Value(kDextAbi + 1);
    write();
    expect_refused("OpenDextABI: the number " + std::to_string(kDextAbi + 1) +
                   ", this OpenDext runs ABI " + std::to_string(kDextAbi) +
                   ": rebuild it from its sources with: "
                   "opendext build");
    EXPECT_EQ(Bundle::open(bundle_).error().code, Errc::unsupported);
    info_.erase(kAbiKey);
    write();
    expect_refused("rebuild it from its sources with: opendext build");
}

TEST_F(BundleTest, RefusesExecutablesItCannotLoad) {
    fs::remove(bundle_ / "Foo");
    expect_refused("/Foo: is not there: build the dext with: opendext build");
    std::ofstream(bundle_ / "Foo") << "#!/bin/sh\n";
    expect_refused("/Foo: is not an ELF file");
    fs::remove(bundle_ / "Foo");
    fs::copy_file("/proc/self/exe", bundle_ / "Foo");
    expect_refused("/Foo: is an ELF program, must be a shared object");
    fs::remove(bundle_ / "Foo");
    fs::create_symlink(library(), bundle_ / "Foo");
    expect_refused("/Foo: is a symbolic link");
    fs::remove(bundle_ / "Foo");
    fs::create_directory(bundle_ / "Foo");
    expect_refused("/Foo: is not a regular file");
    fs::remove(bundle_ / "Foo");
    fs::copy_file(library(), bundle_ / "Foo");
    fs::permissions(bundle_ / "Foo", fs::perms::owner_write, fs::perm_options::add);
    {
        std::fstream file(bundle_ / "Foo", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(18);
        file.put('\x28').put('\0');  // e_machine of 32-bit ARM
    }
    expect_refused("/Foo: is built for another processor");
}

TEST_F(BundleTest, RefusesWhatIsNoBundle) {
    EXPECT_NE(Bundle::open(bundle_ / "none.dext").error().text().find("is not there"),
              std::string::npos);
    EXPECT_EQ(Bundle::open(bundle_ / "none.dext").error().code, Errc::not_found);
    EXPECT_NE(Bundle::open(bundle_ / "Info.plist").error().text().find("is a file"),
              std::string::npos);
    EXPECT_NE(Bundle::open(folder_).error().text().find("does not end in .dext"),
              std::string::npos);
    fs::remove(bundle_ / "Info.plist");
    expect_refused("has no Info.plist");
}

}  // namespace
}  // namespace opendext::bundle
