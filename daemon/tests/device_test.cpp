// SPDX-License-Identifier: Apache-2.0
// A nub that stands for a device which Linux has a driver for: claimed before the first driver of
// ours, given back after the last; and exclusive access by Open and Close.
#include "daemon/tests/manual_clock.h"
#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBundle = "com.example.widget";
constexpr const char* kDevice = "TestDevice";

/// A family with one device.
class DeviceFamily final : public Family {
  public:
    explicit DeviceFamily(FamilyHost& family_host) : host(family_host) { latest = this; }
    [[nodiscard]] std::vector<ClassDeclaration> classes() const override {
        return {{kDevice, "IOService", {}, false, "org.opendext.test", newcomers_compete}};
    }
    void realm_started() override {
        if (const auto left = host.left(kDevice); !left.empty()) {
            device = left.front();
            return;
        }
        NewEntry entry;
        entry.provider = host.user_resources();
        entry.class_name = kDevice;
        device = *host.publish(std::move(entry));
    }
    void claim_device(const Entry& nub, std::function<void(Status)> done) override {
        EXPECT_EQ(nub.id, device);
        trace.emplace_back("claim");
        if (hold_claim) {
            held = std::move(done);
        } else {
            done(refuse_claim ? Status(Error{Errc::system, 16, "the kernel keeps it"}) : success());
        }
    }
    void give_back_device(const Entry& nub, std::string_view why) override {
        EXPECT_EQ(nub.id, device);
        trace.push_back("give back: " + std::string(why));
    }
    void provider_closed(const Entry& provider, EntryId client, bool forced) override {
        EXPECT_EQ(provider.id, device);
        closed.emplace_back(client, forced);
    }

    FamilyHost& host;
    EntryId device = kNoEntry;
    bool hold_claim = false;
    bool refuse_claim = false;
    std::function<void(Status)> held;
    std::vector<std::string> trace;
    std::vector<std::pair<EntryId, bool>> closed;
    static DeviceFamily* latest;
    static bool newcomers_compete;
};
DeviceFamily* DeviceFamily::latest = nullptr;
bool DeviceFamily::newcomers_compete = false;

class DeviceTest : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"Widget", "Gadget"}) bed.classes[name] = "IOService";
        bed.options.clock = &clock;
        bed.outlived = true;
        bed.options.families = {{"device", [](FamilyHost& host) -> std::unique_ptr<Family> {
                                     return std::make_unique<DeviceFamily>(host);
                                 }}};
        bed.start();
        family = DeviceFamily::latest;
    }
    static Dictionary on_device(const std::string& user_class, int64_t score,
                                Dictionary more = {}) {
        more.insert_or_assign("IOProbeScore", score);
        return Testbed::personality(kBundle, user_class, kDevice, std::move(more));
    }
    void install(Dictionary personalities) {
        const Status status = bed.install(bed.write_bundle(kBundle, std::move(personalities)));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    FakeDriver* up(const std::string& name, const FakeDriver* last = nullptr) {
        FakeDriver* found = nullptr;
        EXPECT_TRUE(bed.run_until([&] {
            const Instance* instance = bed.daemon->lifecycle().find(bed.find(name));
            if (instance == nullptr || !instance->running()) return false;
            found = bed.driver_of(instance->entry);
            return found != last;
        })) << name;
        bed.settle();
        return found;
    }
    void terminate(const std::string& name) {
        const EntryId id = bed.find(name);
        bed.driver_of(id)->call_and_wait(system::IOService_Terminate::encode(id, {}));
        ASSERT_TRUE(bed.run_until([&] { return bed.daemon->registry().find(id) == nullptr; }));
        bed.settle();
    }
    ManualClock clock;
    Testbed bed;
    DeviceFamily* family = nullptr;
};

using Trace = std::vector<std::string>;

TEST_F(DeviceTest, IsLeftAloneWhileNoDriverWantsIt) {
    bed.settle();
    EXPECT_EQ(family->trace, Trace{});
    EXPECT_TRUE(bed.daemon->registry().find(family->device)->matched);
}

TEST_F(DeviceTest, IsClaimedBeforeTheFirstDriverStartsAndGivenBackAfterTheLast) {
    family->hold_claim = true;
    install({{"Widget", on_device("Widget", 20)}, {"Gadget", on_device("Gadget", 10)}});
    ASSERT_TRUE(bed.run_until([&] { return family->held != nullptr; }));
    bed.settle();
    EXPECT_TRUE(bed.drivers.empty()) << "no driver before the kernel's has let go";
    family->held(success());
    up("Widget");
    terminate("Widget");
    up("Gadget");
    EXPECT_EQ(family->trace, Trace{"claim"}) << "between two of ours the kernel's is not asked";
    terminate("Gadget");
    EXPECT_EQ(family->trace, (Trace{"claim", "give back: no driver has it"}));
    // Registered again it is claimed again.
    family->hold_claim = false;
    bed.daemon->lifecycle().register_service(family->device);
    up("Widget");
    EXPECT_EQ(family->trace.back(), "claim");
}

