// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "daemon/tests/two_drivers.h"

namespace opendext::daemon::testing {
namespace {

namespace client = protocol::client;
namespace driver = protocol::driver;

uint64_t number(const Value* dictionary, std::string_view key) {
    const Value* found = find(*dictionary->dictionary(), key);
    return found->number()->raw;
}

class PowerStates : public TwoDriversTest {
  protected:
    uint64_t current(EntryId id) {
        return number(property(id, "IOPowerManagement"), "CurrentPowerState");
    }
    int32_t change(FakeDriver* caller, EntryId id, uint32_t flags) {
        system::IOService_ChangePowerState::In in;
        in.powerFlags = flags;
        return caller->call_and_wait(system::IOService_ChangePowerState::encode(id, in)).io_return;
    }
    Status sleep(bool asleep) {
        std::optional<Status> outcome;
        bed.daemon->power().set_asleep(asleep, [&](const Status& status) { outcome = status; });
        EXPECT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
        bed.settle();
        return outcome ? *outcome : Status(Error{});
    }
    SystemPower state() { return bed.daemon->power().state(); }
};

// Facts: IOService.ChangePowerState, IOService.JoinPMTree
TEST_F(PowerStates, AStartedObjectHasJoinedAndAMadeOneJoinsByItself) {
    start();
    EXPECT_EQ(current(widget), 2U);
    EXPECT_EQ(property(nub, "IOPowerManagement"), nullptr);
    EXPECT_EQ(change(control, widget, 1), kIOReturnBadArgument);
    EXPECT_EQ(change(control, widget, PowerTree::kLow), 0);
    ASSERT_TRUE(bed.run_until([&] { return current(widget) == 1; }));
    EXPECT_TRUE(control->said("power 65536 Widget"));

    EXPECT_EQ(change(control, nub, PowerTree::kOff), 0);
    bed.settle();
    EXPECT_FALSE(control->said("power 0 WidgetNub")) << "it has not joined";
    EXPECT_EQ(control->call_and_wait(system::IOService_JoinPMTree::encode(nub, {})).io_return, 0);
    ASSERT_TRUE(bed.run_until([&] { return current(nub) == 0; }));
    EXPECT_TRUE(control->said("power 0 WidgetNub")) << "it joined with what it had asked for";
}

// Facts: IOService.SetPowerOverride
TEST_F(PowerStates, AClientKeepsItsProviderUpUnlessThereIsAnOverride) {
    start();
    start_gadget();
    EXPECT_EQ(change(control, widget, PowerTree::kOff), 0);
    bed.settle();
    EXPECT_EQ(current(widget), 2U) << "the driver above it is on";
    system::IOService_SetPowerOverride::In in;
    in.enable = true;
    EXPECT_EQ(
        control->call_and_wait(system::IOService_SetPowerOverride::encode(widget, in)).io_return,
        0);
    ASSERT_TRUE(bed.run_until([&] { return current(widget) == 0; }));
    in.enable = false;
    EXPECT_EQ(
        control->call_and_wait(system::IOService_SetPowerOverride::encode(widget, in)).io_return,
        0);
    ASSERT_TRUE(bed.run_until([&] { return current(widget) == 2; }));
    EXPECT_EQ(port->call_and_wait(system::IOService_SetPowerOverride::encode(nub, in)).io_return,
              kIOReturnNotPermitted);
}

TEST_F(PowerStates, ADriverThatDoesNotAcknowledgeIsEndedAtItsDeadline) {
    bed.options.deadlines.set(Deadline::power_acknowledge, std::chrono::milliseconds(50));
    bed.scripts["Widget"].hold_power = true;
    start();
    EXPECT_EQ(change(control, widget, PowerTree::kLow), 0);
    ASSERT_TRUE(bed.run_until([&] { return control->dead; }));
    EXPECT_NE(bed.log_text().find("it hangs and is going to be ended: SetPowerState(low) of Widget "
                                  "was not acknowledged in time (super's SetPowerState)"),
              std::string::npos);
    bed.scripts["Widget"].hold_power = false;
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") != widget; }));
    registered("Widget");  // and it is started again
}

TEST_F(PowerStates, AnErrorOfSetPowerStateIsTakenForAnAcknowledgement) {
    bed.scripts["Widget"].hold_power = true;
    bed.scripts["Widget"].power_result = kIOReturnError;
    start();
    EXPECT_EQ(change(control, widget, PowerTree::kOff), 0);
    ASSERT_TRUE(bed.run_until([&] { return current(widget) == 0; }));
    EXPECT_NE(bed.log_text().find("SetPowerState(off) of Widget: it returned an error"),
              std::string::npos);
    EXPECT_FALSE(control->dead);
}

TEST_F(PowerStates, SleepTellsClientsFirstAndWakeProvidersFirst) {
    start();
    start_gadget();
    bed.scripts["Gadget"].hold_power = true;
    std::optional<Status> outcome;
    bed.daemon->power().set_asleep(true, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return port->said("power 0 Gadget"); }));
    bed.settle();
    EXPECT_EQ(state(), SystemPower::falling_asleep);
    EXPECT_FALSE(control->said("power 0 Widget")) << "its client has not acknowledged";
    EXPECT_FALSE(sleep(false).ok()) << "not while it falls asleep";
    port->acknowledge_power(gadget, 0);
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    bed.settle();
    EXPECT_TRUE(outcome->ok());
    EXPECT_EQ(state(), SystemPower::asleep);
    EXPECT_TRUE(control->said("power 0 Widget"));
    EXPECT_EQ(control->trace.back(), "asleep");
    EXPECT_EQ(port->trace.back(), "asleep");

