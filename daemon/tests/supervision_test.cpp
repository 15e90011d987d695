// SPDX-License-Identifier: Apache-2.0
// Supervision in a whole opendextd, with a clock that the test moves: back-off, quarantine, the
// next candidate, drivers that leave, hung ones, and what programs read of it.
#include "rpc/protocol/supervision.h"
#include "daemon/tests/manual_clock.h"
#include "daemon/tests/testbed.h"
#include "rpc/protocol/debug.h"
#include "rpc/protocol/exit_status.h"

namespace opendext::daemon::testing {
namespace {

using namespace std::chrono_literals;
namespace client = protocol::client;

constexpr const char* kBundle = "com.example.widget";
constexpr int kSegfault = 11;

class SupervisionTest : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"Widget", "Gadget", "Gizmo"}) bed.classes[name] = "IOService";
        bed.options.clock = &clock;
    }
    static Dictionary on_resources(const std::string& user_class, int64_t score,
                                   Dictionary more = {}) {
        more.insert_or_assign("IOProbeScore", score);
        return Testbed::personality(kBundle, user_class, "IOUserResources", std::move(more));
    }
    void install(Dictionary personalities, const std::string& version = "1") {
        const Status status =
            bed.install(bed.write_bundle(kBundle, std::move(personalities), version));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    void start(Dictionary personalities) {
        bed.start();
        install(std::move(personalities));
    }
    /// The started driver of this class, another one than `last`.
    FakeDriver* up(const std::string& name, const FakeDriver* last = nullptr) {
        FakeDriver* found = nullptr;
        EXPECT_TRUE(bed.run_until([&] {
            const EntryId id = bed.find(name);
            const Instance* instance = bed.daemon->lifecycle().find(id);
            if (instance == nullptr || !instance->running()) return false;
            found = bed.driver_of(id);
            return found != nullptr && found != last;
        })) << name
            << " does not come up";
        bed.settle();
        return found;
    }
    /// Kills the driver and waits until its object is gone.
    void crash(FakeDriver* driver) {
        ASSERT_NE(driver, nullptr);
        driver->die(kSegfault);
        bed.settle();
    }
    client::SupervisedDriver supervised(const std::string& personality) {
        FakeClient program(bed);
        const auto answer = program.ask<client::SupervisionIs>(client::GetSupervision{});
        for (const client::SupervisedDriver& driver : answer.drivers) {
            if (driver.personality == personality) return driver;
        }
        return {};
    }
    /// What the nub's property says.
    std::string property(const std::string& label, const char* key) {
        const Entry* nub = bed.daemon->registry().find(bed.daemon->user_resources());
        const Value* all = nub->property(kSupervisionProperty);
        const Value* one =
            all == nullptr ? nullptr : opendext::find(*all->dictionary(), kBundle + ("/" + label));
        const std::string* text = one == nullptr ? nullptr : find_string(*one->dictionary(), key);
        return text == nullptr ? "" : *text;
    }
    FakeDriver* crash_until_quarantine(const std::string& name) {
        FakeDriver* last = nullptr;
        for (const auto wait : {0s, 2s, 4s, 8s, 0s}) {
            last = up(name, last);
            crash(last);
            clock.advance(wait);
        }
        EXPECT_EQ(property(name, "State"), "quarantined");
        return last;
    }
    ManualClock clock;
    Testbed bed;
};

