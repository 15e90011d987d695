// SPDX-License-Identifier: Apache-2.0
// Drivers that are just coming up when opendextd dies.
#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

constexpr const char* kBundle = "com.example.widget";

class SuccessionTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.classes["Widget"] = "IOService";
        bed.outlived = true;
        bed.options.restart.spare_processes = 0;
        bed.start();
        // The keeper's answer to Spawn is on its way for long: processes are quicker.
        bed.hold_spawned = true;
        const Status installed = bed.install(bed.write_bundle(
            kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}}));
        ASSERT_TRUE(installed.ok()) << installed.error().text();
        ASSERT_TRUE(bed.run_until([&] { return started() != kNoEntry; }));
        bed.settle();
        ASSERT_EQ(bed.drivers.size(), 1U);
    }
    /// The driver's object, when it has started.
    EntryId started() {
        for (const EntryId id : bed.find_all("Widget")) {
            if (bed.state(id) == InstanceState::started) return id;
        }
        return kNoEntry;
    }
    Testbed bed;
};

TEST_F(SuccessionTest, ADriverThatCameUpBeforeTheKeeperToldOfItIsAdopted) {
    const EntryId widget = started();
    bed.tell_spawned();
    bed.settle();
    bed.succeed();
    EXPECT_FALSE(bed.drivers.front().dead) << bed.log_text();
    EXPECT_EQ(started(), widget);
    EXPECT_EQ(bed.driver_of(widget), &bed.drivers.front());
    EXPECT_EQ(bed.drivers.size(), 1U);
    // It is watched: its end is heard of, and another one takes its place.
    bed.drivers.front().die(9);
    ASSERT_TRUE(bed.run_until([&] { return started() != kNoEntry && started() != widget; }));
}

TEST_F(SuccessionTest, OneOfWhichTheKeeperHadNotToldYetIsReplaced) {
    const EntryId widget = started();
    bed.hold_spawned = false;
    bed.succeed();
    ASSERT_TRUE(bed.run_until([&] { return started() != kNoEntry && started() != widget; }))
        << bed.log_text();
    EXPECT_TRUE(bed.drivers.front().dead) << "nobody would have ended it";
    EXPECT_EQ(bed.alive().size(), 1U);
    EXPECT_EQ(bed.driver_of(started()), bed.alive().front());
}

}  // namespace
}  // namespace opendext::daemon::testing
