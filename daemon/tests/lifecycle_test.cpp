// SPDX-License-Identifier: Apache-2.0
#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

constexpr const char* kBundle = "com.example.widget";

class LifecycleTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.classes["Widget"] = "IOService";
        bed.classes["Gadget"] = "IOService";
        bed.classes["WidgetNub"] = "IOService";
        bed.classes["WidgetClient"] = "IOUserClient";
        bed.options.deadlines.set(Deadline::stop_unplugged, std::chrono::milliseconds(200));
    }
    static Dictionary on_resources(Dictionary more = {}, const std::string& user_class = "Widget") {
        return Testbed::personality(kBundle, user_class, "IOUserResources", std::move(more));
    }
    void install(Dictionary personalities, const std::string& version = "1") {
        const Status status =
            bed.install(bed.write_bundle(kBundle, std::move(personalities), version));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    /// Waits for the first entry of that name in that state.
    EntryId wait_for(const std::string& name, InstanceState state) {
        EntryId found = kNoEntry;
        EXPECT_TRUE(bed.run_until([&] {
            for (const EntryId id : bed.find_all(name)) {
                const Instance* instance = bed.daemon->lifecycle().find(id);
                if (instance != nullptr && instance->state == state) found = id;
            }
            return found != kNoEntry;
        })) << name
            << " is never " << to_string(state);
        return found;
    }
    Instance& instance(EntryId id) { return *bed.daemon->lifecycle().find(id); }
    const Entry& entry(EntryId id) { return *bed.daemon->registry().find(id); }
    Testbed bed;
};

TEST_F(LifecycleTest, GoesThroughEveryStateInOrder) {
    bed.auto_check_in = false;
    bed.scripts["Widget"].hold_start = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::waiting_for_process);
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty(); }));
    FakeDriver& process = bed.drivers.front();
    EXPECT_EQ(process.spawn.tag, id);
    EXPECT_EQ(process.spawn.server_name, kBundle);
    EXPECT_TRUE(process.spawn.title.find(kBundle) != std::string::npos) << process.spawn.title;
    EXPECT_TRUE(process.spawn.bundle_path.starts_with(bed.options.realm.extensions().string()));
    EXPECT_EQ(entry(id).provider(), bed.daemon->user_resources());

    process.check_in();
    wait_for("Widget", InstanceState::starting);
    bed.settle();
    EXPECT_EQ(process.trace,
              (std::vector<std::string>{"load", "instantiate Widget", "start Widget"}));
    EXPECT_EQ(entry(id).user_classes, (std::vector<std::string>{"Widget", "IOService"}));
    EXPECT_GT(entry(bed.daemon->registry().root()).busy, 0U)
        << "a start under way keeps the tree busy";
    EXPECT_TRUE(process.bound.contains(bed.daemon->user_resources()))
        << "it was told of its provider";

    process.finish_start(id, 0);
    wait_for("Widget", InstanceState::started);
    EXPECT_FALSE(entry(id).registered);
    EXPECT_EQ(process.call_and_wait(system::IOService_RegisterService::encode(id, {})).io_return,
              0);
    EXPECT_EQ(instance(id).state, InstanceState::registered);
    EXPECT_TRUE(entry(id).registered);
    bed.settle();
    EXPECT_EQ(entry(bed.daemon->registry().root()).busy, 0U);
    EXPECT_TRUE(entry(id).matched);
}

TEST_F(LifecycleTest, RegisterServiceInsideStartWaitsForItsSuccess) {
    bed.scripts["Widget"].register_in_start = true;
    bed.scripts["Widget"].hold_start = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::starting);
    ASSERT_TRUE(bed.run_until([&] { return instance(id).registration_pending; }));
    bed.settle();
    EXPECT_FALSE(entry(id).registered);
    bed.driver_of(id)->finish_start(id, 0);
    wait_for("Widget", InstanceState::registered);
    EXPECT_TRUE(entry(id).registered);
}

