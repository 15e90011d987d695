// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/settings.h"

#include <gtest/gtest.h>

namespace opendext::prepared {
namespace {

std::string error_of(const char* text) {
    SandboxSettings settings;
    const Status read = parse_settings(text, "realm.conf", settings);
    return read.ok() ? "" : read.error().text();
}

TEST(SandboxSettings, AllKeys) {
    SandboxSettings settings;
    ASSERT_TRUE(parse_settings("# comment\n"
                               "restart.policy = driverkit\n"
                               "sandbox.require = namespaces, landlock # both\n"
                               "sandbox.layout=8\n"
                               "sandbox.memory = 256 MiB\n"
                               "sandbox.threads = 100\n"
                               "sandbox.cpu = 150 %\n"
                               "sandbox.descriptors = 64\n"
                               "sandbox.address-space = 2GiB\n"
                               "sandbox.cgroup = /sys/fs/cgroup/opendext",
                               "realm.conf", settings)
                    .ok());
    EXPECT_EQ(settings.require, (std::vector<std::string>{"namespaces", "landlock"}));
    EXPECT_EQ(settings.layout, 8u);
    EXPECT_EQ(settings.limits.memory, uint64_t{256} << 20);
    EXPECT_EQ(settings.limits.threads, 100u);
    EXPECT_EQ(settings.limits.cpu_percent, 150u);
    EXPECT_EQ(settings.limits.descriptors, 64u);
    EXPECT_EQ(settings.limits.address_space, uint64_t{2} << 30);
    EXPECT_EQ(settings.cgroup, "/sys/fs/cgroup/opendext");
}

TEST(SandboxSettings, ErrorsNameFileLineKeyAndWhatMayStandThere) {
    EXPECT_EQ(error_of("\nsandbox.cpu = fast\n"),
              "realm.conf:2: sandbox.cpu = fast: expected percent of one processor, for example "
              "150 %, or 0 for no limit");
    EXPECT_NE(error_of("sandbox.colour = red")
                  .find("realm.conf:1: sandbox.colour is unknown; "
                        "there are sandbox.address-space"),
              std::string::npos);
    EXPECT_EQ(error_of("sandbox.memory"), "realm.conf:1: sandbox.memory has no value: key = value");
    for (const char* bad :
         {"sandbox.memory = -1", "sandbox.memory = 99999999999999999999",
          "sandbox.memory = 9999999999 GiB", "sandbox.memory =", "sandbox.threads = 1 MiB",
          "sandbox.cgroup = relative", "sandbox.require = walls", "sandbox. = 1"}) {
        EXPECT_NE(error_of(bad), "") << bad;
    }
}

TEST(SandboxSettings, OtherKeysAreSomebodyElses) {
    EXPECT_EQ(error_of("restart.policy = nonsense\nwhatever\n"), "");
}

TEST(SandboxSettings, NoFileSaysNothing) {
    SandboxSettings settings;
    EXPECT_TRUE(read_settings("/nonexistent/realm.conf", settings).ok());
    EXPECT_EQ(settings.layout, 64u);
}

}  // namespace
}  // namespace opendext::prepared
