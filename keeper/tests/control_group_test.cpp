// SPDX-License-Identifier: Apache-2.0
// Control groups in folders that look like a cgroup v2 hierarchy, and, where this machine lets us,
// in a real one.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "keeper/prepared/cgroup.h"

namespace opendext::prepared {
namespace {

namespace fs = std::filesystem;

class ControlGroups : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/opendext-groups-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        folder_ = name;
        make_group_files(folder_ / "unit");
        write(folder_ / "mounts",
              "proc /proc proc rw 0 0\ncgroup2 " + folder_.string() + " cgroup2 rw 0 0\n");
        write(folder_ / "own", "1:memory:/elsewhere\n0::/unit\n");
    }
    void TearDown() override { fs::remove_all(folder_); }

    static void write(const fs::path& path, const std::string& text) {
        std::ofstream(path) << text;
    }
    static std::string read(const fs::path& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    /// What the kernel makes in a new group.
    static void make_group_files(const fs::path& group) {
        fs::create_directories(group);
        write(group / "cgroup.controllers", "cpuset cpu io memory pids\n");
        for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.type",
                                 "memory.max", "memory.oom.group", "pids.max", "cpu.max"})
            write(group / file, "");
    }
    [[nodiscard]] Result<ControlGroup> found() const {
        return find_control_group({folder_ / "own", folder_ / "mounts"});
    }
    static std::string text_of(const Result<ControlGroup>& group) {
        return group.ok() ? "" : group.error().text();
    }
    fs::path folder_;
};

TEST_F(ControlGroups, WhatIsNotDelegatedIsLeftAlone) {
    EXPECT_NE(text_of(found()).find("is not delegated"), std::string::npos);
}

TEST_F(ControlGroups, TheRootOfAContainerIsTheContainers) {
    make_group_files(folder_);
    write(folder_ / "own", "0::/\n");
    const Result<ControlGroup> group = found();
    ASSERT_TRUE(group.ok()) << text_of(group);
    EXPECT_EQ(group->folder, folder_);
    EXPECT_EQ(group->controllers, (std::vector<std::string>{"cpu", "memory", "pids"}));
    fs::remove(folder_ / "cgroup.type");  // as in the root of the machine
    EXPECT_NE(text_of(found()).find("is not delegated"), std::string::npos);
}

TEST_F(ControlGroups, OnlyAnOldHierarchyIsSaidToBeOne) {
    write(folder_ / "mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n");
    EXPECT_EQ(text_of(found()), "no cgroup v2 hierarchy is mounted");
}

TEST_F(ControlGroups, AGroupWithoutControllersIsOfNoUse) {
    write(folder_ / "unit" / "cgroup.controllers", "hugetlb\n");
    EXPECT_NE(text_of(control_group_at(folder_ / "unit")).find("none of the controllers"),
              std::string::npos);
    EXPECT_NE(text_of(control_group_at(folder_ / "nowhere")).find("cannot write"),
              std::string::npos);
}

TEST_F(ControlGroups, ClaimingHandsControllersDownAndRemovesLeftovers) {
    const fs::path unit = folder_ / "unit";
    make_group_files(unit / "opendext");
    fs::create_directory(unit / "driver-7");
    const Result<ControlGroup> group = control_group_at(unit);
    ASSERT_TRUE(group.ok()) << text_of(group);
    const Status claimed = claim_group(*group);
    ASSERT_TRUE(claimed.ok()) << claimed.error().text();
    EXPECT_EQ(read(unit / "cgroup.subtree_control"), "+cpu +memory +pids");
    EXPECT_FALSE(fs::exists(unit / "driver-7"));
}

TEST_F(ControlGroups, ADriversGroupHasItsLimits) {
    const fs::path unit = folder_ / "unit";
    make_group_files(unit / "driver-1");
    const Limits limits{.memory = 1 << 20, .threads = 50, .cpu_percent = 150};
    const Result<DriverGroup> group = make_group(unit, "1", {"cpu", "memory", "pids"}, limits);
    ASSERT_TRUE(group.ok()) << group.error().text();
    EXPECT_TRUE(group->fd.valid());
    EXPECT_EQ(read(group->folder / "memory.max"), "1048576");
    EXPECT_EQ(read(group->folder / "memory.oom.group"), "1");
    EXPECT_EQ(read(group->folder / "pids.max"), "50");
    EXPECT_EQ(read(group->folder / "cpu.max"), "150000 100000");
}

TEST_F(ControlGroups, LimitsWithoutControllerOrValueAreLeftOut) {
    const fs::path unit = folder_ / "unit";
    make_group_files(unit / "driver-2");
    const Limits limits{.memory = 0, .threads = 50, .cpu_percent = 0};
    const Result<DriverGroup> group = make_group(unit, "2", {"cpu", "memory"}, limits);
    ASSERT_TRUE(group.ok()) << group.error().text();
    for (const char* file : {"memory.max", "pids.max", "cpu.max"})
        EXPECT_EQ(read(group->folder / file), "") << file;
}

TEST_F(ControlGroups, RealOnesCanBeMadeAndGo) {
    fs::path mount;
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string device, place, kind;
        words >> device >> place >> kind;
        if (kind == "cgroup2") mount = place;
    }
    if (mount.empty() || ::access((mount / "cgroup.procs").c_str(), W_OK) != 0)
        GTEST_SKIP() << "no cgroup v2 hierarchy that this user may write to";
    const std::string name = "test-" + std::to_string(::getpid());
    const Result<DriverGroup> group = make_group(mount, name, {}, {});
    ASSERT_TRUE(group.ok()) << group.error().text();
    EXPECT_TRUE(fs::exists(group->folder / "cgroup.procs"));
    const Result<ControlGroup> inside = control_group_at(group->folder);
    // Only what the parent hands down is there.
    EXPECT_EQ(inside.ok(), text_of(inside).empty());
    EXPECT_EQ(::rmdir(group->folder.c_str()), 0);
}

}  // namespace
}  // namespace opendext::prepared
