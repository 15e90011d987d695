// SPDX-License-Identifier: Apache-2.0
#include "keeper/nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

namespace fs = std::filesystem;

class NodesTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/opendext-keeper-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        folder_ = name;
        fs::create_directory(devices());
        fs::create_directory(system());
        terminal_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        ASSERT_EQ(::unlockpt(terminal_.get()), 0);
        char path[64];
        ASSERT_EQ(::ptsname_r(terminal_.get(), path, sizeof path), 0);
        target_ = path;
    }
    void TearDown() override { fs::remove_all(folder_); }
    fs::path devices() const { return folder_ / "realm"; }
    fs::path system() const { return folder_ / "dev"; }
    static std::string text(const Status& status) {
        return status.ok() ? "" : status.error().text();
    }

    fs::path folder_;
    UniqueFd terminal_;
    std::string target_;
};

TEST_F(NodesTest, PublishesAndRemoves) {
    Nodes nodes(devices(), std::nullopt);
    EXPECT_EQ(text(nodes.publish({"cu.one", target_, "", 0})), "");
    EXPECT_EQ(fs::read_symlink(devices() / "cu.one"), target_);
    EXPECT_TRUE(fs::is_empty(system()));
    EXPECT_EQ(text(nodes.remove("cu.one")), "");
    EXPECT_TRUE(fs::is_empty(devices()));
    EXPECT_EQ(text(nodes.remove("cu.one")), "device node cu.one is not published");
}

TEST_F(NodesTest, RefusesNamesThatAreNoFileNames) {
    Nodes nodes(devices(), std::nullopt);
    for (const std::string& name :
         {std::string(), std::string("../x"), std::string("a/b"), std::string("."),
          std::string(".."), std::string(".hidden"), std::string("a\nb"), std::string(256, 'x')}) {
        const Status status = nodes.publish({name, target_, "", 0});
        ASSERT_FALSE(status.ok()) << name;
        EXPECT_EQ(status.error().code, Errc::invalid) << name;
        EXPECT_NE(status.error().message.find("is not allowed: it "), std::string::npos);
    }
    EXPECT_TRUE(fs::is_empty(devices()));
    EXPECT_EQ(text(nodes.publish({std::string(255, 'x'), target_, "", 0})), "");
}

TEST_F(NodesTest, RefusesARelativeTarget) {
    Nodes nodes(devices(), std::nullopt);
    for (const char* target : {"", "pts/3"})
        EXPECT_FALSE(nodes.publish({"cu.one", target, "", 0}).ok());
    EXPECT_TRUE(fs::is_empty(devices()));
}

TEST_F(NodesTest, RefusesATakenName) {
    Nodes nodes(devices(), system());
    ASSERT_TRUE(nodes.publish({"cu.one", target_, "", 0}).ok());
    EXPECT_EQ(text(nodes.publish({"cu.one", target_, "", 0})), "") << "it is there already";
    const Status again = nodes.publish({"cu.one", target_ + "1", "", 0});
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, Errc::exists);
    EXPECT_NE(again.error().text().find("cu.one exists already"), std::string::npos);
    EXPECT_EQ(fs::read_symlink(devices() / "cu.one"), target_);

    // Taken by a device of the system: nothing half-made stays in the realm.
    std::ofstream(system() / "cu.two") << "somebody else's";
    EXPECT_EQ(nodes.publish({"cu.two", target_, "", 0}).error().code, Errc::exists);
    EXPECT_FALSE(fs::exists(fs::symlink_status(devices() / "cu.two")));
    EXPECT_EQ(read_file(system() / "cu.two"), "somebody else's");
}

TEST_F(NodesTest, SystemRealmGivesGroupAndMode) {
    Nodes nodes(devices(), system());
    EXPECT_EQ(text(nodes.publish({"cu.one", target_, "", 0660})), "");
    EXPECT_EQ(fs::read_symlink(system() / "cu.one"), target_);
    struct stat status{};
    ASSERT_EQ(::stat(target_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0660u);
    EXPECT_EQ(text(nodes.publish({"cu.two", target_, "no-such-group", 0660})),
              "there is no group no-such-group");
    EXPECT_FALSE(fs::exists(fs::symlink_status(system() / "cu.two")));
    EXPECT_FALSE(fs::exists(fs::symlink_status(devices() / "cu.two")));
}

TEST_F(NodesTest, ChangesTheModeOfTerminalsOnly) {
    Nodes nodes(devices(), system());
    const fs::path victim = folder_ / "victim";
    std::ofstream(victim) << "x";
    fs::permissions(victim, fs::perms::owner_read);
    for (const std::string& target :
         {victim.string(), "/dev/pts/../../" + victim.string(), std::string("/dev/pts/")}) {
        const Status status = nodes.publish({"cu.one", target, "", 0666});
        ASSERT_FALSE(status.ok()) << target;
        EXPECT_EQ(status.error().code, Errc::not_permitted);
    }
    EXPECT_EQ(fs::status(victim).permissions(), fs::perms::owner_read);
    EXPECT_TRUE(fs::is_empty(devices()));
    EXPECT_TRUE(fs::is_empty(system()));
}

TEST_F(NodesTest, DestructorRemovesOnlyOwnNodes) {
    {
        Nodes nodes(devices(), system());
        ASSERT_TRUE(nodes.publish({"cu.one", target_, "", 0}).ok());
        ASSERT_TRUE(nodes.publish({"cu.two", target_, "", 0}).ok());
        fs::remove(system() / "cu.two");
        fs::create_symlink("/dev/zero", system() / "cu.two");
    }
    EXPECT_TRUE(fs::is_empty(devices()));
    EXPECT_FALSE(fs::exists(fs::symlink_status(system() / "cu.one")));
    EXPECT_EQ(fs::read_symlink(system() / "cu.two"), "/dev/zero");
}

TEST_F(NodesTest, LeftoversOfAKilledKeeperGo) {
    fs::create_symlink(target_, devices() / "cu.old");
    fs::create_symlink(target_, system() / "cu.old");
    fs::create_symlink("/dev/zero", devices() / "cu.other");
    fs::create_symlink("/dev/null", system() / "cu.other");
    Nodes(devices(), system()).remove_leftovers();
    EXPECT_TRUE(fs::is_empty(devices()));
    EXPECT_FALSE(fs::exists(fs::symlink_status(system() / "cu.old")));
    EXPECT_EQ(fs::read_symlink(system() / "cu.other"), "/dev/null");
}

}  // namespace
}  // namespace opendext::keeper::tests