TEST_F(SupervisionTest, RestartsAtOnceThenAfterGrowingWaitsThenNotAtAll) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = up("Widget");
    EXPECT_EQ(property("Widget", "State"), "") << "nothing has happened yet";
    crash(last);
    last = up("Widget", last);
    EXPECT_EQ(property("Widget", "State"), "running");
    for (const auto wait : {2s, 4s, 8s}) {
        crash(last);
        EXPECT_EQ(bed.find("Widget"), kNoEntry) << "it has to wait";
        EXPECT_EQ(property("Widget", "State"), "waiting for restart");
        EXPECT_NE(property("Widget", "NextRestart"), "");
        clock.advance(wait - 1ms);
        bed.settle();
        EXPECT_EQ(bed.find("Widget"), kNoEntry) << wait.count();
        clock.advance(1ms);
        last = up("Widget", last);
        EXPECT_EQ(property("Widget", "State"), "running");
        EXPECT_EQ(property("Widget", "NextRestart"), "");
    }
    crash(last);
    EXPECT_EQ(property("Widget", "State"), "quarantined");
    EXPECT_EQ(property("Widget", "Reason"), "it crashed 5 times within 30 min");
    EXPECT_NE(property("Widget", "LastReason").find("signal 11"), std::string::npos);
    EXPECT_EQ(property("Widget", "Lift"), "opendext quarantine lift com.example.widget/Widget");
    clock.advance(24h);
    bed.settle();
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_EQ(bed.drivers.size(), 5U);
    EXPECT_NE(bed.log_text().find("to try it again: opendext quarantine lift"), std::string::npos);

    const client::SupervisedDriver told = supervised("Widget");
    EXPECT_EQ(told.nub, bed.daemon->user_resources());
    EXPECT_EQ(told.nub_path, "IOService:/OpenDext/IOUserResources");
    EXPECT_EQ(told.bundle_id, kBundle);
    EXPECT_EQ(told.policy, "standard");
    EXPECT_EQ(told.state, "quarantined");
    EXPECT_EQ(told.crashes, 5U);
    EXPECT_GT(told.since_ns, 0U);
    EXPECT_GE(told.since_ns, told.last_crash_ns);
}

TEST_F(SupervisionTest, AQuarantineIsLiftedByNameAndCrashesCountAnew) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = crash_until_quarantine("Widget");
    FakeClient program(bed);
    const auto wrong = program.ask<client::QuarantineLifted>(client::LiftQuarantine{"Gadget"});
    EXPECT_NE(wrong.outcome.io_return, 0);
    EXPECT_EQ(wrong.outcome.reason,
              "Gadget is not in quarantine; in quarantine: com.example.widget/Widget");
    const auto lifted = program.ask<client::QuarantineLifted>(client::LiftQuarantine{"widget"});
    EXPECT_EQ(lifted.outcome.io_return, 0);
    ASSERT_EQ(lifted.lifted.size(), 1U);
    EXPECT_EQ(lifted.lifted[0].personality, "Widget");
    EXPECT_EQ(lifted.lifted[0].crashes, 5U);
    last = up("Widget", last);
    EXPECT_EQ(supervised("Widget").crashes, 0U);
    EXPECT_EQ(
        bed.daemon->registry().find(bed.daemon->user_resources())->property(kSupervisionProperty),
        nullptr);
    crash(last);
    up("Widget", last);  // at once, as after a first crash
    const auto none = program.ask<client::QuarantineLifted>(client::LiftQuarantine{});
    EXPECT_EQ(none.outcome.io_return, 0) << "all of none is no error";
    EXPECT_TRUE(none.lifted.empty());
}

TEST_F(SupervisionTest, InQuarantineTheNextCandidateOfTheCategoryIsStarted) {
    start({{"Widget", on_resources("Widget", 30)},
           {"Gadget", on_resources("Gadget", 20)},
           {"Gizmo", on_resources("Gizmo", 10)}});
    crash_until_quarantine("Widget");
    FakeDriver* second = up("Gadget");
    EXPECT_EQ(bed.find("Gizmo"), kNoEntry);
    // While it is only waiting the category stays its own.
    crash(second);
    second = up("Gadget", second);
    crash(second);
    EXPECT_EQ(property("Gadget", "State"), "waiting for restart");
    bed.daemon->lifecycle().register_service(bed.daemon->user_resources());
    bed.settle();
    EXPECT_EQ(bed.find("Gizmo"), kNoEntry) << "the category is kept for who waits";
    EXPECT_EQ(bed.find("Widget"), kNoEntry) << "quarantine does not end by a new registration";
    clock.advance(2s);
    for (const auto wait : {4s, 8s, 0s}) {
        second = up("Gadget", second);
        crash(second);
        clock.advance(wait);
    }
    EXPECT_EQ(property("Gadget", "State"), "quarantined");
    up("Gizmo");
}

