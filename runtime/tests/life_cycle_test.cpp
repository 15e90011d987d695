// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "RuntimeTestDriver.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/exit_status.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

using namespace opendext;
using namespace opendext::protocol;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kProvider = 7;

class LifeCycle : public testing::Test {
  protected:
    LifeCycle() {
        Events::shared().clear();
        daemon_.on(IOService_RegisterService_ID,
                   [](const Invocation&) { return InvocationResult{}; });
        daemon_.on(IOService_Stop_ID, [](const Invocation&) { return InvocationResult{}; });
        loaded_ = daemon_.load();
    }
    void start_driver() {
        ASSERT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        ASSERT_EQ(daemon_.start(kDriver, kProvider, "IOService"), kIOReturnSuccess);
    }
    void drop_driver() {
        daemon_.send(encode(driver::Drop{kDriver}));
        EXPECT_TRUE(Events::shared().wait_for("free"));
    }
    Invocation invocation(uint64_t msgid, uint32_t reply_size = 0) {
        Invocation made;
        made.object = kDriver;
        made.msgid = msgid;
        made.reply_size = reply_size;
        return made;
    }

    FakeDaemon daemon_;
    driver::Loaded loaded_;
};

TEST_F(LifeCycle, ChecksInWithItsTokenAndTellsItsClasses) {
    EXPECT_EQ(daemon_.check_in.token, FakeDaemon::kToken);
    EXPECT_EQ(daemon_.check_in.sandbox, "none (test)");
    EXPECT_EQ(loaded_.outcome.io_return, kIOReturnSuccess);
    EXPECT_EQ(daemon_.second_step_calls, 1);
    bool driver_seen = false;
    bool service_seen = false;
    EXPECT_TRUE(loaded_.classes.empty()) << "those of this program were there at check-in";
    for (const auto& each : daemon_.check_in.classes) {
        if (each.name == "RuntimeTestDriver") {
            driver_seen = true;
            EXPECT_EQ(each.super_name, "IOService");
        }
        if (each.name == "IOService") {
            service_seen = true;
            EXPECT_EQ(each.super_name, "OSObject");
            EXPECT_EQ(each.flags & kOSClassCanRemote, kOSClassCanRemote);
        }
    }
    EXPECT_TRUE(driver_seen);
    EXPECT_TRUE(service_seen);
    EXPECT_EQ(daemon_.finish(), protocol::driver::kExitHungUp);
}

TEST_F(LifeCycle, RunsInitStartStopFreeInOrder) {
    start_driver();
    EXPECT_EQ(Events::shared().all(), (std::vector<std::string>{"init", "start"}));
    const auto registered = daemon_.calls_of(IOService_RegisterService_ID);
    ASSERT_EQ(registered.size(), 1u);
    EXPECT_EQ(registered[0].object, kDriver);
    EXPECT_TRUE(registered[0].flags & kIORPCMessageOneway) << "Start waits for nothing";

    EXPECT_EQ(daemon_.stop(kDriver, kProvider), kIOReturnSuccess);
    const auto done = daemon_.calls_of(IOService_Stop_ID);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].object, kDriver);
    ASSERT_EQ(done[0].refs.size(), 1u);
    EXPECT_EQ(done[0].refs[0].id, kProvider);

    drop_driver();
    EXPECT_EQ(Events::shared().all(), (std::vector<std::string>{"init", "start", "stop", "free"}));
    EXPECT_TRUE(
        daemon_.wait_for_drop(kProvider));  // the proxy of the provider went with the driver
    daemon_.send(encode(driver::Exit{"all objects are gone"}));
    EXPECT_EQ(daemon_.wait_for_end(), 0);
}

TEST_F(LifeCycle, LogsTheFirstLineInFull) {
    start_driver();
    EXPECT_TRUE(daemon_.wait_for_log("Hello World, driver 7"));
    daemon_.stop(kDriver, kProvider);
    drop_driver();
}

TEST_F(LifeCycle, UnknownClassesAreRefusedByName) {
    EXPECT_EQ(daemon_.instantiate(kDriver, "NoSuchDriver"), kIOReturnUnsupported);
    const auto reply = decode<driver::Reply>(
        daemon_.request(encode(driver::Instantiate{kDriver, "NoSuchDriver"})));
    EXPECT_EQ(reply->reason, "no user class found: NoSuchDriver");
}

