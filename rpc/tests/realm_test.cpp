// SPDX-License-Identifier: Apache-2.0
#include "rpc/realm.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "rpc/socket.h"

namespace opendext {
namespace {

namespace fs = std::filesystem;

class RealmTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/opendext-rpc-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        folder_ = name;
        for (const char* variable : {"OPENDEXT_REALM", "XDG_RUNTIME_DIR", "OPENDEXT_PREFIX"}) {
            const char* value = std::getenv(variable);
            before_.emplace_back(
                variable, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
            ::unsetenv(variable);
        }
    }
    void TearDown() override {
        for (const auto& [variable, value] : before_) {
            value ? ::setenv(variable.c_str(), value->c_str(), 1) : ::unsetenv(variable.c_str());
        }
        fs::remove_all(folder_);
    }
    fs::path folder_;
    std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST_F(RealmTest, EverythingLiesBelowTheRoot) {
    const Realm realm(folder_ / "a" / "b");
    ASSERT_TRUE(realm.create().ok());
    EXPECT_FALSE(realm.is_system());
    for (const fs::path& path : {realm.socket(), realm.keeper_pid(), realm.devices(),
                                 realm.extensions(), realm.log(), realm.crashes()}) {
        EXPECT_TRUE(path.string().starts_with(realm.root().string() + "/")) << path;
        EXPECT_TRUE(fs::is_directory(path.parent_path())) << path;
    }
    EXPECT_EQ(fs::status(realm.root()).permissions(), fs::perms::owner_all)
        << "nobody else's business";
    EXPECT_TRUE(realm.create().ok()) << "again";
}

TEST_F(RealmTest, RelativeRootsBecomeAbsolute) {
    const fs::path before = fs::current_path();
    fs::current_path(folder_);
    const Realm realm("x/../realm");
    fs::current_path(before);
    EXPECT_EQ(realm.root(), fs::path(folder_ / "realm"));
}

TEST_F(RealmTest, AFileInTheWayIsAnErrorThatNamesIt) {
    std::ofstream(folder_ / "file") << "x";
    const Status created = Realm(folder_ / "file").create();
    ASSERT_FALSE(created.ok());
    EXPECT_NE(created.error().text().find((folder_ / "file").string()), std::string::npos);
    EXPECT_FALSE(Realm(folder_ / "file" / "realm").create().ok());
}

TEST_F(RealmTest, OptionWinsOverVariableWinsOverTheUsersOwn) {
    EXPECT_EQ(Realm::select("/r/option").root(), "/r/option");
    ::setenv("OPENDEXT_REALM", "/r/variable", 1);
    EXPECT_EQ(Realm::select("/r/option").root(), "/r/option");
    EXPECT_EQ(Realm::select().root(), "/r/variable");
    ::setenv("OPENDEXT_REALM", "", 1);
    ::setenv("XDG_RUNTIME_DIR", "/r/runtime", 1);
    if (Socket::connect(Realm::system().socket()).ok())
        GTEST_SKIP() << "a system realm is up on this machine";
    EXPECT_EQ(Realm::select().root(), "/r/runtime/opendext");
    ::setenv("XDG_RUNTIME_DIR", "relative", 1);
    EXPECT_EQ(Realm::select().root(), "/tmp/opendext-" + std::to_string(::getuid()));
}

TEST_F(RealmTest, TheSystemRealmKeepsStateAcrossReboots) {
    const Realm system = Realm::system();
    EXPECT_TRUE(system.is_system());
    EXPECT_EQ(system.socket(), "/run/opendext/run/opendextd.sock");
    EXPECT_EQ(system.extensions(), "/var/lib/opendext/extensions");
    EXPECT_TRUE(Realm("/run/../run/opendext").is_system());
}

TEST_F(RealmTest, InstallationIsFoundFromTheProgramOrTheVariable) {
    EXPECT_EQ(installation_prefix(),
              fs::read_symlink("/proc/self/exe").parent_path().parent_path());
    ::setenv("OPENDEXT_PREFIX", "/opt/opendext", 1);
    EXPECT_EQ(installation_prefix(), "/opt/opendext");
}

}  // namespace
}  // namespace opendext