TEST_F(SupervisionTest, AFailedStartIsNoCrashAndGoesToTheNextOfThreeCandidates) {
    bed.scripts["Widget"].start_result = kIOReturnNoDevice;
    bed.scripts["Gadget"].start_result = kIOReturnNoDevice;
    start({{"Widget", on_resources("Widget", 30)},
           {"Gadget", on_resources("Gadget", 20)},
           {"Gizmo", on_resources("Gizmo", 10)}});
    up("Gizmo");
    ASSERT_EQ(bed.drivers.size(), 3U);
    auto tried = bed.drivers.begin();
    EXPECT_TRUE((tried++)->said("start Widget"));
    EXPECT_TRUE((tried++)->said("start Gadget"));
    EXPECT_TRUE(tried->said("start Gizmo"));
    FakeClient program(bed);
    EXPECT_TRUE(program.ask<client::SupervisionIs>(client::GetSupervision{}).drivers.empty());
}

TEST_F(SupervisionTest, ACrashInStartGivesTheNubToTheNextCandidateAtOnce) {
    bed.scripts["Widget"].die_in_start = true;
    start({{"Widget", on_resources("Widget", 30)}, {"Gadget", on_resources("Gadget", 20)}});
    FakeDriver* second = up("Gadget");
    EXPECT_EQ(supervised("Widget").crashes, 1U);
    clock.advance(1h);
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 2U) << "its category has a driver";
    // When that one leaves, the first may try again.
    bed.scripts["Widget"].die_in_start = false;
    second->call_and_wait(system::IOService_Terminate::encode(bed.find("Gadget"), {}));
    up("Widget");
}

TEST_F(SupervisionTest, ACrashInStartWithoutAnotherCandidateBacksOffToo) {
    bed.scripts["Widget"].die_in_start = true;
    start({{"Widget", on_resources("Widget", 0)}});
    const auto settle_at = [&](std::chrono::milliseconds wait) {
        clock.advance(wait);
        bed.settle();
    };
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 1U);
    settle_at(0s);  // at once
    EXPECT_EQ(bed.drivers.size(), 2U);
    settle_at(1s);
    EXPECT_EQ(bed.drivers.size(), 2U);
    settle_at(1s);
    EXPECT_EQ(bed.drivers.size(), 3U);
    settle_at(4s);
    EXPECT_EQ(bed.drivers.size(), 4U);
    settle_at(8s);
    EXPECT_EQ(bed.drivers.size(), 5U);
    settle_at(24h);
    EXPECT_EQ(bed.drivers.size(), 5U);
    EXPECT_EQ(property("Widget", "State"), "quarantined");
}

TEST_F(SupervisionTest, ANewCopyOfTheBundleIsNotHeldResponsible) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = crash_until_quarantine("Widget");
    install({{"Widget", on_resources("Widget", 0)}}, "2");
    last = up("Widget", last);
    crash(last);
    up("Widget", last);  // and this was its first crash
    EXPECT_EQ(supervised("Widget").crashes, 1U);
}

TEST_F(SupervisionTest, ARepairedCopyNeedNotWaitForTheRestartOfTheOneBefore) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = up("Widget");
    crash(last);
    last = up("Widget", last);
    crash(last);
    ASSERT_EQ(property("Widget", "State"), "waiting for restart");
    install({{"Widget", on_resources("Widget", 0)}}, "2");
    last = up("Widget", last);  // at once
    EXPECT_EQ(supervised("Widget").crashes, 0U);
    // The same after it was uninstalled, with the same version.
    crash(last);
    last = up("Widget", last);
    crash(last);
    ASSERT_EQ(property("Widget", "State"), "waiting for restart");
    std::optional<Status> outcome;
    bed.daemon->catalogue().uninstall(kBundle, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    install({{"Widget", on_resources("Widget", 0)}}, "2");
    up("Widget", last);
}

TEST_F(SupervisionTest, APersonalityChoosesItsPolicy) {
    start({{"Widget", on_resources("Widget", 0, {{kRestartPolicyKey, "driverkit"}})}});
    FakeDriver* last = nullptr;
    for (int i = 0; i < 20; ++i) {
        last = up("Widget", last);
        crash(last);
    }
    up("Widget", last);
    EXPECT_EQ(property("Widget", "Policy"), "driverkit");
    EXPECT_EQ(supervised("Widget").crashes, 20U);
}