TEST_F(LifecycleTest, RegisterServiceBeforeAFailedStartIsForgotten) {
    bed.scripts["Widget"].register_in_start = true;
    bed.scripts["Widget"].start_result = kIOReturnNoDevice;
    bed.start();
    FakeClient program(bed);
    program.ask<protocol::client::Entries>(protocol::client::Subscribe{
        1, protocol::client::Subscription::publish, {{"IOProviderClass", "Widget"}}, 0});
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty() && bed.drivers.front().dead; }));
    bed.settle();
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_TRUE(program.matched.empty()) << "it was never published";
    EXPECT_FALSE(bed.drivers.front().said("stop")) << "Stop is not called after a failed Start";
    EXPECT_TRUE(bed.drivers.front().said("drop"));
    EXPECT_TRUE(bed.drivers.front().said("exit"));
}

TEST_F(LifecycleTest, AFailedStartGivesTheNubToTheNextCandidate) {
    bed.scripts["Gadget"].start_result = kIOReturnError;
    bed.start();
    install({{"A", on_resources({{"IOProbeScore", 10}})},
             {"B", on_resources({{"IOProbeScore", 20}}, "Gadget")}});
    wait_for("Widget", InstanceState::started);
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
    ASSERT_EQ(bed.drivers.size(), 2U);
    EXPECT_TRUE(bed.drivers.front().said("start Gadget")) << "the better score goes first";
    EXPECT_NE(bed.log_text().find("the next candidate is tried"), std::string::npos);
}

TEST_F(LifecycleTest, ARefusedInitGivesTheNubToTheNextCandidate) {
    bed.scripts["Gadget"].init_result = kIOReturnError;
    bed.start();
    install({{"A", on_resources()}, {"B", on_resources({{"IOProbeScore", 20}}, "Gadget")}});
    wait_for("Widget", InstanceState::started);
    EXPECT_FALSE(bed.drivers.front().said("start"));
}

TEST_F(LifecycleTest, AnUnknownUserClassFailsWithItsName) {
    bed.start();
    install({{"A", on_resources({}, "Nothing")}});
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("no user class found") != std::string::npos; }));
    bed.settle();
    EXPECT_EQ(bed.find("Nothing"), kNoEntry);
    EXPECT_TRUE(bed.alive().empty());
    EXPECT_EQ(entry(bed.daemon->registry().root()).busy, 0U);
}

TEST_F(LifecycleTest, CategoriesHaveAWinnerEach) {
    bed.start();
    install({{"A", on_resources()},
             {"B", on_resources({{"IOMatchCategory", "Other"}}, "Gadget")},
             {"C", on_resources({{"IOProbeScore", int64_t{-5}}}, "WidgetNub")}});
    wait_for("Widget", InstanceState::started);
    wait_for("Gadget", InstanceState::started);
    bed.settle();
    EXPECT_EQ(bed.find("WidgetNub"), kNoEntry) << "its category has a driver already";
    EXPECT_EQ(bed.alive().size(), 2U) << "one process for each instance";
}

TEST_F(LifecycleTest, OneProcessIsSharedAlsoWhileItIsLaunched) {
    bed.auto_check_in = false;
    bed.start();
    install({{"A", on_resources({{"IOUserServerOneProcess", true}})},
             {"B", on_resources({{"IOUserServerOneProcess", false}, {"IOMatchCategory", "Other"}},
                                "Gadget")}});
    wait_for("Widget", InstanceState::waiting_for_process);
    wait_for("Gadget", InstanceState::waiting_for_process);
    bed.settle();
    ASSERT_EQ(bed.drivers.size(), 1U) << "the launch was joined; the key counts, not its value";
    bed.drivers.front().check_in();
    const EntryId widget = wait_for("Widget", InstanceState::started);
    const EntryId gadget = wait_for("Gadget", InstanceState::started);
    EXPECT_EQ(instance(widget).process, instance(gadget).process);
}

