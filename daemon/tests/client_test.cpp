// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

namespace client = protocol::client;
using client::Subscription;

constexpr const char* kBundle = "com.example.widget";

class ClientTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.classes["Widget"] = "IOService";
        bed.classes["WidgetClient"] = "IOUserClient";
        bed.scripts["Widget"].register_in_start = true;
        bed.scripts["Widget"].user_client_key = "Client";
    }
    /// Starts the daemon and a registered Widget with a user client.
    void start_widget(Dictionary client_keys = {}) {
        bed.start();
        install(std::move(client_keys));
    }
    void install(Dictionary client_keys = {}) {
        Dictionary user_client{{"IOClass", "IOUserUserClient"}, {"IOUserClass", "WidgetClient"}};
        for (auto& [key, value] : client_keys) user_client.insert_or_assign(key, value);
        const Status status = bed.install(bed.write_bundle(
            kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources",
                                                      {{"Client", user_client}})}}));
        ASSERT_TRUE(status.ok()) << status.error().text();
        ASSERT_TRUE(bed.run_until([&] {
            widget = bed.find("Widget");
            return widget != kNoEntry && bed.state(widget) == InstanceState::registered;
        }));
        bed.settle();
        driver = bed.driver_of(widget);
    }
    client::Opened open(FakeClient& program) {
        const uint64_t serial = program.send(client::Open{widget, 3});
        EXPECT_TRUE(bed.run_until([&] { return program.answers.contains(serial); }));
        EXPECT_EQ(program.answers.at(serial).fds.size(), 2U);
        return *decode<client::Opened>(program.answers.at(serial));
    }
    Testbed bed;
    EntryId widget = kNoEntry;
    FakeDriver* driver = nullptr;
};

TEST_F(ClientTest, FindsAndReadsEntries) {
    start_widget();
    FakeClient program(bed);
    const auto found =
        program.ask<client::Entries>(client::Match{{{"IOProviderClass", "Widget"}}, 0});
    ASSERT_EQ(found.ids, std::vector<uint64_t>{widget});
    const auto entry = program.ask<client::Entry>(client::GetEntry{widget, true});
    EXPECT_EQ(entry.name, "Widget");
    EXPECT_EQ(entry.class_name, "IOUserService");
    EXPECT_EQ(entry.state, "registered");
    EXPECT_EQ(entry.server_pid, driver->pid);
    EXPECT_EQ(entry.flags, client::kEntryRegistered | client::kEntryMatched | client::kEntryActive |
                               client::kEntryService);
    EXPECT_EQ(*find_string(entry.properties, "IOUserClass"), "Widget");
    const auto parents =
        program.ask<client::Entries>(client::GetRelatives{widget, "IOService", true});
    EXPECT_EQ(parents.ids, std::vector<uint64_t>{bed.daemon->user_resources()});
    EXPECT_EQ(program.ask<client::Entry>(client::GetEntry{7, false}).outcome.io_return,
              kIOReturnNotFound);
    const EntryId provider = bed.daemon->user_resources();
    const auto read =
        program.ask<client::EntriesRead>(client::ReadEntries{{widget, 7, provider}, "IOService"});
    EXPECT_EQ(read.looked_at, 3U);
    ASSERT_EQ(read.entries.size(), 2U) << "what is not there is left out";
    EXPECT_EQ(read.entries[0].entry.state, "registered");
    EXPECT_EQ(read.entries[0].entry.server_pid, driver->pid);
    EXPECT_EQ(read.entries[0].entry.properties, entry.properties);
    EXPECT_EQ(read.entries[1].children, std::vector<uint64_t>{widget});
    const auto no_plane =
        program.ask<client::EntriesRead>(client::ReadEntries{{provider}, "IONone"});
    ASSERT_EQ(no_plane.entries.size(), 1U);
    EXPECT_TRUE(no_plane.entries[0].children.empty());
    const auto all = program.ask<client::Entries>(client::Match{{}, 2});
    EXPECT_EQ(all.ids.size(), 2U) << "the limit holds";
}