TEST_F(SupervisionTest, ThePolicyOfTheRealmIsForAllWhoChooseNone) {
    bed.options.restart.policy = RestartPolicy::driverkit;
    bed.options.restart.relaunches = 6;
    start({{"Widget", on_resources("Widget", 0, {{kRestartPolicyKey, "sometimes"}})},
           {"Gadget",
            on_resources("Gadget", 0,
                         {{kRestartPolicyKey, "standard"}, {"IOMatchCategory", "Other"}})}});
    FakeDriver* gadget = up("Gadget");
    crash(gadget);
    crash(up("Gadget", gadget));
    EXPECT_EQ(property("Gadget", "State"), "waiting for restart");
    FakeDriver* last = nullptr;
    for (int i = 0; i < 7; ++i) {
        last = up("Widget", last);
        crash(last);
    }
    EXPECT_EQ(property("Widget", "State"), "quarantined") << "an unknown word chooses nothing";
    EXPECT_EQ(property("Widget", "Reason"), "it was relaunched 6 times");
}

TEST_F(SupervisionTest, ADriverThatTerminatesItselfHandsTheNubToTheNextAndTheOneAfterThat) {
    start({{"Widget", on_resources("Widget", 30)},
           {"Gadget", on_resources("Gadget", 20)},
           {"Gizmo", on_resources("Gizmo", 10)}});
    FakeDriver* first = up("Widget");
    first->call_and_wait(system::IOService_Terminate::encode(bed.find("Widget"), {}));
    FakeDriver* second = up("Gadget");
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    EXPECT_EQ(property("Widget", "State"), "left");
    EXPECT_EQ(property("Widget", "Reason"), "it called Terminate");
    second->call_and_wait(system::IOService_Terminate::encode(bed.find("Gadget"), {}));
    FakeDriver* third = up("Gizmo");
    third->call_and_wait(system::IOService_Terminate::encode(bed.find("Gizmo"), {}));
    ASSERT_TRUE(bed.run_until([&] { return third->dead; }));
    bed.settle();
    EXPECT_TRUE(bed.alive().empty()) << "nobody comes back by itself";
    EXPECT_EQ(supervised("Widget").crashes, 0U);
    // A new registration of the nub is a new beginning.
    bed.daemon->lifecycle().register_service(bed.daemon->user_resources());
    up("Widget");
    EXPECT_EQ(property("Gadget", "State"), "");
}

TEST_F(SupervisionTest, ADriverThatExitsByItselfHandsTheNubOverButOneThatFailsIsRestarted) {
    start({{"Widget", on_resources("Widget", 30)}, {"Gadget", on_resources("Gadget", 20)}});
    FakeDriver* first = up("Widget");
    first->die(1 << 8);  // exit(1)
    first = up("Widget", first);
    EXPECT_EQ(supervised("Widget").last_reason, "exit status 1");
    first->die(0);  // exit(0)
    up("Gadget");
    EXPECT_EQ(property("Widget", "State"), "left");
    EXPECT_EQ(property("Widget", "Reason"), "it called exit(0)");
    EXPECT_EQ(supervised("Widget").crashes, 1U) << "leaving is no crash";
}

TEST_F(SupervisionTest, AKillFromOutsideCountsAsACrash) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* first = up("Widget");
    first->die(9);
    up("Widget", first);
    EXPECT_EQ(supervised("Widget").crashes, 1U);
    EXPECT_EQ(supervised("Widget").last_reason, "signal 9 (Killed)");
}

TEST_F(SupervisionTest, ADriverThatRanForAMinuteIsRestartedAtOnceAgain) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = nullptr;
    for (int i = 0; i < 4; ++i) {
        last = up("Widget", last);
        crash(last);
        EXPECT_EQ(property("Widget", "State"), "running") << i;
        clock.advance(8min);
    }
}

TEST_F(SupervisionTest, AnUninstalledDriverIsWaitedForNoMore) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = up("Widget");
    crash(last);
    crash(up("Widget", last));
    EXPECT_EQ(property("Widget", "State"), "waiting for restart");
    std::optional<Status> outcome;
    bed.daemon->catalogue().uninstall(kBundle, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    clock.advance(1h);
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 2U);
    FakeClient program(bed);
    EXPECT_TRUE(program.ask<client::SupervisionIs>(client::GetSupervision{}).drivers.empty());
}