TEST_F(LifecycleTest, OneProcessNeedsNamesThatBeginAlike) {
    bed.start();
    install({{"A", on_resources({{"IOUserServerOneProcess", true},
                                 {"IOUserServerName", "org.other.server"}})},
             {"B", on_resources({{"IOUserServerOneProcess", true},
                                 {"IOUserServerName", "org.other.server"},
                                 {"IOMatchCategory", "Other"}},
                                "Gadget")}});
    wait_for("Widget", InstanceState::started);
    wait_for("Gadget", InstanceState::started);
    EXPECT_EQ(bed.alive().size(), 2U);
    EXPECT_NE(bed.log_text().find("do not begin alike"), std::string::npos);
}

TEST_F(LifecycleTest, AWrongTokenEndsTheProcess) {
    bed.auto_check_in = false;
    bed.start();
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty(); }));
    bed.drivers.front().check_in(bed.drivers.front().spawn.token + 1);
    ASSERT_TRUE(bed.run_until([&] { return bed.drivers.front().dead; }));
    EXPECT_FALSE(bed.drivers.front().said("load"));
    ASSERT_TRUE(bed.run_until([&] {
        return bed.log_text().find("Check In Token verification failed") != std::string::npos;
    }));
}

TEST_F(LifecycleTest, CheckInHasADeadline) {
    bed.auto_check_in = false;
    bed.options.deadlines.set(Deadline::check_in, std::chrono::milliseconds(20));
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.start_crash_retries = 0;
    bed.start();
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("user server timeout") != std::string::npos; }));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    EXPECT_TRUE(bed.alive().empty());
}

TEST_F(LifecycleTest, AHangingStartIsKilledAtItsDeadline) {
    bed.options.deadlines.set(Deadline::start, std::chrono::milliseconds(20));
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.start_crash_retries = 0;
    bed.scripts["Widget"].hold_start = true;
    bed.start();
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty() && bed.drivers.front().dead; }));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    EXPECT_NE(bed.log_text().find("Start: no answer within 20 ms"), std::string::npos);
}

TEST_F(LifecycleTest, TheKeepersRefusalIsTheReason) {
    bed.refuse_spawn = true;
    bed.start();
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("no more processes") != std::string::npos; }));
    bed.settle();
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
}

TEST_F(LifecycleTest, StopIsOverWhenSuperStopCame) {
    bed.scripts["Widget"].hold_super_stop = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& process = *bed.driver_of(id);
    ASSERT_EQ(process.call_and_wait(system::IOService_Terminate::encode(id, {})).io_return, 0);
    ASSERT_TRUE(bed.run_until([&] { return process.said("stop"); }));
    bed.settle();
    EXPECT_EQ(bed.state(id), InstanceState::stopping)
        << "Stop returned, super::Stop is still to come";
    EXPECT_FALSE(process.said("drop"));
    process.super_stop(id);
    ASSERT_TRUE(bed.run_until([&] { return process.dead; }));
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_TRUE(process.said("drop"));
    EXPECT_TRUE(process.said("exit"));
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 1U) << "a driver that terminated itself is not matched again";
}

TEST_F(LifecycleTest, AnErrorFromStopCompletesIt) {
    bed.scripts["Widget"].stop_result = kIOReturnError;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    bed.driver_of(id)->call_and_wait(system::IOService_Terminate::encode(id, {}));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
}

TEST_F(LifecycleTest, AStopThatNeverEndsKillsTheProcess) {
    bed.options.deadlines.set(Deadline::stop, std::chrono::milliseconds(20));
    bed.scripts["Widget"].hold_super_stop = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& process = *bed.driver_of(id);
    process.call_and_wait(system::IOService_Terminate::encode(id, {}));
    ASSERT_TRUE(bed.run_until([&] { return process.dead; }));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    EXPECT_EQ(bed.drivers.size(), 1U);
}