TEST_F(ClientTest, ManyLargeEntriesComeInSeveralMessages) {
    start_widget();
    FakeClient program(bed);
    for (int i = 0; i < 3; ++i) {
        bed.daemon->registry().set_property(widget, "large" + std::to_string(i),
                                            std::string(400 * 1024, 'x'));
    }
    const client::ReadEntries twice{{widget, widget}, "IOService"};
    EXPECT_EQ(program.ask<client::EntriesRead>(twice).looked_at, 1U);
    EXPECT_EQ(program.ask<client::EntriesRead>(client::ReadEntries{{}, "IOService"}).looked_at, 0U);
}

TEST_F(ClientTest, NotificationsFireOnce) {
    bed.start();
    FakeClient program(bed);
    const Dictionary matching{{"IOProviderClass", "Widget"}};
    uint64_t number = 1;
    for (const Subscription type : {Subscription::publish, Subscription::matched,
                                    Subscription::first_match, Subscription::terminate}) {
        EXPECT_TRUE(program.ask<client::Entries>(client::Subscribe{number++, type, matching, 0})
                        .ids.empty());
    }
    install();
    std::map<uint64_t, int> count;
    for (const auto& event : program.matched)
        count[event.subscription] += static_cast<int>(event.ids.size());
    EXPECT_EQ(count, (std::map<uint64_t, int>{{1, 1}, {2, 1}, {3, 1}}));
    const auto present =
        program.ask<client::Entries>(client::Subscribe{9, Subscription::publish, matching, 0});
    EXPECT_EQ(present.ids, std::vector<uint64_t>{widget})
        << "what is there already comes with the answer";
    program.ask<client::Entries>(client::Subscribe{10, Subscription::interest, {}, widget});

    program.matched.clear();
    driver->call_and_wait(system::IOService_Terminate::encode(widget, {}));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    bed.settle();
    ASSERT_EQ(program.matched.size(), 1U);
    EXPECT_EQ(program.matched[0].subscription, 4U);
    ASSERT_FALSE(program.interests.empty());
    EXPECT_EQ(program.interests[0].message, kIOMessageServiceIsTerminated);
    EXPECT_EQ(program.interests[0].argument, 0U) << "by its own decision";
    EXPECT_EQ(program.ask<client::Entry>(client::GetEntry{widget, true}).name, "Widget")
        << "who was told of the end can still read what it was";
}

TEST_F(ClientTest, OpensAndClosesAUserClient) {
    start_widget();
    FakeClient program(bed);
    const auto opened = open(program);
    EXPECT_EQ(opened.outcome.io_return, 0) << opened.outcome.reason;
    EXPECT_EQ(opened.driver_pid, driver->pid);
    EXPECT_TRUE(bed.run_until(
        [&] { return driver->attached_clients == std::vector<uint64_t>{opened.connection}; }));
    const Entry* user_client = bed.daemon->registry().find(opened.user_client);
    EXPECT_EQ(user_client->class_name(), "IOUserUserClient");
    EXPECT_EQ(user_client->provider(), widget);
    EXPECT_NE(find_string(user_client->properties, "IOUserClientCreator"), nullptr);
    EXPECT_EQ(program.ask<client::Reply>(client::Close{opened.connection}).io_return, 0);
    ASSERT_TRUE(
        bed.run_until([&] { return bed.daemon->registry().find(opened.user_client) == nullptr; }));
    EXPECT_EQ(driver->detached_clients, std::vector<uint64_t>{opened.connection});
    EXPECT_TRUE(driver->said("stop WidgetClient"));
    EXPECT_TRUE(program.died.empty()) << "who closes himself is not told";
    EXPECT_EQ(program.ask<client::Reply>(client::Close{opened.connection}).io_return,
              kIOReturnNotFound);
}

TEST_F(ClientTest, AProgramNeedNotWaitUntilTheDriverHasTheChannel) {
    start_widget();
    bed.scripts["WidgetClient"].hold_attach = true;
    FakeClient program(bed);
    const auto opened = open(program);
    EXPECT_EQ(opened.outcome.io_return, 0) << opened.outcome.reason;
    ASSERT_TRUE(bed.run_until([&] { return !driver->attached_clients.empty(); }));
    EXPECT_EQ(program.ask<client::Reply>(client::Close{opened.connection}).io_return, 0);
    ASSERT_TRUE(bed.run_until([&] { return !driver->detached_clients.empty(); }));
    EXPECT_TRUE(program.died.empty());
}

