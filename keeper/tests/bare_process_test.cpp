// SPDX-License-Identifier: Apache-2.0
// Processes that are forked before their bundle is known.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

class BareProcessTest : public KeeperTest, public testing::WithParamInterface<const char*> {
  protected:
    void start() {
        start_keeper({"--without", GetParam()});
        std::ofstream(file()) << "of the bundle";
    }
    std::filesystem::path file() const { return bundle_ / "file"; }
    void expect_refused(const Driver& driver, const std::filesystem::path& path) {
        SCOPED_TRACE(path);
        EXPECT_EQ(driver.ask("read " + path.string()), "EPERM");
        const auto refused = event<wire::Refused>();
        EXPECT_EQ(refused.pid, driver.pid);
        EXPECT_EQ(refused.call, "openat");
        EXPECT_EQ(refused.detail, path.string());
    }
};

TEST_P(BareProcessTest, MayReadNothingBeforeItIsFurnished) {
    start();
    const Driver driver = spawn_bare();
    expect_refused(driver, file());
    expect_refused(driver, "/etc/passwd");
    EXPECT_EQ(driver.ask("descriptors"), "5") << "standard ones, control socket and report socket";
    EXPECT_EQ(driver.ask("thread"), "42");
}

TEST_P(BareProcessTest, MayReadItsBundleFromThenOnUntilTheSecondStep) {
    start();
    const Driver driver = spawn_bare();
    ASSERT_EQ(furnish(driver, bundle_.string() + "/"), "");
    EXPECT_EQ(driver.ask("read " + file().string()), "allowed");
    EXPECT_EQ(driver.ask("read " + (bundle_ / "nothing").string()), "ENOENT");
    expect_refused(driver, "/etc/passwd");
    EXPECT_EQ(driver.ask("map executable"), "allowed");
    EXPECT_EQ(driver.ask("step two"), "closed");
    expect_refused(driver, file());
    EXPECT_EQ(driver.ask("map executable"), "EPERM");
}

TEST_P(BareProcessTest, NothingLeadsOutOfTheBundle) {
    start();
    std::filesystem::create_symlink("/etc/passwd", bundle_ / "link");
    std::filesystem::create_symlink("file", bundle_ / "inner");
    std::filesystem::create_directory_symlink("/etc", bundle_ / "folder");
    ASSERT_EQ(::mkfifo((bundle_ / "pipe").c_str(), 0600), 0);
    const Driver driver = spawn_bare();
    ASSERT_EQ(furnish(driver, bundle_), "");
    for (const char* name : {"link", "inner", "folder/passwd",
                             "../"
                             "bundle",
                             "pipe", ".", "/etc/passwd", "../../../../../etc/passwd"})
        expect_refused(driver, bundle_.string() + "/" + name);
    EXPECT_EQ(driver.ask("read " + file().string()), "allowed");
}

TEST_P(BareProcessTest, IsFurnishedOnce) {
    start();
    const Driver bare = spawn_bare();
    for (const char* path : {"", "relative.dext", "/", "/tmp/.."}) {
        EXPECT_EQ(furnish(bare, path),
                  "\"" + std::string(path) + "\" is no absolute path of a bundle");
    }
    EXPECT_EQ(furnish(bare, bundle_), "");
    EXPECT_NE(furnish(bare, "/etc").find("does not wait for a bundle"), std::string::npos);
    expect_refused(bare, "/etc/passwd");
    EXPECT_NE(furnish(spawn(), "/etc").find("does not wait for a bundle"), std::string::npos)
        << "one that was forked with a bundle";
    Driver nobody;
    nobody.pid = 1;
    EXPECT_NE(furnish(nobody, bundle_).find("does not wait for a bundle"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Features, BareProcessTest,
                         testing::Values("", "landlock", "landlock,mount", "namespaces"),
                         [](const auto& info) {
                             std::string name =
                                 *info.param == '\0' ? "all" : std::string("without_") + info.param;
                             std::replace(name.begin(), name.end(), ',', '_');
                             return name;
                         });

using BareProcess = KeeperTest;

TEST_F(BareProcess, IsNotMadeWhereNobodyCouldOpenItsFiles) {
    start_keeper({"--without", "listener"});
    const std::filesystem::path bundle = std::exchange(bundle_, {});
    auto ends = Socket::pair();
    EXPECT_NE(reason(spawn_message("com.example.Bare", 0, ends->second.take_fd()))
                  .find("nobody could open its files"),
              std::string::npos);
    bundle_ = bundle;
    EXPECT_EQ(spawn().ask("thread"), "42");
}

}  // namespace
}  // namespace opendext::keeper::tests