TEST_F(LifeCycle, CallsCarryPlainArgumentsBothWays) {
    start_driver();
    Invocation add = invocation(RuntimeTestDriver_Add_ID, 8);
    put_plain<uint32_t>(add.plain, 40);
    put_plain<uint32_t>(add.plain, 2);
    put_plain<uint64_t>(add.plain, 0);  // the result's value going in
    const auto sum = daemon_.call(std::move(add));
    ASSERT_EQ(sum.io_return, kIOReturnSuccess);
    ASSERT_GE(sum.plain.size(), 4u);
    uint32_t value = 0;
    memcpy(&value, sum.plain.data(), sizeof value);
    EXPECT_EQ(value, 42u);
    drop_driver();
}

TEST_F(LifeCycle, ContainersTravelByValue) {
    start_driver();
    Invocation echo = invocation(RuntimeTestDriver_Echo_ID);
    const Dictionary content{{"name", Value("x")},
                             {"list", Value(Array{Value(uint64_t{1}), Value(true)})}};
    Ref ref;
    ref.kind = RefKind::value;
    ref.value = Value(content);
    echo.refs = {ref};
    const auto result = daemon_.call(std::move(echo));
    ASSERT_EQ(result.io_return, kIOReturnSuccess);
    ASSERT_EQ(result.refs.size(), 1u);
    EXPECT_EQ(result.refs[0].kind, RefKind::value);
    EXPECT_EQ(result.refs[0].value, Value(content));
    drop_driver();
}

TEST_F(LifeCycle, MemoryTravelsAsADescriptor) {
    start_driver();
    auto memory = make_sealed_memory("test", 8192);
    ASSERT_TRUE(memory.ok());
    Invocation echo = invocation(RuntimeTestDriver_EchoMemory_ID);
    Ref ref;
    ref.kind = RefKind::memory;
    ref.offset = 4096;
    ref.length = 100;
    ref.options = kIOMemoryDirectionInOut;
    echo.refs = {ref};
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*memory));
    const auto result = daemon_.call(std::move(echo), std::move(fds));
    ASSERT_EQ(result.io_return, kIOReturnSuccess);
    ASSERT_EQ(result.refs.size(), 1u);
    EXPECT_EQ(result.refs[0].kind, RefKind::memory);
    EXPECT_EQ(result.refs[0].offset, 4096u);
    EXPECT_EQ(result.refs[0].length, 100u);
    ASSERT_EQ(daemon_.result_fds.size(), 1u);
    EXPECT_EQ(sealed_memory_size(daemon_.result_fds[0].get()).value(), 8192u);
    drop_driver();
}

TEST_F(LifeCycle, MethodsOfTheProviderGoToTheDaemon) {
    daemon_.on(IOService_CopyName_ID, [](const Invocation& call) {
        EXPECT_EQ(call.object, kProvider);
        InvocationResult result;
        Ref name;
        name.kind = RefKind::value;
        name.value = Value("the provider");
        result.refs = {name};
        return result;
    });
    start_driver();
    Invocation ask = invocation(RuntimeTestDriver_AskProvider_ID, 8);
    put_plain<uint64_t>(ask.plain, 0);
    const auto result = daemon_.call(std::move(ask));
    ASSERT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(Events::shared().count_of("the provider"), 1u);
    uint64_t id = 0;
    ASSERT_GE(result.plain.size(), sizeof id);
    memcpy(&id, result.plain.data(), sizeof id);
    EXPECT_EQ(id, kProvider);
    drop_driver();
}