TEST_F(DeviceTest, ThatCannotBeClaimedGetsNoDriver) {
    family->refuse_claim = true;
    install({{"Widget", on_device("Widget", 20)}});
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("the kernel keeps it") != std::string::npos; }));
    bed.settle();
    EXPECT_TRUE(bed.drivers.empty());
    EXPECT_EQ(family->trace, Trace{"claim"});
    EXPECT_EQ(bed.daemon->registry().find(bed.daemon->registry().root())->busy, 0U);
}

TEST_F(DeviceTest, IsKeptForADriverThatIsRestartedAndGivenBackInQuarantine) {
    bed.scripts["Gadget"].start_result = kIOReturnNoDevice;
    install({{"Widget", on_device("Widget", 20)}, {"Gadget", on_device("Gadget", 10)}});
    FakeDriver* last = nullptr;
    for (const auto wait : {0s, 2s, 4s, 8s}) {
        last = up("Widget", last);
        last->die(11);
        bed.settle();
        EXPECT_EQ(family->trace, Trace{"claim"}) << wait.count();
        clock.advance(wait);
    }
    up("Widget", last)->die(11);
    ASSERT_TRUE(bed.run_until([&] { return family->trace.size() == 2; }));
    EXPECT_EQ(family->trace.back(), "give back: no driver has it");
    EXPECT_TRUE(bed.run_until([&] { return bed.alive().empty(); }))
        << "the next candidate did not want it";
}