TEST_F(SupervisionTest, NothingIsRestartedWhileTheSystemSleeps) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* last = up("Widget");
    crash(last);
    last = up("Widget", last);
    crash(last);
    bool asleep = false;
    bed.daemon->power().set_asleep(true, [&](const Status&) { asleep = true; });
    ASSERT_TRUE(bed.run_until([&] { return asleep; }));
    clock.advance(2s);
    bed.settle();
    EXPECT_EQ(bed.find("Widget"), kNoEntry);
    bed.daemon->power().set_asleep(false, [&](const Status&) { asleep = false; });
    ASSERT_TRUE(bed.run_until([&] { return !asleep; }));
    up("Widget", last);
}

TEST_F(SupervisionTest, AProcessThatCannotBeStartedIsTriedAgain) {
    bed.refuse_spawn = true;
    start({{"Widget", on_resources("Widget", 0)}});
    bed.settle();
    EXPECT_EQ(supervised("Widget").crashes, 1U);
    EXPECT_NE(supervised("Widget").last_reason.find("no more processes"), std::string::npos);
    bed.refuse_spawn = false;
    clock.advance(0s);
    up("Widget");
}

/// Each wait for a driver, by the realm's default deadlines, with a clock that is moved.
class HungDriver : public SupervisionTest {
  protected:
    /// The driver is ended for this reason when `deadline` has passed, and not before.
    void expect_end(FakeDriver* driver, Deadline deadline, const std::string& reason) {
        const auto time = bed.options.deadlines.of(deadline);
        bed.settle();
        clock.advance(time - 1ms);
        bed.settle();
        EXPECT_FALSE(driver->dead) << "before its deadline";
        clock.advance(1ms);
        ASSERT_TRUE(bed.run_until([&] { return driver->dead; }));
        bed.settle();
        EXPECT_NE(bed.log_text().find("it hangs and is going to be ended: " + reason),
                  std::string::npos)
            << bed.log_text();
        const client::SupervisedDriver told = supervised("Widget");
        EXPECT_EQ(told.crashes, 1U);
        EXPECT_NE(told.last_reason.find("killed by opendextd: " + reason), std::string::npos)
            << told.last_reason;
    }
};

TEST_F(HungDriver, CheckIn) {
    bed.auto_check_in = false;
    start({{"Widget", on_resources("Widget", 0)}});
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty(); }));
    bed.auto_check_in = true;
    expect_end(&bed.drivers.front(), Deadline::check_in, "user server timeout");
    clock.advance(0s);
    up("Widget");
}

TEST_F(HungDriver, OneThatWaitsForItsDebuggerHasTimeHoweverEarlyItCheckedIn) {
    bed.start();
    FakeClient debugger(bed);
    const uint64_t serial = debugger.send(client::DebugNext{kBundle});
    bed.settle();
    bed.hold_spawned = true;
    install({{"Widget", on_resources("Widget", 0)}});
    ASSERT_TRUE(bed.run_until([&] { return !bed.drivers.empty(); }));
    bed.settle();
    bed.tell_spawned();
    ASSERT_TRUE(bed.run_until([&] { return debugger.answers.contains(serial); }));
    const auto waiting = decode<client::DebugWaiting>(debugger.answers.at(serial));
    ASSERT_TRUE(waiting.ok());
    EXPECT_EQ(waiting->pid, bed.drivers.front().pid);
    clock.advance(24h);
    bed.settle();
    EXPECT_FALSE(bed.drivers.front().dead);
    EXPECT_FALSE(bed.drivers.front().said("load"));
    debugger.close();
    EXPECT_EQ(up("Widget"), &bed.drivers.front());
}

TEST_F(HungDriver, Init) {
    bed.scripts["Widget"].hold_init = true;
    start({{"Widget", on_resources("Widget", 0)}});
    ASSERT_TRUE(bed.run_until(
        [&] { return !bed.drivers.empty() && bed.drivers.front().said("instantiate"); }));
    bed.scripts["Widget"].hold_init = false;
    expect_end(&bed.drivers.front(), Deadline::instantiate, "init: no answer within 30000 ms");
}