TEST_F(ClientTest, ADriverThatNeverTakesTheChannelEndsTheConnection) {
    bed.options.deadlines.set(Deadline::attach_client, std::chrono::milliseconds(500));
    start_widget();
    bed.scripts["WidgetClient"].hold_attach = true;
    FakeClient program(bed);
    const auto opened = open(program);
    EXPECT_EQ(opened.outcome.io_return, 0) << opened.outcome.reason;
    ASSERT_TRUE(bed.run_until([&] { return !program.died.empty(); }));
    EXPECT_EQ(program.died[0].connection, opened.connection);
    EXPECT_EQ(program.died[0].how, client::RefusedBy::terminated);
    ASSERT_TRUE(bed.run_until([&] { return driver->said("stop WidgetClient"); }));
    EXPECT_EQ(bed.daemon->clients().connections().count(), 0U);
}

TEST_F(ClientTest, ADriverThatCannotTakeTheChannelEndsTheConnection) {
    start_widget();
    bed.scripts["WidgetClient"].attach_result = kIOReturnNoResources;
    FakeClient program(bed);
    const uint64_t serial = program.send(client::Open{widget, 3});
    ASSERT_TRUE(bed.run_until([&] { return program.answers.contains(serial); }));
    const auto opened = decode<client::Opened>(program.answers.at(serial));
    // Whichever comes first, the program is told once.
    if (opened->outcome.io_return == 0) {
        ASSERT_TRUE(bed.run_until([&] { return !program.died.empty(); }));
        EXPECT_EQ(program.died[0].connection, opened->connection);
        EXPECT_EQ(program.died[0].how, client::RefusedBy::terminated);
        EXPECT_NE(program.died[0].reason.find("did not take"), std::string::npos);
    } else {
        EXPECT_EQ(opened->outcome.io_return, kIOReturnNoResources);
    }
    ASSERT_TRUE(bed.run_until([&] { return driver->said("stop WidgetClient"); }));
    EXPECT_EQ(bed.state(widget), InstanceState::registered);
    EXPECT_LE(program.died.size(), 1U);
    EXPECT_EQ(bed.daemon->clients().connections().count(), 0U);
}

TEST_F(ClientTest, ADeadProgramsUserClientsAreStopped) {
    start_widget();
    auto program = std::make_unique<FakeClient>(bed);
    const auto opened = open(*program);
    program.reset();
    ASSERT_TRUE(
        bed.run_until([&] { return bed.daemon->registry().find(opened.user_client) == nullptr; }));
    EXPECT_TRUE(driver->said("stop WidgetClient"));
    EXPECT_EQ(bed.state(widget), InstanceState::registered);
}

TEST_F(ClientTest, ADeadDriverIsReportedToItsPrograms) {
    start_widget();
    FakeClient program(bed);
    const auto opened = open(program);
    driver->die(11);
    ASSERT_TRUE(bed.run_until([&] { return !program.died.empty(); }));
    EXPECT_EQ(program.died[0].connection, opened.connection);
    EXPECT_NE(program.died[0].reason.find("died"), std::string::npos);
    EXPECT_EQ(program.died[0].how, client::RefusedBy::driver_died);
    EXPECT_FALSE(program.closed);
}

TEST_F(ClientTest, ADriversEndInOrderIsToldApartFromItsDeath) {
    start_widget();
    FakeClient program(bed);
    const auto opened = open(program);
    bed.daemon->catalogue().uninstall(kBundle, [](const Status&) {});
    ASSERT_TRUE(bed.run_until([&] { return !program.died.empty(); }));
    EXPECT_EQ(program.died[0].connection, opened.connection);
    EXPECT_EQ(program.died[0].reason, "the driver ended the user client");
    EXPECT_EQ(program.died[0].how, client::RefusedBy::terminated);
}