TEST_F(DeviceTest, IsGivenBackWhenTheDriverIsUninstalledOrExits) {
    install({{"Widget", on_device("Widget", 20)}});
    FakeDriver* first = up("Widget");
    first->die(0);  // exit(0)
    bed.settle();
    EXPECT_EQ(family->trace, (Trace{"claim", "give back: no driver has it"}));
    bed.daemon->lifecycle().register_service(family->device);
    up("Widget");
    std::optional<Status> outcome;
    bed.daemon->catalogue().uninstall(kBundle, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    bed.settle();
    EXPECT_EQ(family->trace, (Trace{"claim", "give back: no driver has it", "claim",
                                    "give back: no driver has it"}));
}

/// Two bundles, one driver each, for the same device and category.
class NewcomerTest : public DeviceTest {
  protected:
    static constexpr const char* kOther = "com.example.gadget";
    void begin(bool compete) {
        DeviceFamily::newcomers_compete = compete;
        DeviceTest::SetUp();
        install({{"Widget", on_device("Widget", 20)}});
        first = up("Widget");
    }
    void SetUp() override {}
    void TearDown() override { DeviceFamily::newcomers_compete = false; }
    void newcomer(int64_t score, Dictionary more = {}) {
        more.insert_or_assign("IOProbeScore", score);
        const Status status = bed.install(bed.write_bundle(
            kOther,
            {{"Gadget", Testbed::personality(kOther, "Gadget", kDevice, std::move(more))}}));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    bool said(const std::string& text) { return bed.log_text().find(text) != std::string::npos; }
    FakeDriver* first = nullptr;
};

TEST_F(NewcomerTest, GetsADeviceOnlyWhenTheOldDriverLeaves) {
    begin(false);
    newcomer(30);
    bed.settle();
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
    EXPECT_FALSE(first->dead);
    terminate("Widget");
}

TEST_F(NewcomerTest, CompetesWithTheOldDriverWhereItsFamilySaysSoAndWins) {
    begin(true);
    newcomer(30);
    up("Gadget");
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_TRUE(said("leaves " + std::string(kDevice)));
    EXPECT_EQ(family->trace, Trace{"claim"}) << "the kernel's driver does not get it in between";
}

TEST_F(NewcomerTest, CompetesAndLoses) {
    begin(true);
    newcomer(10);
    ASSERT_TRUE(bed.run_until([&] { return first->dead; }));
    up("Widget", first);
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
}

TEST_F(NewcomerTest, LeavesTheDriverAloneThatItDoesNotFitBeside) {
    begin(true);
    newcomer(30, {{"IOMatchCategory", "Other"}});
    up("Gadget");
    EXPECT_FALSE(first->dead) << "another category";
    EXPECT_NE(bed.find("Widget"), kNoEntry);
}

TEST_F(DeviceTest, CloseInTheMiddleOfLifeGivesUpExclusiveAccessWithoutEndingTheDriver) {
    install({{"Widget", on_device("Widget", 20)},
             {"Gadget", on_device("Gadget", 10, {{"IOMatchCategory", "Other"}})}});
    FakeDriver* driver = up("Widget");
    up("Gadget");
    const EntryId widget = bed.find("Widget");
    const EntryId gadget = bed.find("Gadget");
    FamilyHost& host = family->host;
    EXPECT_EQ(host.opener(family->device), kNoEntry);
    EXPECT_EQ(host.close_provider(family->device, widget), kIOReturnNotOpen);
    EXPECT_EQ(host.open_provider(family->device, widget), kIOReturnSuccess);
    EXPECT_EQ(host.open_provider(family->device, widget), kIOReturnSuccess) << "it has it";
    EXPECT_EQ(host.open_provider(family->device, gadget), kIOReturnExclusiveAccess);
    EXPECT_EQ(host.close_provider(family->device, gadget), kIOReturnNotOpen);
    EXPECT_EQ(host.opener(family->device), widget);
    EXPECT_EQ(host.close_provider(family->device, widget), kIOReturnSuccess);
    EXPECT_EQ(family->closed, (std::vector<std::pair<EntryId, bool>>{{widget, false}}));
    bed.settle();
    EXPECT_FALSE(driver->dead);
    EXPECT_EQ(bed.state(widget), InstanceState::started);
    EXPECT_EQ(host.open_provider(family->device, gadget), kIOReturnSuccess);
    EXPECT_EQ(host.open_provider(bed.daemon->user_resources(), gadget), kIOReturnBadArgument)
        << "it does not stand on that";
}

TEST_F(DeviceTest, WhatADriverLeavesOpenIsClosedByForce) {
    bed.scripts["Widget"].hold_super_stop = true;
    install({{"Widget", on_device("Widget", 20)}});
    FakeDriver* driver = up("Widget");
    EntryId widget = bed.find("Widget");
    ASSERT_EQ(family->host.open_provider(family->device, widget), kIOReturnSuccess);
    driver->die(11);
    bed.settle();
    EXPECT_EQ(family->closed, (std::vector<std::pair<EntryId, bool>>{{widget, true}}));
    EXPECT_NE(bed.log_text().find("force close: Widget had TestDevice open"), std::string::npos);

    driver = up("Widget", driver);
    widget = bed.find("Widget");
    ASSERT_EQ(family->host.open_provider(family->device, widget), kIOReturnSuccess);
    driver->call_and_wait(system::IOService_Terminate::encode(widget, {}));
    ASSERT_TRUE(bed.run_until([&] { return driver->said("stop"); }));
    EXPECT_EQ(family->host.open_provider(family->device, widget), kIOReturnBadArgument)
        << "termination has begun";
    EXPECT_EQ(family->closed.size(), 1U) << "until super's Stop it may use its provider";
    driver->super_stop(widget);
    bed.settle();
    EXPECT_EQ(family->closed.back(), (std::pair<EntryId, bool>{widget, true}));
    EXPECT_EQ(family->host.opener(family->device), kNoEntry);
}

TEST_F(DeviceTest, WhatADriverHasOpenOutlivesOpendextd) {
    install({{"Widget", on_device("Widget", 20)},
             {"Gadget", on_device("Gadget", 10, {{"IOMatchCategory", "Other"}})}});
    up("Widget");
    up("Gadget");
    const EntryId widget = bed.find("Widget");
    const EntryId gadget = bed.find("Gadget");
    ASSERT_EQ(family->host.open_provider(family->device, widget), kIOReturnSuccess);
    bed.succeed();
    family = DeviceFamily::latest;
    EXPECT_EQ(family->host.opener(family->device), widget);
    EXPECT_EQ(family->host.open_provider(family->device, gadget), kIOReturnExclusiveAccess);
    bed.driver_of(widget)->die(9);
    bed.settle();
    EXPECT_EQ(family->closed, (std::vector<std::pair<EntryId, bool>>{{widget, true}}));
    EXPECT_EQ(family->host.open_provider(family->device, gadget), kIOReturnSuccess);
    EXPECT_EQ(family->host.close_provider(family->device, gadget), kIOReturnSuccess);
    bed.succeed();
    family = DeviceFamily::latest;
    EXPECT_EQ(family->host.opener(family->device), kNoEntry) << "what was closed stays closed";
}

}  // namespace
}  // namespace opendext::daemon::testing