TEST_F(HungDriver, Start) {
    bed.scripts["Widget"].hold_start = true;
    start({{"Widget", on_resources("Widget", 0)}});
    ASSERT_TRUE(
        bed.run_until([&] { return !bed.drivers.empty() && bed.drivers.front().said("start"); }));
    bed.scripts["Widget"].hold_start = false;
    expect_end(&bed.drivers.front(), Deadline::start, "Start: no answer within 120000 ms");
}

TEST_F(HungDriver, Stop) {
    bed.scripts["Widget"].hold_super_stop = true;
    start({{"Widget", on_resources("Widget", 30)}, {"Gadget", on_resources("Gadget", 20)}});
    FakeDriver* driver = up("Widget");
    driver->call_and_wait(system::IOService_Terminate::encode(bed.find("Widget"), {}));
    ASSERT_TRUE(bed.run_until([&] { return driver->said("stop"); }));
    bed.settle();
    clock.advance(bed.options.deadlines.of(Deadline::stop));
    ASSERT_TRUE(bed.run_until([&] { return driver->dead; }));
    EXPECT_NE(bed.log_text().find("it hangs and is going to be ended: Stop of Widget did not"),
              std::string::npos);
    up("Gadget");
    EXPECT_EQ(property("Widget", "State"), "left") << "it had decided to go";
}

TEST_F(HungDriver, Power) {
    bed.scripts["Widget"].hold_power = true;
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* driver = up("Widget");
    bool asleep = false;
    bed.daemon->power().set_asleep(true, [&](const Status&) { asleep = true; });
    ASSERT_TRUE(bed.run_until([&] { return driver->said("power"); }));
    bed.scripts["Widget"].hold_power = false;
    expect_end(driver, Deadline::power_acknowledge, "SetPowerState(off) of Widget");
    EXPECT_TRUE(asleep) << "the others do not wait for it any longer";
}

TEST_F(HungDriver, ClosesItsControlSocketAndGoesOn) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* driver = up("Widget");
    driver->hang_up();
    expect_end(driver, Deadline::hang_up, "it closed its control socket and went on");
    clock.advance(0s);
    up("Widget", driver);
}

TEST_F(HungDriver, AnEndThatFollowsTheClosedControlSocketIsTheDriversOwn) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* driver = up("Widget");
    driver->hang_up();
    bed.settle();
    clock.advance(bed.options.deadlines.of(Deadline::hang_up) - 1ms);
    bed.settle();
    ASSERT_FALSE(driver->dead);
    driver->die(11);
    up("Widget", driver);
    EXPECT_EQ(supervised("Widget").last_reason.find("signal 11 (Segmentation fault)"), 0U)
        << supervised("Widget").last_reason;
    EXPECT_EQ(supervised("Widget").last_reason.find("opendextd"), std::string::npos);
    clock.advance(1h);
    bed.settle();
    EXPECT_EQ(bed.alive().size(), 1U);
}

TEST_F(HungDriver, ExitStatusOfARuntimeThatLostItsControlSocketIsACrash) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* driver = up("Widget");
    driver->die(protocol::driver::kExitHungUp << 8);
    up("Widget", driver);
    EXPECT_EQ(supervised("Widget").crashes, 1U);
    EXPECT_EQ(supervised("Widget").last_reason, "exit status 69 (its control socket was closed)");
}

TEST_F(HungDriver, ACallOfAProgram) {
    start({{"Widget", on_resources("Widget", 0)}});
    FakeDriver* driver = up("Widget");
    bed.hold_relayed = true;
    FakeClient program(bed);
    const uint64_t serial = program.send(
        client::SetProperties{bed.find("Widget"), Value(Dictionary{{"Key", "value"}})});
    ASSERT_TRUE(bed.run_until([&] { return !driver->relayed.empty(); }));
    expect_end(driver, Deadline::set_properties, "SetProperties: no answer within 30000 ms");
    ASSERT_TRUE(bed.run_until([&] { return program.answers.contains(serial); }));
    const auto answer = decode<client::PropertiesSet>(program.answers.at(serial));
    ASSERT_TRUE(answer.ok());
    EXPECT_NE(answer->outcome.io_return, 0);
}

}  // namespace
}  // namespace opendext::daemon::testing