TEST_F(LifecycleTest, TerminateTakesOptionsZeroOnly) {
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    system::IOService_Terminate::In in;
    in.options = 1;
    EXPECT_EQ(
        bed.driver_of(id)->call_and_wait(system::IOService_Terminate::encode(id, in)).io_return,
        kIOReturnUnsupported);
    bed.settle();
    EXPECT_EQ(bed.state(id), InstanceState::started);
}

/// A control driver with a nub that a second driver matches, each in a process of its own.
class NubTest : public LifecycleTest {
  protected:
    void SetUp() override {
        LifecycleTest::SetUp();
        bed.start();
        install({{"Widget", on_resources({{"Nub", Dictionary{{"IOClass", "IOUserService"},
                                                             {"IOUserClass", "WidgetNub"}}}})},
                 {"Gadget", Testbed::personality(kBundle, "Gadget", "WidgetNub",
                                                 {{"IOPropertyMatch", Dictionary{{"Port", 7}}}})}});
        widget = wait_for("Widget", InstanceState::started);
        control = bed.driver_of(widget);
        control->send(encode(protocol::driver::Create{widget, "Nub"}, 1000));
        ASSERT_TRUE(bed.run_until([&] { return control->created.contains(1000); }));
        ASSERT_EQ(control->created[1000].outcome.io_return, 0)
            << control->created[1000].outcome.reason;
        nub = control->created[1000].entry;
        system::IOService_SetProperties::In in;
        in.properties.kind = protocol::RefKind::value;
        in.properties.value = Dictionary{{"Port", 7}};
        ASSERT_EQ(
            control->call_and_wait(system::IOService_SetProperties::encode(nub, in)).io_return, 0);
        ASSERT_EQ(
            control->call_and_wait(system::IOService_RegisterService::encode(nub, {})).io_return,
            0);
        gadget = wait_for("Gadget", InstanceState::started);
        port = bed.driver_of(gadget);
    }
    EntryId widget = kNoEntry;
    EntryId nub = kNoEntry;
    EntryId gadget = kNoEntry;
    FakeDriver* control = nullptr;
    FakeDriver* port = nullptr;
};

TEST_F(NubTest, ANubOfADextIsMatchedByItsUserClassAndProperties) {
    EXPECT_NE(control, port);
    EXPECT_EQ(entry(gadget).provider(), nub);
    EXPECT_EQ(entry(nub).provider(), widget);
    ASSERT_TRUE(port->bound.contains(nub));
    EXPECT_EQ(port->bound[nub].front(), "WidgetNub");
    // The port reads what the control driver set.
    const auto result = port->call_and_wait(system::IOService_CopyProperties::encode(nub, {}));
    ASSERT_EQ(result.io_return, 0);
    const auto out = system::IOService_CopyProperties::decode_result(result);
    ASSERT_TRUE(out.ok());
    const Number* number = find_number(*out->properties.value.dictionary(), "Port");
    ASSERT_NE(number, nullptr);
    EXPECT_EQ(number->raw, 7U);
}

TEST_F(NubTest, TerminatingTheNubGoesLeavesUp) {
    ASSERT_EQ(control->call_and_wait(system::IOService_Terminate::encode(nub, {})).io_return, 0);
    ASSERT_TRUE(bed.run_until([&] { return port->dead; }));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("WidgetNub") == kNoEntry; }));
    EXPECT_TRUE(port->said("stop Gadget"));
    EXPECT_TRUE(control->said("stop WidgetNub"));
    EXPECT_EQ(std::count(control->trace.begin(), control->trace.end(), "stop Widget"), 0)
        << "only what stands on the nub goes";
    EXPECT_EQ(bed.state(widget), InstanceState::started);
    EXPECT_FALSE(control->dead);
}