TEST_F(LifeCycle, AThreadThatWaitsForItsAnswerBlocksNobody) {
    start_driver();
    daemon_.hold(IOService_CopyName_ID);
    Invocation ask = invocation(RuntimeTestDriver_AskProvider_ID, 8);
    put_plain<uint64_t>(ask.plain, 0);
    kern_return_t asked = kIOReturnError;
    std::thread asker([&] { asked = daemon_.call(ask).io_return; });
    EXPECT_TRUE(daemon_.wait_for_call(IOService_CopyName_ID));
    // The default queue waits for the daemon; the other queue, and requests of the daemon, do not.
    for (int i = 0; i < 3; ++i) {
        Invocation call = invocation(RuntimeTestDriver_OnOther_ID, 8);
        put_plain<uint64_t>(call.plain, 0);
        EXPECT_EQ(daemon_.call(std::move(call)).io_return, kIOReturnSuccess);
        EXPECT_EQ(daemon_.instantiate(300, "NoSuchDriver"), kIOReturnUnsupported);
    }
    Invocation note = invocation(RuntimeTestDriver_Note_ID);
    put_plain<uint64_t>(note.plain, 1);
    daemon_.call_oneway(std::move(note));
    InvocationResult name;
    name.refs.resize(1);
    name.refs[0].kind = RefKind::value;
    name.refs[0].value = Value("late");
    EXPECT_EQ(Events::shared().count_of("note 1"), 0u);
    EXPECT_TRUE(daemon_.let_go(IOService_CopyName_ID, std::move(name)));
    asker.join();
    EXPECT_EQ(asked, kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("note 1"));
    EXPECT_EQ(Events::shared().count_of("late"), 1u);
    drop_driver();
}

TEST_F(LifeCycle, TheEndOfTheProcessFreesThreadsThatWait) {
    start_driver();
    daemon_.hold(IOService_CopyName_ID);
    Invocation ask = invocation(RuntimeTestDriver_AskProvider_ID, 8);
    put_plain<uint64_t>(ask.plain, 0);
    Message message = encode(driver::Call{ask}, driver::kDaemonSerial | 999999);
    daemon_.send(message);
    ASSERT_TRUE(daemon_.wait_for_call(IOService_CopyName_ID));
    EXPECT_EQ(daemon_.finish(), protocol::driver::kExitHungUp);
    EXPECT_TRUE(Events::shared().wait_for("free"));
}

TEST(LifeCycleDeathTest, CodeThatNeverReturnsDoesNotKeepTheProcess) {
    const auto hang = [] {
        FakeDaemon daemon;
        daemon.load();
        Events::shared().clear();
        daemon.send(
            encode(driver::Instantiate{kDriver, "RuntimeTestHang"}, driver::kDaemonSerial | 1000));
        (void)Events::shared().wait_for("hang");
        (void)daemon.finish();
        _exit(99);  // not reached
    };
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // the process has threads
    EXPECT_EXIT(hang(), testing::ExitedWithCode(protocol::driver::kExitHungUp),
                "code of the driver does not return");
}

TEST_F(LifeCycle, OneWayCallsKeepTheirOrder) {
    start_driver();
    for (uint64_t i = 0; i < 200; ++i) {
        Invocation note = invocation(RuntimeTestDriver_Note_ID);
        put_plain<uint64_t>(note.plain, i);
        daemon_.call_oneway(std::move(note));
    }
    ASSERT_TRUE(Events::shared().wait_for("note 199"));
    const auto events = Events::shared().all();
    ASSERT_EQ(events.size(), 202u);
    for (uint64_t i = 0; i < 200; ++i) EXPECT_EQ(events[i + 2], "note " + std::to_string(i));
    drop_driver();
}

TEST_F(LifeCycle, NamedQueuesRunTheirMethods) {
    start_driver();
    for (const uint64_t msgid :
         {uint64_t{RuntimeTestDriver_OnOther_ID}, uint64_t{RuntimeTestDriver_CallOther_ID}}) {
        Invocation call = invocation(msgid, 8);
        put_plain<uint64_t>(call.plain, 0);
        const auto result = daemon_.call(std::move(call));
        ASSERT_EQ(result.io_return, kIOReturnSuccess);
        ASSERT_GE(result.plain.size(), 1u);
        EXPECT_EQ(result.plain[0], 1) << "not on the queue \"Other\"";
    }
    drop_driver();
}

TEST_F(LifeCycle, UnknownMethodsAndObjectsAreRefused) {
    start_driver();
    EXPECT_EQ(daemon_.call(invocation(0x42)).io_return, kIOReturnUnsupported);
    EXPECT_EQ(daemon_.call(invocation(IOService_SetProperties_ID)).io_return, kIOReturnUnsupported);
    Invocation ghost = invocation(RuntimeTestDriver_Add_ID, 8);
    ghost.object = 12345;
    EXPECT_EQ(daemon_.call(std::move(ghost)).io_return, kIOReturnNotReady);
    // Too few plain bytes: the generated code sees that.
    EXPECT_EQ(daemon_.call(invocation(RuntimeTestDriver_Add_ID, 8)).io_return, kIOReturnIPCError);
    // A wrong class of object.
    Invocation echo = invocation(RuntimeTestDriver_Echo_ID);
    echo.refs = {object_ref(kProvider, "IOService")};
    EXPECT_EQ(daemon_.call(std::move(echo)).io_return, kIOReturnBadArgument);
    drop_driver();
}

