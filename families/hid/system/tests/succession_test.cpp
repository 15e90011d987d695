// SPDX-License-Identifier: Apache-2.0
// Drivers that use or play a device: their links, and what becomes of them when opendextd dies.
#include <fcntl.h>
#include <sys/eventfd.h>

#include <fstream>
#include <utility>

#include "HIDDriverKit/IOHIDDevice.system.h"
#include "HIDDriverKit/IOHIDInterface.system.h"
#include "families/hid/open_options.h"
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
    /// A driver that has seized what is plugged.
    EntryId seizing_driver() {
        install("Keys", "IOHIDInterface");
        const EntryId keys = up("Keys");
        EXPECT_EQ(open_link(keys, kSeizes).result, kIOReturnSuccess);
        return keys;
    }
    void succeed() {
        bed.settle();
        bed.succeed();
        program = std::make_unique<FakeClient>(bed);
        bed.settle();
    }
    void install_pads(Dictionary more = {}) {
        bed.scripts["Pad"].hold_start = true;
        more.emplace("IOClass", "AppleUserHIDDevice");
        install("Pad", "IOUserResources", std::move(more));
    }
    struct Pad {
        EntryId entry = kNoEntry;
        uint64_t on_kernel = 0;  ///< which of the opened /dev/uhid it has, from 1; 0: none
    };
    /// Lets the driver of a pad, another one than `last`, play the device that is described.
    Pad play(Dictionary description = {{"ReportDescriptor", Value(kMouse)}},
             EntryId last = kNoEntry) {
        Pad pad;
        EXPECT_TRUE(bed.run_until([&] {
            for (const EntryId id : bed.find_all("Pad")) {
                FakeDriver* driver = bed.driver_of(id);
                if (id > last && driver != nullptr && driver->said("start Pad")) pad.entry = id;
            }
            return pad.entry != kNoEntry;
        })) << bed.log_text();
        publish(pad, std::move(description));
        bed.driver_of(pad.entry)->finish_start(pad.entry, kIOReturnSuccess);
        up("Pad", last);
        (void)bed.driver_of(pad.entry)->call_and_wait(
            system::IOService_RegisterService::encode(pad.entry, {}));
        bed.settle();
        return pad;
    }
    void publish(Pad& pad, Dictionary description) {
        system::IOHIDDevice__Publish::In in;
        in.description.kind = protocol::RefKind::value;
        in.description.value = Value(std::move(description));
        FakeDriver* driver = bed.driver_of(pad.entry);
        const auto published =
            driver->call_and_wait(system::IOHIDDevice__Publish::encode(pad.entry, in));
        EXPECT_EQ(published.io_return, kIOReturnSuccess);
        if (driver->answered_fds.size() == 2) {
            const int uhid = driver->answered_fds.back().get();
            EXPECT_EQ(::eventfd_read(uhid, &pad.on_kernel), 0);
            EXPECT_EQ(::eventfd_write(uhid, pad.on_kernel), 0);
        }
        std::ranges::move(driver->answered_fds, std::back_inserter(control));
    }
    std::vector<UniqueFd> control;  ///< of the device that a driver plays
};

TEST_F(HidSuccessionTest, ADeviceThatEndsBeforeItWasTakenOverLeavesNothingWithTheKeeper) {
    install_pads();
    const EntryId pad = play().entry;
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
    const EntryId keys = seizing_driver();
    succeed();
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnExclusiveAccess);
    bed.driver_of(keys)->die(9);
    const EntryId next = up("Keys", keys);
    EXPECT_EQ(open_link(next, kSeizes).result, kIOReturnSuccess) << bed.log_text();
    EXPECT_EQ(held("hid-user:"), 1U);
}