TEST_F(ClientTest, SaysWhyAnOpenIsRefused) {
    bed.scripts["Widget"].register_in_start = false;
    bed.start();
    FakeClient program(bed);
    const auto none = program.ask<client::Opened>(client::Open{bed.daemon->user_resources(), 0});
    EXPECT_EQ(none.outcome.io_return, kIOReturnUnsupported);
    const Status status = bed.install(bed.write_bundle(
        kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}}));
    ASSERT_TRUE(status.ok());
    ASSERT_TRUE(bed.run_until([&] {
        widget = bed.find("Widget");
        return widget != kNoEntry && bed.state(widget) == InstanceState::started;
    }));
    const auto early = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(early.outcome.io_return, kIOReturnNotReady);
    EXPECT_EQ(early.outcome.refused_by, client::RefusedBy::daemon);
    EXPECT_NE(early.outcome.reason.find("RegisterService"), std::string::npos);
    bed.driver_of(widget)->call_and_wait(system::IOService_RegisterService::encode(widget, {}));
    bed.scripts["Widget"].user_client_key = "Missing";
    const auto missing = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(missing.outcome.io_return, kIOReturnBadArgument);
    EXPECT_EQ(missing.outcome.refused_by, client::RefusedBy::driver);
    EXPECT_EQ(missing.outcome.reason.find("NewUserClient of Widget returned kIOReturnBadArgument"),
              0U)
        << missing.outcome.reason;
    bed.scripts["Widget"].user_client_key = "";
    const auto no_override = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(no_override.outcome.io_return, kIOReturnError);
    EXPECT_EQ(no_override.outcome.refused_by, client::RefusedBy::driver);
    EXPECT_NE(no_override.outcome.reason.find("does not override it"), std::string::npos)
        << no_override.outcome.reason;
}

TEST_F(ClientTest, AnOpenWaitsForTheStopOfUserClientsThatWereClosedBefore) {
    start_widget();
    bed.scripts["WidgetClient"].hold_super_stop = true;
    FakeClient first(bed);
    FakeClient second(bed);
    const auto asked = [&] {
        return std::count(driver->trace.begin(), driver->trace.end(), "new user client Widget");
    };
    const auto old = open(first);
    EXPECT_EQ(first.ask<client::Reply>(client::Close{old.connection}).io_return, 0)
        << "closing itself does not wait for Stop";
    const uint64_t again = second.send(client::Open{widget, 0});
    {
        FakeClient gone(bed);
        gone.send(client::Open{widget, 0});
        bed.settle();
    }
    bed.settle();
    ASSERT_TRUE(driver->said("stop WidgetClient"));
    EXPECT_EQ(asked(), 1);
    EXPECT_FALSE(second.answers.contains(again));
    driver->super_stop(old.user_client);
    ASSERT_TRUE(bed.run_until([&] { return second.answers.contains(again); }));
    const auto opened = *decode<client::Opened>(second.answers.at(again));
    EXPECT_EQ(opened.outcome.io_return, 0) << opened.outcome.reason;
    bed.settle();
    EXPECT_EQ(asked(), 2) << "not for the program that went away";
    EXPECT_EQ(open(first).outcome.io_return, 0) << "nothing is on its way out: no wait";
}

TEST_F(ClientTest, AnOpenDoesNotWaitForeverForAnEarlierStop) {
    bed.options.deadlines.set(Deadline::earlier_closes, std::chrono::milliseconds(20));
    start_widget();
    bed.scripts["WidgetClient"].hold_super_stop = true;
    FakeClient program(bed);
    const auto old = open(program);
    EXPECT_EQ(program.ask<client::Reply>(client::Close{old.connection}).io_return, 0);
    EXPECT_EQ(open(program).outcome.io_return, 0);
    ASSERT_NE(bed.daemon->registry().find(old.user_client), nullptr) << "it stops still";
    driver->super_stop(old.user_client);
    bed.settle();
}

TEST_F(ClientTest, ADriverThatDiesInNewUserClientIsToldApartFromOneThatRefuses) {
    start_widget();
    bed.daemon->registry().set_name(widget, "widget-main");
    bed.scripts["Widget"].die_in_new_user_client = true;
    FakeClient program(bed);
    const auto died = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(died.outcome.io_return, kIOReturnNotResponding);
    EXPECT_EQ(died.outcome.refused_by, client::RefusedBy::driver_died);
    EXPECT_NE(died.outcome.reason.find("the driver process ended: signal 11"), std::string::npos)
        << died.outcome.reason;
}

