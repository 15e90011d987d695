// SPDX-License-Identifier: Apache-2.0
// Namespaces and layouts of one driver beside another's, the list of rights, and strict mode.
#include <unistd.h>

#include <fstream>
#include <set>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

namespace fs = std::filesystem;

class Strictness : public KeeperTest {
  protected:
    void write_settings(const std::string& text) {
        fs::create_directories(root_);
        std::ofstream(root_ / "realm.conf") << text;
    }
    std::string refusal() {
        auto ends = Socket::pair();
        return reason(spawn_message("com.example.Tester", 0, ends->second.take_fd()));
    }
    static std::string space(const Driver& driver, const std::string& kind) {
        return fs::read_symlink("/proc/" + std::to_string(driver.pid) + "/ns/" + kind).string();
    }
    static std::set<std::string> strings(const Dictionary& rights, const char* part,
                                         const char* name) {
        std::set<std::string> result;
        const Value* found = find(rights, part);
        if (found == nullptr || found->dictionary() == nullptr) return result;
        const Value* list = find(*found->dictionary(), name);
        if (list == nullptr || list->array() == nullptr) return result;
        for (const Value& value : *list->array()) result.insert(*value.string());
        return result;
    }
};

TEST_F(Strictness, DriversShareNothingButAnEmptyNetwork) {
    start_keeper();
    const Driver one = spawn();
    const Driver other = spawn();
    const std::set<std::string> own = strings(one.rights, "namespaces", "own");
    if (own.empty()) GTEST_SKIP() << one.sandbox;
    for (const std::string& kind : own) {
        const std::string file = kind == "mount" ? "mnt" : kind;
        EXPECT_NE(space(one, file), space(other, file)) << kind;
    }
    EXPECT_TRUE(own.contains("pid"));
    EXPECT_TRUE(own.contains("ipc"));
    EXPECT_EQ(space(one, "net"), space(other, "net"));
    EXPECT_NE(space(one, "net"), fs::read_symlink("/proc/self/ns/net").string());
    EXPECT_EQ(one.ask("pid"), "2") << "1 is an init, so that signals end a driver as ever";
}

TEST_F(Strictness, LayoutsAreNotSharedForEverAndNothingIsLostMeanwhile) {
    start_keeper({"--layout", "3"});
    std::vector<Driver> drivers;
    std::set<std::string> layouts;
    // The successor takes over when it is ready, which is not at a certain fork.
    for (int i = 0; i < 400 && layouts.size() < 3; ++i) {
        drivers.push_back(spawn());
        ASSERT_GT(drivers.back().pid, 0);
        layouts.insert(drivers.back().ask("layout"));
        if (drivers.size() >= 20) drivers.erase(drivers.begin());
    }
    EXPECT_GE(layouts.size(), 3u);
    for (const Driver& driver : drivers) EXPECT_EQ(driver.ask("thread"), "42");
}

TEST_F(Strictness, OneLayoutForAllIfTheRealmWantsThat) {
    write_settings("sandbox.layout = 0\n");
    start_keeper();
    std::set<std::string> layouts;
    for (int i = 0; i < 10; ++i) layouts.insert(spawn().ask("layout"));
    EXPECT_EQ(layouts.size(), 1u);
}

TEST_F(Strictness, AMissingPartIsNamedAndDriversAreRefused) {
    start_keeper({"--without", "landlock", "--require", "namespaces,landlock"});
    const std::string why = refusal();
    EXPECT_NE(why.find("this realm asks for landlock"), std::string::npos) << why;
    EXPECT_NE(why.find("a kernel from 5.13 on"), std::string::npos) << why;
}

TEST_F(Strictness, TheRealmsSettingsCanAskToo) {
    write_settings("restart.policy = standard  # opendextd's\nsandbox.require = listener\n");
    start_keeper({"--without", "listener"});
    EXPECT_NE(refusal().find("this realm asks for listener"), std::string::npos) << refusal();
}

TEST_F(Strictness, WhatIsThereIsNoReasonToRefuse) {
    start_keeper({"--require", "listener"});
    const Driver driver = spawn();
    if (driver.pid == 0) GTEST_SKIP() << "this machine has no listener";
    EXPECT_EQ(driver.ask("thread"), "42");
}

TEST_F(Strictness, SettingsThatCannotBeReadStartNothing) {
    write_settings("\nsandbox.memory = plenty\n");
    start_keeper();
    EXPECT_NE(refusal().find("realm.conf:2: sandbox.memory = plenty: expected a size"),
              std::string::npos)
        << refusal();
}

TEST_F(Strictness, AnUnknownPartIsRefusedWithThoseThatThereAre) {
    start_keeper({"--require", "moat"});
    EXPECT_NE(refusal().find("\"moat\" is no part of the sandbox; there are namespaces"),
              std::string::npos)
        << refusal();
}

TEST_F(Strictness, RightsAreAList) {
    start_keeper({"--without", "landlock"});
    const Driver driver = spawn();
    EXPECT_EQ(strings(driver.rights, "calls", "lists"), std::set<std::string>{"runtime"});
    EXPECT_EQ(strings(driver.rights, "files", "read while loading"),
              std::set<std::string>{bundle_.string()});
    const Value* limits = find(driver.rights, "limits");
    ASSERT_NE(limits, nullptr);
    EXPECT_EQ(find_number(*limits->dictionary(), "descriptors")->raw, 4096u);
    const Value* missing = find(driver.rights, "missing");
    ASSERT_NE(missing, nullptr);
    bool named = false;
    for (const Value& part : *missing->array()) {
        EXPECT_FALSE(find_string(*part.dictionary(), "why")->empty());
        EXPECT_FALSE(find_string(*part.dictionary(), "price")->empty());
        named |= *find_string(*part.dictionary(), "item") == "landlock";
    }
    EXPECT_TRUE(named);
}

}  // namespace
}  // namespace opendext::keeper::tests