TEST_F(LifeCycle, ActionsAreCalledBackAndAborted) {
    start_driver();
    const auto made = daemon_.call(invocation(RuntimeTestDriver_GetAction_ID));
    ASSERT_EQ(made.io_return, kIOReturnSuccess);
    ASSERT_EQ(made.refs.size(), 1u);
    const Ref action = made.refs[0];
    EXPECT_EQ(action.kind, RefKind::action);
    EXPECT_EQ(action.class_name, "OSAction_RuntimeTestDriver_TimerFired");
    EXPECT_NE(action.id & (uint64_t{1} << 62), 0u);

    Invocation fire;
    fire.msgid = action.offset;
    fire.refs = {action, action};
    put_plain<uint64_t>(fire.plain, 1);
    daemon_.call_oneway(fire);
    EXPECT_TRUE(Events::shared().wait_for("timer"));

    daemon_.send(encode(driver::Drop{action.id}));
    EXPECT_TRUE(Events::shared().wait_for("aborted"));
    drop_driver();
}

TEST_F(LifeCycle, CreateMakesAndStartsAUserClientInTheSameProcess) {
    start_driver();
    daemon_.on_create([](const driver::Create& request) {
        EXPECT_EQ(request.provider, kDriver);
        EXPECT_EQ(request.properties_key, "UserClientProperties");
        driver::Created created;
        created.entry = 200;
        created.user_class = "RuntimeTestClient";
        created.kernel_class = "IOUserUserClient";
        return created;
    });
    Invocation open = invocation(IOService_NewUserClient_ID);
    put_plain<uint64_t>(open.plain, 0);
    const auto result = daemon_.call(std::move(open));
    ASSERT_EQ(result.io_return, kIOReturnSuccess);
    ASSERT_EQ(result.refs.size(), 1u);
    EXPECT_EQ(result.refs[0].id, 200u);
    EXPECT_EQ(Events::shared().count_of("client start"), 1u);

    EXPECT_EQ(daemon_.stop(200, kDriver), kIOReturnSuccess);
    daemon_.send(encode(driver::Drop{200}));
    EXPECT_TRUE(Events::shared().wait_for("client free"));
    drop_driver();
}

TEST_F(LifeCycle, CreateOfAnUnknownClassIsGivenBack) {
    start_driver();
    daemon_.on_create([](const driver::Create&) {
        driver::Created created;
        created.entry = 200;
        created.user_class = "NoSuchClient";
        return created;
    });
    Invocation open = invocation(IOService_NewUserClient_ID);
    put_plain<uint64_t>(open.plain, 0);
    EXPECT_EQ(daemon_.call(std::move(open)).io_return, kIOReturnUnsupported);
    EXPECT_TRUE(daemon_.wait_for_drop(200));
    drop_driver();
}

TEST_F(LifeCycle, EndOfFileEndsTheProcess) {
    EXPECT_EQ(daemon_.finish(), protocol::driver::kExitHungUp);
}

TEST_F(LifeCycle, MalformedMessagesEndTheProcessWithAReason) {
    Message garbage;
    garbage.kind = static_cast<uint32_t>(driver::Kind::instantiate);
    garbage.body = {1, 2, 3};
    daemon_.send(garbage);
    EXPECT_EQ(daemon_.wait_for_end(), 70);
    EXPECT_TRUE(daemon_.wait_for_log("malformed message of kind 5"));
}

TEST_F(LifeCycle, UnknownKindsEndTheProcessWithAReason) {
    Message unknown;
    unknown.kind = 999;
    daemon_.send(unknown);
    EXPECT_EQ(daemon_.wait_for_end(), 70);
    EXPECT_TRUE(daemon_.wait_for_log("unknown message kind 999"));
}

}  // namespace