TEST_F(ClientTest, ARefusalOfTheDriverNamesItAndItsMethod) {
    start_widget();
    bed.daemon->registry().set_name(widget, "widget-main");
    driver->relayed_result = static_cast<int32_t>(0xe0001234);
    bed.scripts["Widget"].user_client_key = "";
    FakeClient program(bed);
    EXPECT_EQ(program.ask<client::Opened>(client::Open{widget, 0}).outcome.reason,
              "NewUserClient of widget-main (Widget) returned kIOReturnError: Unspecified failure, "
              "as it does where a driver does not override it");
    const auto set =
        program.ask<client::PropertiesSet>(client::SetProperties{widget, Dictionary{}}).outcome;
    EXPECT_EQ(set.io_return, static_cast<int32_t>(0xe0001234));
    EXPECT_EQ(set.refused_by, client::RefusedBy::driver);
    EXPECT_EQ(set.reason, "SetProperties of widget-main (Widget) returned 0xe0001234");
}

TEST_F(ClientTest, AUserClientOfAnotherKernelClassIsRefusedAndEnded) {
    start_widget({{"IOClass", "IOUserService"}});
    FakeClient program(bed);
    const auto opened = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(opened.outcome.io_return, kIOReturnUnsupported);
    EXPECT_NE(opened.outcome.reason.find("IOUserUserClient"), std::string::npos)
        << opened.outcome.reason;
}

TEST_F(ClientTest, StrictModeRefusesForeignPrograms) {
    bed.options.policy = PolicyMode::strict;
    bed.start();
    const Status status = bed.install(bed.write_bundle(
        kBundle,
        {{"Widget",
          Testbed::personality(kBundle, "Widget", "IOUserResources",
                               {{"Client", Dictionary{{"IOClass", "IOUserUserClient"},
                                                      {"IOUserClass", "WidgetClient"}}}})}},
        "1", {{"com.apple.developer.driverkit", true}}));
    ASSERT_TRUE(status.ok()) << status.error().text();
    ASSERT_TRUE(bed.run_until([&] {
        widget = bed.find("Widget");
        return widget != kNoEntry && bed.state(widget) == InstanceState::registered;
    }));
    driver = bed.driver_of(widget);
    FakeClient program(bed);
    const auto opened = program.ask<client::Opened>(client::Open{widget, 0});
    EXPECT_EQ(opened.outcome.io_return, kIOReturnNotPermitted);
    ASSERT_TRUE(bed.run_until([&] { return driver->said("stop WidgetClient"); }))
        << "its user client is ended";
}

TEST_F(ClientTest, StrictModeChecksEntitlementsInOrder) {
    bed.options.policy = PolicyMode::strict;
    const auto lists = bed.options.realm.programs();
    std::filesystem::create_directories(lists);
    const auto grant = [&](Dictionary entitlements) {
        const Status written = bundle::write_plist(
            lists / "me.plist", Dictionary{{"User", static_cast<uint64_t>(::geteuid())},
                                           {"Entitlements", std::move(entitlements)}});
        ASSERT_TRUE(written.ok()) << written.error().text();
    };
    const auto refusal = [&](int32_t io_return, const std::string& reason) {
        FakeClient program(bed);
        const auto opened = program.ask<client::Opened>(client::Open{widget, 0});
        EXPECT_EQ(opened.outcome.io_return, io_return);
        EXPECT_NE(opened.outcome.reason.find(reason), std::string::npos) << opened.outcome.reason;
        EXPECT_NE(
            bed.log_text().find("IOServiceOpen of Widget is refused: " + opened.outcome.reason),
            std::string::npos)
            << "the log says it too";
        bed.settle();
        EXPECT_EQ(bed.find("WidgetClient"), kNoEntry) << "the user client is ended";
    };
    const Dictionary user_client{{"IOClass", "IOUserUserClient"},
                                 {"IOUserClass", "WidgetClient"},
                                 {"IOServiceDEXTEntitlements", "com.example.use"},
                                 {"IOUserClientEntitlements", "com.example.open"}};
    bed.start();
    ASSERT_TRUE(bed.install(bed.write_bundle(kBundle,
                                             {{"Widget", Testbed::personality(
                                                             kBundle, "Widget", "IOUserResources",
                                                             {{"Client", user_client}})}},
                                             "1", {{"com.apple.developer.driverkit", true}}))
                    .ok());
    ASSERT_TRUE(bed.run_until([&] {
        widget = bed.find("Widget");
        return widget != kNoEntry && bed.state(widget) == InstanceState::registered;
    }));
    constexpr const char* kAccess = "com.apple.developer.driverkit.userclient-access";
    refusal(kIOReturnNotPermitted, "needed bundle ID com.example.widget");
    grant({{kAccess, Array{kBundle}}});
    refusal(kIOReturnNotPermitted, "com.example.use");
    grant({{kAccess, Array{kBundle}}, {"com.example.use", false}});
    refusal(kIOReturnNotPrivileged, "com.example.open");
    grant({{kAccess, Array{kBundle}}, {"com.example.use", false}, {"com.example.open", true}});
    FakeClient program(bed);
    EXPECT_EQ(open(program).outcome.io_return, 0);
}