TEST_F(HidSuccessionTest, ADriverThatDiedMeanwhileIsNoUserAnyMore) {
    const Plugged mouse = plug();
    const EntryId keys = seizing_driver();
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

TEST_F(HidSuccessionTest, ADriverThatLostItsLinkGetsAnotherOne) {
    const Plugged mouse = plug();
    install("Keys", "IOHIDInterface");
    const EntryId keys = up("Keys");
    EXPECT_EQ(open_link(keys, kOpenAgain).result, kIOReturnNotOpen) << "it has none to lose";
    const Link first = open_link(keys);
    ASSERT_EQ(first.result, kIOReturnSuccess);
    const Reply seized = open(mouse.entry, true);
    ASSERT_EQ(seized.code(), 0);
    const Link again = open_link(keys, kOpenAgain | kSeizes);
    EXPECT_EQ(again.result, kIOReturnSuccess) << "who had it open before it was seized stays";
    EXPECT_NE(again.user, first.user);
    EXPECT_EQ(open_link(keys).result, kIOReturnExclusiveAccess);
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnExclusiveAccess);
    EXPECT_EQ(
        ask({mouse.entry, "", "close", {{"user", *find(seized.answer.result, "user")}}}).code(), 0);
    const Reply other = open(mouse.entry);
    EXPECT_EQ(other.code(), 0) << "the driver did not seize it by this";
    system::IOHIDInterface_Close::In in;
    in.forClient.kind = protocol::RefKind::object;
    in.forClient.id = keys;
    const EntryId interface = bed.find("IOHIDInterface");
    EXPECT_EQ(bed.driver_of(keys)
                  ->call_and_wait(system::IOHIDInterface_Close::encode(interface, in))
                  .io_return,
              kIOReturnSuccess);
    EXPECT_EQ(open_link(keys, kOpenAgain).result, kIOReturnNotOpen) << "it has closed it";
    EXPECT_EQ(held("hid-user:"), 1U) << "the program";
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

/// In the system's realm, where drivers make devices of the kernel.
class HidKernelTest : public HidSuccessionTest {
  protected:
    void SetUp() override {
        hid_options = {true, {"/nowhere", "/nowhere"}};
        bed.open_resource = [this](const protocol::keeper::Open& open) {
            const std::string* name = find_string(open.arguments, "name");
            if (name == nullptr || *name != "uhid") return UniqueFd();
            return UniqueFd(::eventfd(++opened, EFD_CLOEXEC));
        };
        HidSuccessionTest::SetUp();
    }
    void TearDown() override { hid_options = {}; }
    static Dictionary described(const char* product) {
        return {{"ReportDescriptor", Value(kMouse)}, {"Product", Value(product)}};
    }
    unsigned opened = 0;
};

TEST_F(HidKernelTest, TheNextDriverGoesOnWithADeviceOfTheKernelThatIsDescribedAsBefore) {
    install_pads();
    const Pad first = play(described("one"));
    EXPECT_EQ(first.on_kernel, 1U);
    bed.driver_of(first.entry)->die(9);
    const Pad second = play(described("one"), first.entry);
    EXPECT_EQ(second.on_kernel, 1U);
    succeed();
    bed.driver_of(second.entry)->die(9);
    const Pad third = play(described("one"), second.entry);
    EXPECT_EQ(third.on_kernel, 1U) << "under the next opendextd too";
    EXPECT_EQ(opened, 1U);
    EXPECT_EQ(held("hid-node:"), 1U);
}

TEST_F(HidKernelTest, ADeviceThatIsDescribedInAnotherWayIsMadeAnew) {
    install_pads();
    const Pad first = play(described("one"));
    bed.driver_of(first.entry)->die(9);
    const Pad second = play(described("two"), first.entry);
    EXPECT_EQ(second.on_kernel, 2U);
    EXPECT_NE(bed.log_text().find("describes another one than before"), std::string::npos);
    EXPECT_EQ(held("hid-node:"), 1U) << "the first one is gone";
    succeed();
    bed.driver_of(second.entry)->die(9);
    Data other = kMouse;
    other[15] = 8;  // eight values of one bit, as before, and a maximum of 8
    const Pad third =
        play({{"ReportDescriptor", Value(other)}, {"Product", Value("two")}}, second.entry);
    EXPECT_EQ(third.on_kernel, 3U) << "another report descriptor";
    EXPECT_EQ(opened, 3U);
    EXPECT_EQ(held("hid-node:"), 1U);
}

TEST_F(HidKernelTest, TwoDriversOfAKindHaveADeviceEach) {
    bed.scripts["Pad"].hold_start = true;
    Dictionary personalities;
    for (const char* category : {"One", "Other"}) {
        personalities.emplace(category, Testbed::personality(kBundle, "Pad", "IOUserResources",
                                                             {{"IOClass", "AppleUserHIDDevice"},
                                                              {"IOMatchCategory", category}}));
    }
    const Status installed = bed.install(bed.write_bundle(kBundle, std::move(personalities)));
    ASSERT_TRUE(installed.ok()) << installed.error().text();
    ASSERT_TRUE(bed.run_until([&] {
        return std::ranges::count_if(bed.find_all("Pad"), [&](EntryId id) {
                   return bed.driver_of(id) != nullptr && bed.driver_of(id)->said("start Pad");
               }) == 2;
    })) << bed.log_text();
    for (const EntryId id : bed.find_all("Pad")) {
        Pad pad{id};
        publish(pad, described("the same"));
        EXPECT_EQ(pad.on_kernel, opened);
    }
    EXPECT_EQ(opened, 2U);
    EXPECT_EQ(held("hid-node:"), 2U);
}

TEST_F(HidSystemTest, AnInputDeviceThatAKilledRealmHeldOffIsGivenBackByTheNextOne) {
    const std::filesystem::path folder = bed.folder / "kernel";
    std::filesystem::create_directories(folder);
    const auto attribute = [&](const std::string& name) { return folder / name; };
    for (const char* name : {"input7", "input8"}) std::ofstream(attribute(name)) << "1\n";
    const std::filesystem::path notes = folder / "notes";
    std::ofstream(notes) << "input7\ninput9\n../nonsense\n";
    bed.open_resource = [&](const protocol::keeper::Open& open) {
        EXPECT_EQ(*find_string(open.arguments, "attribute"), "inhibited");
        const std::string name = *find_string(open.arguments, "name");
        EXPECT_TRUE(name.starts_with("input")) << name;
        return UniqueFd(::open(attribute(name).c_str(), O_WRONLY | O_CLOEXEC));
    };
    // As if the realm began with these.
    hid_options = {true, {"/nowhere", "/nowhere"}, notes};
    bed.succeed();
    hid_options = {};
    const auto state = [&](const char* name) {
        std::string text;
        std::ifstream(attribute(name)) >> text;
        return text;
    };
    EXPECT_TRUE(bed.run_until([&] { return !std::filesystem::exists(notes); }));
    EXPECT_EQ(state("input7"), "0");
    EXPECT_EQ(state("input8"), "1") << "somebody else's";
    EXPECT_NE(bed.log_text().find("the kernel's input7 is given back"), std::string::npos);
}

}  // namespace
}  // namespace opendext::hid::testing