TEST_F(NubTest, ADeadPortDriverIsMatchedAgainAtOnceAndTheOwnerHears) {
    port->die(9);
    ASSERT_TRUE(bed.run_until([&] { return control->said("client crashed"); }));
    const EntryId again = [&] {
        EntryId found = kNoEntry;
        EXPECT_TRUE(bed.run_until([&] {
            found = bed.find("Gadget");
            return found != kNoEntry && found != gadget &&
                   bed.state(found) == InstanceState::started;
        }));
        return found;
    }();
    EXPECT_NE(again, gadget) << "ids are never used again";
    EXPECT_EQ(entry(again).provider(), nub);
    EXPECT_EQ(find_number(entry(nub).properties, "IORematchCount")->raw, 1U);
    EXPECT_NE(bed.log_text().find("signal 9"), std::string::npos);
    EXPECT_FALSE(control->dead) << "siblings and providers go on";
    EXPECT_EQ(bed.state(widget), InstanceState::started);
}

TEST_F(NubTest, ADeadControlDriverTakesItsNubsAndTheirDriversAlong) {
    control->die(11);
    ASSERT_TRUE(bed.run_until([&] { return port->dead; }));
    EXPECT_TRUE(port->said("stop Gadget"));
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId found = bed.find("Widget");
        return found != kNoEntry && found != widget && bed.state(found) == InstanceState::started;
    }));
    bed.settle();
    EXPECT_EQ(bed.find("WidgetNub"), kNoEntry) << "the new control driver makes its nubs itself";
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
    EXPECT_EQ(bed.alive().size(), 1U);
}

TEST_F(NubTest, AHangingClientOfAGoneNubIsDetachedWithoutIt) {
    bed.scripts["Gadget"].hold_super_stop = true;
    control->call_and_wait(system::IOService_Terminate::encode(nub, {}));
    ASSERT_TRUE(bed.run_until([&] { return port->said("stop Gadget"); }));
    bed.settle();
    EXPECT_EQ(bed.state(gadget), InstanceState::stopping);
    EXPECT_NE(bed.find("WidgetNub"), kNoEntry) << "the nub waits for what stands on it";
    ASSERT_TRUE(bed.run_until([&] { return bed.find("WidgetNub") == kNoEntry; }));
    EXPECT_NE(bed.log_text().find("detached without it"), std::string::npos);
}

TEST_F(NubTest, OthersMayReadButNotChangeForeignObjects) {
    EXPECT_EQ(port->call_and_wait(system::IOService_Terminate::encode(nub, {})).io_return,
              kIOReturnNotPermitted);
    EXPECT_EQ(port->call_and_wait(system::IOService_RegisterService::encode(nub, {})).io_return,
              kIOReturnNotPermitted);
    system::IOService_SetProperties::In in;
    in.properties.kind = protocol::RefKind::value;
    in.properties.value = Dictionary{{"Port", 8}};
    EXPECT_EQ(port->call_and_wait(system::IOService_SetProperties::encode(nub, in)).io_return,
              kIOReturnUnsupported);
    EXPECT_EQ(find_number(entry(nub).user_properties, "Port")->raw, 7U);
    system::IOService_Stop::In stop;
    EXPECT_NE(port->call_and_wait(system::IOService_Stop::encode(nub, stop)).io_return, 0);
    EXPECT_NE(port->call_and_wait(system::IOService_CopyProperties::encode(widget, {})).io_return,
              0)
        << "an object that it was never told of";
}