    bed.scripts["Gadget"].hold_power = false;
    EXPECT_TRUE(sleep(false).ok());
    EXPECT_EQ(state(), SystemPower::awake);
    EXPECT_EQ(current(widget), 2U);
    EXPECT_EQ(current(gadget), 2U);
    EXPECT_TRUE(control->said("power 2 Widget"));
    EXPECT_EQ(port->trace.back(), "awake");
}

TEST_F(PowerStates, MessagesWaitWhileTheSystemSleeps) {
    start();
    start_gadget();
    ASSERT_TRUE(sleep(true).ok());
    FakeClient program(bed);
    const uint64_t set = program.send(client::SetProperties{widget, Dictionary{{"a", 1}}});
    protocol::Invocation invocation;
    invocation.object = nub;
    invocation.msgid = 0x1234;
    const uint64_t called = port->call(invocation);
    bed.settle();
    EXPECT_TRUE(control->relayed.empty());
    EXPECT_FALSE(program.answers.contains(set));
    ASSERT_TRUE(sleep(false).ok());
    ASSERT_TRUE(bed.run_until(
        [&] { return program.answers.contains(set) && port->answers.contains(called); }));
    EXPECT_EQ(control->relayed.size(), 2U);
}

TEST_F(PowerStates, NothingIsMatchedWhileTheSystemSleeps) {
    start();
    ASSERT_TRUE(sleep(true).ok());
    ASSERT_EQ(control->call_and_wait(system::IOService_RegisterService::encode(nub, {})).io_return,
              0);
    bed.settle();
    EXPECT_EQ(bed.find("Gadget"), kNoEntry);
    ASSERT_NE(property(nub, "IOServiceMatchDeferred"), nullptr);
    ASSERT_TRUE(sleep(false).ok());
    registered("Gadget");
    EXPECT_EQ(property(nub, "IOServiceMatchDeferred"), nullptr);
}

TEST_F(PowerStates, ADriverThatDiesInItsSleepIsMatchedAgainOnWake) {
    start();
    ASSERT_TRUE(sleep(true).ok());
    control->die(9);
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    bed.settle();
    EXPECT_TRUE(bed.alive().empty());
    ASSERT_TRUE(sleep(false).ok());
    registered("Widget");
}

TEST_F(PowerStates, ADriverThatDiesWhileItIsToldHoldsUpNothing) {
    bed.scripts["Gadget"].hold_power = true;
    start();
    start_gadget();
    std::optional<Status> outcome;
    bed.daemon->power().set_asleep(true, [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(bed.run_until([&] { return port->said("power 0 Gadget"); }));
    port->die(11);
    ASSERT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
    EXPECT_EQ(state(), SystemPower::asleep);
}

// Facts: IOService._ClaimSystemWakeEvent, IOService.RequireMaxBusStall
TEST_F(PowerStates, WakeClaimsAndLatenciesAreKept) {
    start();
    system::IOService__ClaimSystemWakeEvent::In claim;
    claim.device = object_reference(nub);
    claim.flags = 1;
    claim.reason = "key";
    claim.details = value(Dictionary{{"Code", 7}});
    EXPECT_EQ(control->call_and_wait(system::IOService__ClaimSystemWakeEvent::encode(widget, claim))
                  .io_return,
              0);
    FakeClient program(bed);
    const auto power = program.ask<client::Power>(client::GetPower{});
    ASSERT_EQ(power.wake_claims.size(), 1U);
    EXPECT_EQ(*find_string(*power.wake_claims[0].dictionary(), "Reason"), "key");
    EXPECT_EQ(*find_string(*power.wake_claims[0].dictionary(), "Device"), "WidgetNub");
    claim.reason.clear();
    EXPECT_EQ(control->call_and_wait(system::IOService__ClaimSystemWakeEvent::encode(widget, claim))
                  .io_return,
              kIOReturnBadArgument);

    const auto asked = [&] {
        return std::count(bed.keeper_requests.begin(), bed.keeper_requests.end(),
                          protocol::keeper::Kind::open);
    };
    system::IOService_RequireMaxBusStall::In stall;
    stall.maxBusStall = 5000;
    EXPECT_EQ(control->call_and_wait(system::IOService_RequireMaxBusStall::encode(widget, stall))
                  .io_return,
              0);
    bed.settle();
    EXPECT_EQ(property(widget, "IOMaxBusStall")->number()->raw, 5000U);
    EXPECT_EQ(asked(), 1) << "the keeper tells the kernel";
    stall.maxBusStall = 9000;
    EXPECT_EQ(
        control->call_and_wait(system::IOService_RequireMaxBusStall::encode(nub, stall)).io_return,
        0);
    bed.settle();
    EXPECT_EQ(asked(), 1) << "the shortest one counts";
    stall.maxBusStall = 0;
    control->call_and_wait(system::IOService_RequireMaxBusStall::encode(widget, stall));
    bed.settle();
    EXPECT_EQ(property(widget, "IOMaxBusStall"), nullptr);
    EXPECT_EQ(asked(), 2);
}

TEST_F(PowerStates, AClientSeesAndChangesThePower) {
    start();
    FakeClient program(bed);
    EXPECT_EQ(program.ask<client::Reply>(client::SetPower{true}).io_return, 0);
    auto power = program.ask<client::Power>(client::GetPower{});
    EXPECT_EQ(power.state, "asleep");
    ASSERT_EQ(power.objects.size(), 1U);
    EXPECT_EQ(power.objects[0].name, "Widget");
    EXPECT_EQ(power.objects[0].flags, 0U);
    EXPECT_EQ(power.objects[0].desired, 2U);
    EXPECT_EQ(program.ask<client::Reply>(client::SetPower{false}).io_return, 0);
    EXPECT_EQ(program.ask<client::Power>(client::GetPower{}).state, "awake");
}

}  // namespace
}  // namespace opendext::daemon::testing