TEST_F(ClientTest, DevModeLetsThroughAndSaysOnceWhatStrictWouldRefuse) {
    bed.options.policy = PolicyMode::dev;
    start_widget({{"IOUserClientEntitlements", "com.example.open"}});
    for (int i = 0; i < 2; ++i) {
        FakeClient program(bed);
        EXPECT_EQ(open(program).outcome.io_return, 0);
    }
    const std::string log = bed.log_text();
    const size_t first = log.find("lacks com.example.open");
    ASSERT_NE(first, std::string::npos) << log;
    EXPECT_EQ(log.find("lacks com.example.open", first + 1), std::string::npos);
}

TEST_F(ClientTest, PropertiesGoToTheDriver) {
    start_widget();
    FakeClient program(bed);
    driver->relayed_result = kIOReturnUnsupported;
    EXPECT_EQ(
        program.ask<client::PropertiesSet>(client::SetProperties{widget, Dictionary{{"a", 1}}})
            .outcome.io_return,
        kIOReturnUnsupported);
    driver->relayed_result = 0;
    EXPECT_EQ(
        program.ask<client::PropertiesSet>(client::SetProperties{widget, Dictionary{{"a", 1}}})
            .outcome.io_return,
        0);
    ASSERT_EQ(driver->relayed.size(), 2U);
    EXPECT_EQ(driver->relayed[1].msgid, system::IOService_UserSetProperties::kMsgId);
    EXPECT_EQ(program.ask<client::Reply>(client::SetProperties{widget, Value(7)}).io_return,
              kIOReturnBadArgument);
    EXPECT_EQ(
        program
            .ask<client::Reply>(client::SetProperties{bed.daemon->user_resources(), Dictionary{}})
            .io_return,
        kIOReturnUnsupported);
}