TEST_F(NubTest, MethodsOfTheOwnersClassAreRelayedToIt) {
    protocol::Invocation invocation;
    invocation.object = nub;
    invocation.msgid = 0x1234;
    invocation.plain = {1, 2, 3, 4, 5, 6, 7, 8};
    protocol::Ref self = object_reference(gadget);
    invocation.refs = {self};
    control->relayed_result = 42;
    EXPECT_EQ(port->call_and_wait(invocation).io_return, 42);
    ASSERT_EQ(control->relayed.size(), 1U);
    EXPECT_EQ(control->relayed[0].object, nub);
    EXPECT_EQ(control->relayed[0].plain, invocation.plain);
    ASSERT_EQ(control->relayed[0].refs.size(), 1U);
    EXPECT_EQ(control->relayed[0].refs[0].id, gadget);
    EXPECT_TRUE(control->bound.contains(gadget)) << "it was told of the caller's object first";
}

TEST_F(NubTest, ActionsTravelAndComeBack) {
    protocol::Invocation invocation;
    invocation.object = nub;
    invocation.msgid = 0x1234;
    protocol::Ref action;
    action.kind = protocol::RefKind::action;
    action.id = ActionTable::kDriverAction | 5;
    action.class_name = "OSAction_Gadget_Done";
    action.offset = 0x77;
    invocation.refs = {action};
    ASSERT_EQ(port->call_and_wait(invocation).io_return, 0);
    ASSERT_EQ(control->relayed.size(), 1U);
    const protocol::Ref given = control->relayed[0].refs.at(0);
    EXPECT_NE(given.id & ActionTable::kForeignAction, 0U);

    protocol::Invocation completion;
    completion.object = 0;
    completion.msgid = 0x77;
    completion.refs = {given, given};
    ASSERT_EQ(control->call_and_wait(completion).io_return, 0);
    ASSERT_EQ(port->relayed.size(), 1U);
    EXPECT_EQ(port->relayed[0].refs.at(0).id, ActionTable::kDriverAction | 5)
        << "the owner knows its own number";

    // Nobody else holds it any more: the owner hears.
    control->send(encode(protocol::driver::Drop{given.id}));
    ASSERT_TRUE(bed.run_until([&] { return port->said("drop 0x4000000000000005"); }));
    EXPECT_NE(control->call_and_wait(completion).io_return, 0) << "it gave the action back";
}

TEST_F(NubTest, UninstallEndsEverythingOfTheBundle) {
    std::optional<Status> outcome;
    bed.daemon->catalogue().uninstall(kBundle, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->ok());
    EXPECT_TRUE(bed.alive().empty());
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
    EXPECT_TRUE(bed.daemon->catalogue().list().empty());
    EXPECT_FALSE(std::filesystem::exists(bed.options.realm.extensions() / kBundle));
}

TEST_F(NubTest, TheRealmEndsInOrder) {
    bool told = false;
    bed.daemon->stop([&] { told = true; });
    ASSERT_TRUE(bed.run_until([&] { return told; }));
    bed.drain_keeper();
    EXPECT_TRUE(bed.shut_down);
    EXPECT_TRUE(port->said("stop Gadget"));
    EXPECT_TRUE(control->said("stop Widget"));
    EXPECT_TRUE(bed.alive().empty());
    EXPECT_EQ(bed.daemon->state(), DaemonState::over);
}

TEST_F(LifecycleTest, ADriverKilledAgainAndAgainIsExcludedAtTheLimit) {
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.relaunches = 3;
    bed.start();
    install({{"Widget", on_resources()}});
    EntryId last = kNoEntry;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(bed.run_until([&] {
            const EntryId id = bed.find("Widget");
            return id != kNoEntry && id != last && bed.state(id) == InstanceState::started;
        })) << "relaunch "
            << i;
        last = bed.find("Widget");
        bed.driver_of(last)->die(9);
    }
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("it was relaunched 3 times") != std::string::npos; }));
    bed.settle();
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_EQ(bed.drivers.size(), 4U);
}

TEST_F(LifecycleTest, ADriverThatDiesInStartIsTriedAFewTimes) {
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.start_crash_retries = 2;
    bed.scripts["Widget"].die_in_start = true;
    bed.start();
    install({{"Widget", on_resources()}});
    ASSERT_TRUE(bed.run_until([&] {
        return bed.log_text().find("it died 3 times before Start had finished") !=
               std::string::npos;
    }));
    EXPECT_EQ(bed.drivers.size(), 3U);
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_NE(bed.log_text().find("signal 11"), std::string::npos);
}

