// SPDX-License-Identifier: Apache-2.0
// Drivers that use or play a device, when opendextd dies.
#include <utility>

#include "HIDDriverKit/IOHIDDevice.system.h"
#include "HIDDriverKit/IOHIDInterface.system.h"
#include "families/hid/link/report_link.h"
#include "families/hid/system/tests/hid_bed.h"

namespace opendext::hid::testing {
namespace {

constexpr const char* kBundle = "com.example.input";
constexpr uint32_t kSeizes = 1;

class HidSuccessionTest : public HidSystemTest {
  protected:
    void SetUp() override {
        for (const char* name : {"Keys", "Pad"}) bed.classes[name] = "IOService";
        bed.options.restart.spare_processes = 0;
        HidSystemTest::SetUp();
    }
    void install(const std::string& user_class, const std::string& provider, Dictionary more = {}) {
        const Status status = bed.install(bed.write_bundle(
            kBundle,
            {{user_class, Testbed::personality(kBundle, user_class, provider, std::move(more))}}));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    /// A started object of the class, another one than `last`.
    EntryId up(const std::string& name, EntryId last = kNoEntry) {
        EntryId found = kNoEntry;
        EXPECT_TRUE(bed.run_until([&] {
            for (const EntryId id : bed.find_all(name)) {
                if (id != last && bed.state(id) == InstanceState::started) found = id;
            }
            return found != kNoEntry;
        })) << name
            << bed.log_text();
        bed.settle();
        return found;
    }
    struct Link {
        int32_t result = 0;
        uint32_t user = 0;
    };
    Link open_link(EntryId object, uint32_t options = 0) {
        system::IOHIDInterface__OpenLink::In in;
        in.forClient.kind = protocol::RefKind::object;
        in.forClient.id = object;
        in.options = options;
        const EntryId interface = bed.daemon->registry().find(object)->provider();
        const auto answer = bed.driver_of(object)->call_and_wait(
            system::IOHIDInterface__OpenLink::encode(interface, in));
        Link link{answer.io_return, 0};
        if (answer.io_return == kIOReturnSuccess) {
            system::IOHIDInterface__OpenLink::OutLayout layout;
            EXPECT_EQ(answer.plain.size(), sizeof layout);
            std::memcpy(&layout, answer.plain.data(), sizeof layout);
            link.user = layout.user;
        }
        return link;
    }
    void succeed() {
        bed.settle();
        bed.succeed();
        program = std::make_unique<FakeClient>(bed);
        bed.settle();
    }
    /// A device that a driver plays.
    EntryId play() {
        bed.scripts["Pad"].hold_start = true;
        install("Pad", "IOUserResources", {{"IOClass", "AppleUserHIDDevice"}});
        EntryId pad = kNoEntry;
        EXPECT_TRUE(bed.run_until([&] {
            pad = bed.find("Pad");
            return pad != kNoEntry && bed.driver_of(pad) != nullptr &&
                   bed.driver_of(pad)->said("start Pad");
        }));
        system::IOHIDDevice__Publish::In in;
        in.description.kind = protocol::RefKind::value;
        in.description.value = Value(Dictionary{{"ReportDescriptor", Value(kMouse)}});
        FakeDriver* driver = bed.driver_of(pad);
        EXPECT_EQ(driver->call_and_wait(system::IOHIDDevice__Publish::encode(pad, in)).io_return,
                  kIOReturnSuccess);
        control = std::move(driver->answered_fds);
        driver->finish_start(pad, kIOReturnSuccess);
        up("Pad");
        (void)driver->call_and_wait(system::IOService_RegisterService::encode(pad, {}));
        bed.settle();
        return pad;
    }
    std::vector<UniqueFd> control;  ///< of the device that a driver plays
};

TEST_F(HidSuccessionTest, ADeviceThatEndsBeforeItWasTakenOverLeavesNothingWithTheKeeper) {
    const EntryId pad = play();
    const Reply user = open(pad);
    ASSERT_EQ(user.code(), 0) << user.reason();
    bed.settle();
    EXPECT_EQ(held("hid-device:"), 1U);
    EXPECT_EQ(held("hid-user:"), 1U);
    bed.hold_fetched = true;
    FakeDriver* driver = bed.driver_of(pad);
    bed.succeed();
    ASSERT_EQ(bed.driver_of(pad), driver) << bed.log_text();
    driver->die(9);
    ASSERT_TRUE(gone(pad));
    bed.tell_fetched();
    bed.settle();
    EXPECT_EQ(held("hid-device:"), 0U);
    EXPECT_EQ(held("hid-user:"), 0U);
}

TEST_F(HidSuccessionTest, ASeizedDeviceIsFreeAgainWhenItsDriverDiesUnderTheNextOpendextd) {
    const Plugged mouse = plug();
    install("Keys", "IOHIDInterface");
    const EntryId keys = up("Keys");
    ASSERT_EQ(open_link(keys, kSeizes).result, kIOReturnSuccess);
    succeed();
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnExclusiveAccess);
    bed.driver_of(keys)->die(9);
    const EntryId next = up("Keys", keys);
    EXPECT_EQ(open_link(next, kSeizes).result, kIOReturnSuccess) << bed.log_text();
    EXPECT_EQ(held("hid-user:"), 1U);
}

TEST_F(HidSuccessionTest, ADriverThatDiedMeanwhileIsNoUserAnyMore) {
    const Plugged mouse = plug();
    install("Keys", "IOHIDInterface");
    const EntryId keys = up("Keys");
    ASSERT_EQ(open_link(keys, kSeizes).result, kIOReturnSuccess);
    bed.settle();
    bed.hold_fetched = true;
    bed.succeed();
    bed.driver_of(keys)->die(9);
    ASSERT_TRUE(gone(keys));
    bed.tell_fetched();
    program = std::make_unique<FakeClient>(bed);
    EXPECT_EQ(open(mouse.entry).code(), 0);
    EXPECT_TRUE(bed.run_until([&] { return held("hid-user:") == 1; })) << "the program";
}

TEST_F(HidSuccessionTest, AnOpenWhoseAnswerWasLostIsAnsweredByTheNextOpendextd) {
    const Plugged mouse = plug();
    install("Keys", "IOHIDInterface");
    const EntryId keys = up("Keys");
    const Link first = open_link(keys, kSeizes);
    ASSERT_EQ(first.result, kIOReturnSuccess);
    EXPECT_EQ(open_link(keys).result, kIOReturnExclusiveAccess) << "it has it open already";
    succeed();
    const Link again = open_link(keys, kSeizes);
    ASSERT_EQ(again.result, kIOReturnSuccess) << bed.log_text();
    EXPECT_NE(again.user, first.user);
    EXPECT_EQ(held("hid-user:"), 1U);
    EXPECT_EQ(open_link(keys).result, kIOReturnExclusiveAccess) << "once only";
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnExclusiveAccess) << "seized";
}

TEST_F(HidSuccessionTest, AnOpenWaitsUntilTheDeviceIsTakenOverAndIsAnsweredIfItGoesInstead) {
    Plugged mouse = plug();
    bed.settle();
    bed.hold_fetched = true;
    bed.succeed();
    program = std::make_unique<FakeClient>(bed);
    const uint64_t serial =
        program->send(client::FamilyRequest{mouse.entry, "", "open", {{"options", Value(0)}}});
    bed.settle();
    EXPECT_FALSE(program->answers.contains(serial));
    EXPECT_EQ(ask({mouse.entry, "", "unplug", {}}).code(), 0);
    ASSERT_TRUE(bed.run_until([&] { return program->answers.contains(serial); }));
    const auto answer = decode<client::FamilyAnswer>(program->answers.at(serial));
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->outcome.io_return, kIOReturnNoDevice) << answer->outcome.reason;
    bed.tell_fetched();
    bed.settle();
    EXPECT_EQ(held("hid-"), 0U);
}

}  // namespace
}  // namespace opendext::hid::testing