TEST_F(ClientTest, WaitQuietWaitsForAStart) {
    bed.scripts["Widget"].hold_start = true;
    bed.start();
    FakeClient program(bed);
    EXPECT_EQ(program.ask<client::Reply>(client::WaitQuiet{0, 20'000}).io_return, 0);
    ASSERT_TRUE(
        bed
            .install(bed.write_bundle(
                kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}}))
            .ok());
    ASSERT_TRUE(
        bed.run_until([&] { return !bed.drivers.empty() && bed.drivers.front().said("start"); }));
    widget = bed.find("Widget");
    EXPECT_EQ(program.ask<client::Reply>(client::WaitQuiet{0, 10}).io_return, kIOReturnTimeout);
    const uint64_t serial = program.send(client::WaitQuiet{0, 20'000});
    bed.settle();
    EXPECT_FALSE(program.answers.contains(serial));
    bed.driver_of(widget)->finish_start(widget, 0);
    ASSERT_TRUE(bed.run_until([&] { return program.answers.contains(serial); }));
    EXPECT_EQ(decode<client::Reply>(program.answers.at(serial))->io_return, 0);
}

TEST_F(ClientTest, InstallsAndListsOverTheSocket) {
    bed.start();
    FakeClient program(bed);
    const auto bad = program.ask<client::Reply>(client::Install{(bed.folder / "no.dext").string()});
    EXPECT_NE(bad.io_return, 0);
    EXPECT_NE(bad.reason.find("no.dext"), std::string::npos);
    const auto path = bed.write_bundle(
        kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}});
    EXPECT_EQ(program.ask<client::Reply>(client::Install{path.string()}).io_return, 0);
    EXPECT_EQ(program.ask<client::Extensions>(client::ListExtensions{}).extensions.at(0).bundle_id,
              kBundle);
    EXPECT_EQ(program.ask<client::Reply>(client::Uninstall{kBundle}).io_return, 0);
    EXPECT_TRUE(program.ask<client::Extensions>(client::ListExtensions{}).extensions.empty());
}

TEST_F(ClientTest, SpeaksOneVersion) {
    bed.start();
    FakeClient program(bed, false);
    const auto refused = program.ask<client::Reply>(client::Hello{client::kVersion + 1, "future"});
    EXPECT_NE(refused.io_return, 0);
    EXPECT_NE(refused.reason.find("version"), std::string::npos);
}

TEST_F(ClientTest, WhoDoesNotGreetIsClosed) {
    bed.start();
    FakeClient program(bed, false);
    program.send(client::ListExtensions{});
    ASSERT_TRUE(bed.run_until([&] { return program.closed; }));
    bed.settle();
    EXPECT_EQ(bed.daemon->clients().count(), 0U);
}

TEST_F(ClientTest, MalformedBytesCloseOneClientOnly) {
    bed.start();
    FakeClient other(bed);
    std::mt19937 random(7);
    for (uint32_t kind = 0; kind < 30; ++kind) {
        for (int size : {0, 1, 7, 40, 300}) {
            FakeClient program(bed);
            Message message;
            message.kind = kind;
            message.serial = 99;
            for (int i = 0; i < size; ++i) message.body.push_back(static_cast<uint8_t>(random()));
            if (kind == static_cast<uint32_t>(client::Kind::stop_realm) && size == 0) continue;
            program.send_raw(std::move(message));
            bed.settle();
        }
    }
    EXPECT_EQ(bed.daemon->clients().count(), 1U);
    EXPECT_TRUE(other.ask<client::Extensions>(client::ListExtensions{}).extensions.empty());
    EXPECT_EQ(bed.daemon->state(), DaemonState::serving);
}

TEST_F(ClientTest, ASlowReaderIsDroppedWithAReason) {
    bed.options.client_limits.queue = {16, 1 << 20};
    bed.start();
    auto ends = Socket::pair();
    bed.daemon->clients().add(std::move(ends->first));
    const Socket& slow = ends->second;
    ASSERT_TRUE(slow.send(encode(client::Hello{client::kVersion, "slow"}, 1)).ok());
    ASSERT_TRUE(
        slow
            .send(encode(
                client::Subscribe{1, Subscription::interest, {}, bed.daemon->user_resources()}, 2))
            .ok());
    bed.settle();
    ASSERT_EQ(bed.daemon->clients().count(), 1U);
    for (int i = 0; i < 20'000 && bed.daemon->clients().count() > 0; ++i) {
        bed.daemon->clients().message_clients(bed.daemon->user_resources(), 1,
                                              static_cast<uint64_t>(i));
        if (i % 100 == 0) bed.settle();
    }
    bed.settle();
    EXPECT_EQ(bed.daemon->clients().count(), 0U);
    EXPECT_NE(bed.log_text().find("slow"), std::string::npos);
    EXPECT_NE(bed.log_text().find("does not read"), std::string::npos);
}

TEST_F(ClientTest, SubscriptionsAreBounded) {
    bed.options.client_limits.subscriptions = 3;
    bed.start();
    FakeClient program(bed);
    for (uint64_t number = 1; number <= 3; ++number) {
        EXPECT_EQ(
            program.ask<client::Entries>(client::Subscribe{number, Subscription::publish, {}, 0})
                .outcome.io_return,
            0);
    }
    EXPECT_NE(program.ask<client::Entries>(client::Subscribe{4, Subscription::publish, {}, 0})
                  .outcome.io_return,
              0);
    EXPECT_NE(program.ask<client::Entries>(client::Subscribe{3, Subscription::publish, {}, 0})
                  .outcome.io_return,
              0)
        << "a number in use";
    program.send(client::Unsubscribe{3});
    EXPECT_EQ(program.ask<client::Entries>(client::Subscribe{4, Subscription::publish, {}, 0})
                  .outcome.io_return,
              0);
}

TEST_F(ClientTest, StopRealmIsAnsweredBeforeTheEnd) {
    start_widget();
    FakeClient program(bed);
    const uint64_t serial = program.send(client::StopRealm{});
    ASSERT_TRUE(bed.run_until([&] { return bed.daemon->state() == DaemonState::over; }));
    EXPECT_TRUE(driver->said("stop Widget"));
    (void)serial;
}

}  // namespace
}  // namespace opendext::daemon::testing