TEST_F(LifecycleTest, ANewVersionWaitsForTheOldOneAndReplacesIt) {
    bed.scripts["Widget"].hold_super_stop = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& old = *bed.driver_of(id);
    std::optional<Status> outcome;
    bed.daemon->catalogue().install(bed.write_bundle(kBundle, {{"Widget", on_resources()}}, "2"),
                                    [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return old.said("stop"); }));
    bed.settle();
    EXPECT_FALSE(outcome.has_value());
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).state, "activated waiting to upgrade");
    old.super_stop(id);
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->ok());
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).version, "2");
    bed.scripts["Widget"].hold_super_stop = false;
    const EntryId fresh = wait_for("Widget", InstanceState::started);
    EXPECT_NE(bed.driver_of(fresh), &old);
}

TEST_F(LifecycleTest, AProviderThatGoesDuringStartEndsTheObjectAfterIt) {
    bed.scripts["Widget"].hold_start = true;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::starting);
    FakeDriver& process = *bed.driver_of(id);
    bed.settle();
    bed.daemon->lifecycle().terminate(id);
    bed.settle();
    EXPECT_EQ(bed.state(id), InstanceState::starting) << "Start is still running";
    EXPECT_FALSE(process.said("stop"));
    process.finish_start(id, 0);
    ASSERT_TRUE(bed.run_until([&] { return process.dead; }));
    EXPECT_TRUE(process.said("stop Widget"));
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
}

TEST_F(LifecycleTest, NonsenseFromADriverEndsIt) {
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.start_crash_retries = 0;
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& process = *bed.driver_of(id);
    for (int i = 0; i < 40 && !process.dead; ++i) {
        Message message;
        message.kind = static_cast<uint32_t>(protocol::driver::Kind::call);
        message.body = {1, 2, 3};
        process.send(std::move(message));
    }
    ASSERT_TRUE(bed.run_until([&] { return process.dead; }));
    wait_for("Widget", InstanceState::started);  // and it is matched again like any crash
}

TEST_F(LifecycleTest, MemoryThatIsNotSealedIsRefused) {
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& process = *bed.driver_of(id);
    protocol::Invocation invocation = system::IOService_RegisterService::encode(id, {});
    protocol::Ref memory;
    memory.kind = protocol::RefKind::memory;
    memory.length = 4096;
    invocation.refs = {memory};
    std::vector<UniqueFd> fds;
    fds.emplace_back(::dup(0));
    const uint64_t serial = process.call(invocation, std::move(fds));
    ASSERT_TRUE(bed.run_until([&] { return process.answers.contains(serial); }));
    EXPECT_EQ(process.answers[serial].io_return, kIOReturnBadArgument);
    EXPECT_FALSE(entry(id).registered);
}

TEST_F(LifecycleTest, AFloodOfLogLinesIsCutAndCounted) {
    bed.start();
    install({{"Widget", on_resources()}});
    const EntryId id = wait_for("Widget", InstanceState::started);
    FakeDriver& process = *bed.driver_of(id);
    for (int i = 0; i < 4000; ++i) process.log("line " + std::to_string(i));
    process.call_and_wait(system::IOService_RegisterService::encode(id, {}));
    const std::string text = bed.log_text();
    EXPECT_NE(text.find("line 1999\""), std::string::npos);
    // Now and then one of the later ones may be written, more of them on a slow machine.
    size_t written = 0;
    for (int i = 2000; i < 4000; ++i) {
        if (text.find("line " + std::to_string(i) + "\"") != std::string::npos) ++written;
    }
    EXPECT_LT(written, 1000U);
}

}  // namespace
}  // namespace opendext::daemon::testing
