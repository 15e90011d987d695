// SPDX-License-Identifier: Apache-2.0
// Rows of IOService, IOUserServer, IOUserClient and the sources that opendextd reports to.
#include <DriverKit/DriverKit.h>
#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/IOServiceNotificationDispatchSource.h>
#include <DriverKit/IOServiceStateNotificationDispatchSource.h>
#include <gtest/gtest.h>

#include <future>

#include "RuntimeTestDriver.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/exit_status.h"
#include "runtime/family.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

using namespace opendext;
using namespace opendext::protocol;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kServer = 101;
constexpr uint64_t kProvider = 7;

template <typename T>
T make(OSMetaClass* meta) {
    OSObject* object = nullptr;
    EXPECT_EQ(OSObjectAllocate(meta, &object), kIOReturnSuccess);
    return static_cast<T>(object);
}

class Service : public testing::Test {
  protected:
    /// What opendextd says of the process that the tests' server is.
    static InvocationResult describe_server(const Invocation&) {
        InvocationResult result;
        result.refs = {value(Dictionary{{"IOUserServerName", "test"},
                                        {"IOUserServerTag", kServer},
                                        {"CFBundleIdentifier", "org.example.test"}})};
        return result;
    }

    Service() {
        Events::shared().clear();
        const auto ok = [](const Invocation&) { return InvocationResult{}; };
        for (const uint64_t each : {IOService_RegisterService_ID, IOService_Stop_ID})
            daemon_.on(each, ok);
        daemon_.on(IOService_NewUserClient_ID,
                   [](const Invocation&) { return InvocationResult{kIOReturnError, {}, {}}; });
        daemon_.on_message(driver::Kind::watch, [this](const Message& message) {
            watches_.push_back(decode<driver::Watch>(message).value());
            return encode(driver::Reply{}, message.serial);
        });
        daemon_.on_message(driver::Kind::unwatch, [this](const Message& message) {
            gone_.set_value(decode<driver::Unwatch>(message).value().source);
            return std::nullopt;
        });
        daemon_.on_message(driver::Kind::arm, [](const Message&) { return std::nullopt; });
        daemon_.on_message(driver::Kind::panic_log, [this](const Message& message) {
            auto copy = message.fds.at(0).duplicate();
            panic_memory_ = std::move(copy).value();
            return encode(driver::Reply{}, message.serial);
        });
        daemon_.load();
    }
    void start_driver() {
        ASSERT_EQ(daemon_.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        ASSERT_EQ(daemon_.start(kDriver, kProvider, "IOService"), kIOReturnSuccess);
    }
    void drop_driver() {
        daemon_.send(encode(driver::Drop{kDriver}));
        EXPECT_TRUE(Events::shared().wait_for("free"));
    }
    uint64_t wait_for_unwatch() {
        auto gone = gone_.get_future();
        EXPECT_EQ(gone.wait_for(std::chrono::seconds(30)), std::future_status::ready);
        return gone.get();
    }
    static Ref value(Value content) {
        Ref ref;
        ref.kind = RefKind::value;
        ref.value = std::move(content);
        return ref;
    }
    FakeDaemon daemon_;
    std::vector<driver::Watch> watches_;
    std::promise<uint64_t> gone_;
    UniqueFd panic_memory_;
};

// Facts: IOService.NewUserClient, IOService._NewUserClient, IOUserClient.CopyClientEntitlements
// Facts: IOUserClient.init, IOUserClient.free
TEST_F(Service, NewUserClientKnowsTheProgramsEntitlements) {
    start_driver();
    daemon_.on_create([](const driver::Create&) {
        driver::Created created;
        created.entry = 200;
        created.user_class = "RuntimeTestClient";
        return created;
    });
    Invocation open;
    open.object = kDriver;
    open.msgid = IOService__NewUserClient_ID;
    open.refs = {value(Dictionary{{"org.example.right", true}})};
    put_plain<uint64_t>(open.plain, 0);
    EXPECT_EQ(daemon_.call(open).io_return, kIOReturnSuccess);
    Invocation ask;
    ask.object = 200;
    ask.msgid = IOUserClient_CopyClientEntitlements_ID;
    const auto rights = daemon_.call(ask);
    ASSERT_EQ(rights.io_return, kIOReturnSuccess);
    EXPECT_EQ(rights.refs.at(0).value, Value(Dictionary{{"org.example.right", true}}));

    // What the registry's side says, where a driver leaves it to that.
    open.plain.clear();
    put_plain<uint64_t>(open.plain, 99);
    EXPECT_EQ(daemon_.call(open).io_return, kIOReturnError);
    daemon_.stop(200, kDriver);
    daemon_.send(encode(driver::Drop{200}));
    EXPECT_TRUE(Events::shared().wait_for("client free"));
    drop_driver();
}

// Facts: IOService.UserSetProperties
TEST_F(Service, PropertiesFromOutsideAreRefusedWithoutAnOverride) {
    start_driver();
    Invocation set;
    set.object = kDriver;
    set.msgid = IOService_UserSetProperties_ID;
    set.refs = {value(Dictionary{{"a", 1}})};
    EXPECT_EQ(daemon_.call(set).io_return, kIOReturnUnsupported) << "UserSetProperties";
    set.refs = {value(Value("text"))};
    EXPECT_EQ(daemon_.call(set).io_return, kIOReturnBadArgument);
    EXPECT_TRUE(daemon_.calls_of(IOService_SetProperties_ID).empty());
    drop_driver();
}

// Facts: IOService.RegisterService, IOService.Terminate, IOService.Stop
TEST_F(Service, TheRegistrysMethodsGoToItsSide) {
    start_driver();  // its Start calls super's and RegisterService
    EXPECT_EQ(daemon_.calls_of(IOService_RegisterService_ID).size(), 1U) << "RegisterService";
    EXPECT_EQ(daemon_.calls_of(IOService_Terminate_ID).size(), 0U) << "Terminate";
    EXPECT_EQ(daemon_.stop(kDriver, kProvider), kIOReturnSuccess);
    EXPECT_EQ(daemon_.calls_of(IOService_Stop_ID).size(), 1U);
    drop_driver();
}

TEST_F(Service, ABindIsNeverOvertakenByTheCallThatNeedsIt) {
    start_driver();
    for (uint64_t entry = 1000; entry < 1100; ++entry) {
        daemon_.send(encode(driver::Bind{entry, {"RuntimeTestDriver", "IOService"}}));
        Invocation start;
        start.object = kDriver;
        start.msgid = IOService_Start_ID;
        start.refs = {object_ref(entry, "")};
        const auto code = daemon_.call(start).io_return;
        EXPECT_EQ(code, kIOReturnSuccess);
    }
    drop_driver();
}

TEST_F(Service, AnObjectThatADriverKeepsIsNamedAtTheEnd) {
    start_driver();
    auto* kept = make<RuntimeTestClient*>(gRuntimeTestClientMetaClass);
    drop_driver();
    daemon_.send(encode(driver::Exit{"all objects are gone"}));
    EXPECT_TRUE(daemon_.wait_for_log("1 object(s) of RuntimeTestClient ended and was not freed"));
    EXPECT_EQ(daemon_.wait_for_end(), 0);
    kept->release();
}

// Facts: IOUserServer.LoadModule, IOUserServer.RegisterService, IOUserServer.Create
// Facts: IOUserServer.init, IOUserServer.free
TEST_F(Service, TheServerIsTheProcessItself) {
    OSString* bundle = OSString::withCString("org.example.test");
    IOUserServer* server = nullptr;
    EXPECT_EQ(IOUserServer::Create("test", kServer, 0, bundle, &server), kIOReturnNotReady);
    ASSERT_EQ(daemon_.instantiate(kServer, "IOUserServer"), kIOReturnSuccess);
    daemon_.on(IOService_CopyProperties_ID, describe_server);
    EXPECT_EQ(IOUserServer::Create("other", kServer, 0, bundle, &server), kIOReturnNotPermitted);
    ASSERT_EQ(IOUserServer::Create("test", kServer, 0, bundle, &server), kIOReturnSuccess);
    EXPECT_EQ(server->RegisterService(), kIOReturnSuccess);
    EXPECT_EQ(daemon_.calls_of(IOService_RegisterService_ID).at(0).object, kServer);
    EXPECT_EQ(server->LoadModule("libz.so.1"), kIOReturnSuccess);
    EXPECT_EQ(server->LoadModule("/nowhere/libnothing.so"), kIOReturnRLDError);
    EXPECT_TRUE(daemon_.wait_for_log("libnothing.so"));
    server->release();
    daemon_.send(encode(driver::Drop{kServer}));
    bundle->release();
    EXPECT_EQ(daemon_.finish(), protocol::driver::kExitHungUp);
}

TEST_F(Service, WhatNeedsNoAnswerIsNotWaitedFor) {
    ASSERT_EQ(daemon_.instantiate(kServer, "IOUserServer"), kIOReturnSuccess);
    daemon_.on(IOService_CopyProperties_ID, describe_server);
    OSString* bundle = OSString::withCString("org.example.test");
    IOUserServer* server = nullptr;
    ASSERT_EQ(IOUserServer::Create("test", kServer, 0, bundle, &server), kIOReturnSuccess);
    OSDictionary* properties = OSDictionary::withCapacity(1);
    {
        const family::Unanswered call;
        EXPECT_EQ(server->SetProperties(properties), kIOReturnSuccess);
    }
    EXPECT_EQ(server->RegisterService(), kIOReturnSuccess);
    const auto set = daemon_.calls_of(IOService_SetProperties_ID);
    ASSERT_EQ(set.size(), 1U) << "it goes before what is said later";
    EXPECT_TRUE(set[0].flags & kIORPCMessageOneway);
    EXPECT_FALSE(daemon_.calls_of(IOService_RegisterService_ID).at(0).flags & kIORPCMessageOneway);
    OSSafeReleaseNULL(properties);
    OSSafeReleaseNULL(bundle);
    server->release();
    daemon_.send(encode(driver::Drop{kServer}));
    EXPECT_EQ(daemon_.finish(), protocol::driver::kExitHungUp);
}

// Facts: IOServiceNotificationDispatchSource.free, IOServiceNotificationDispatchSource.Create
TEST_F(Service, ASourceThatIsFreedIsWatchedNoMore) {
    IODispatchQueue* queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    OSDictionary* matching = IOService::CreateNameMatchingDictionary("x", nullptr);
    IOServiceNotificationDispatchSource* source = nullptr;
    EXPECT_EQ(IOServiceNotificationDispatchSource::Create(matching, 1, queue, &source),
              kIOReturnBadArgument);
    ASSERT_EQ(IOServiceNotificationDispatchSource::Create(matching, 0, queue, &source),
              kIOReturnSuccess);
    ASSERT_EQ(watches_.size(), 1U);
    EXPECT_EQ(watches_[0].kind, driver::WatchKind::services);
    EXPECT_TRUE(watches_[0].matching.contains("IONameMatch"));
    source->release();  // free()
    EXPECT_EQ(wait_for_unwatch(), watches_[0].source);
    matching->release();
    queue->release();
}

// Facts: IOServiceStateNotificationDispatchSource.free
TEST_F(Service, AStateSourceThatIsFreedIsWatchedNoMore) {
    start_driver();
    IODispatchQueue* queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    OSString* name = OSString::withCString("item");
    OSArray* names = OSArray::withCapacity(1);
    names->setObject(name);
    auto* service = make<IOService*>(gIOServiceMetaClass);
    IOServiceStateNotificationDispatchSource* source = nullptr;
    EXPECT_EQ(IOServiceStateNotificationDispatchSource::Create(nullptr, names, queue, &source),
              kIOReturnBadArgument);
    ASSERT_EQ(IOServiceStateNotificationDispatchSource::Create(service, names, queue, &source),
              kIOReturnSuccess);
    EXPECT_EQ(watches_.at(0).items, std::vector<std::string>{"item"});
    source->release();  // free()
    EXPECT_EQ(wait_for_unwatch(), watches_[0].source);
    service->release();
    names->release();
    name->release();
    queue->release();
    drop_driver();
}

// Facts: IOExtensiblePaniclog.free, IOExtensiblePaniclog.Create
TEST_F(Service, APanicLogThatIsFreedIsInactive) {
    OSData* uuid = OSData::withBytes("0123456789abcdef", 16);
    OSString* id = OSString::withCString("log");
    IOExtensiblePaniclog* log = nullptr;
    EXPECT_EQ(IOExtensiblePaniclog::Create(uuid, id, 0, 0, &log), kIOReturnBadArgument);
    ASSERT_EQ(IOExtensiblePaniclog::Create(uuid, id, 32, 0, &log), kIOReturnSuccess);
    uint64_t address = 0;
    uint64_t length = 0;
    EXPECT_EQ(log->ClaimBuffer(&address, &length), kIOReturnUnsupported) << "made without a buffer";
    EXPECT_EQ(log->YieldBuffer(0), kIOReturnNotOpen);
    OSData* text = OSData::withBytes("hello", 5);
    EXPECT_EQ(log->InsertData(text), kIOReturnSuccess);
    EXPECT_EQ(log->SetActive(), kIOReturnSuccess);
    driver::PanicLogHead head;
    const auto read = [&] {
        return pread(panic_memory_.get(), &head, sizeof head, 0) ==
               static_cast<ssize_t>(sizeof head);
    };
    ASSERT_TRUE(read());
    EXPECT_EQ(head.active, 1U);
    EXPECT_EQ(head.used, 5U);
    char bytes[5] = {};
    EXPECT_EQ(pread(panic_memory_.get(), bytes, sizeof bytes, driver::kPanicLogData), 5);
    EXPECT_EQ(std::string(bytes, 5), "hello");
    log->release();  // free()
    ASSERT_TRUE(read());
    EXPECT_EQ(head.active, 0U);
    text->release();
    id->release();
    uuid->release();
}

// Facts: IOUserClient._ExternalMethod
TEST_F(Service, ACallInTheFormOfAMessageReachesExternalMethod) {
    auto* client = make<RuntimeTestClient*>(gRuntimeTestClientMetaClass);
    IOUserClientScalarArray in = {40, 2};
    IOUserClientScalarArray out = {};
    uint32_t outs = 1;
    OSData* structure = nullptr;
    EXPECT_EQ(client->_ExternalMethod(0, in, 2, nullptr, nullptr, out, &outs, 0, &structure,
                                      nullptr, nullptr),
              kIOReturnSuccess);
    EXPECT_EQ(outs, 1U);
    EXPECT_EQ(out[0], 42U);
    EXPECT_EQ(structure, nullptr);
    EXPECT_EQ(client->_ExternalMethod(0, in, 17, nullptr, nullptr, out, &outs, 0, &structure,
                                      nullptr, nullptr),
              kIOReturnBadArgument);
    EXPECT_EQ(client->_ExternalMethod(1, in, 0, nullptr, nullptr, out, &(outs = 0), 0, &structure,
                                      nullptr, nullptr),
              kIOReturnUnderrun)
        << "what the driver returns";
    client->release();
    EXPECT_TRUE(Events::shared().wait_for("client free"));
}

// Facts: IOUserClient.KernelCompletion
TEST_F(Service, ACompletionWithoutAClientIsSaid) {
    auto* client = make<RuntimeTestClient*>(gRuntimeTestClientMetaClass);
    OSAction* action = nullptr;
    ASSERT_EQ(client->CreateActionKernelCompletion(0, &action), kIOReturnSuccess);
    IOUserClientAsyncArgumentsArray data = {};
    client->AsyncCompletion(action, kIOReturnAborted, data, 0);  // runs KernelCompletion
    EXPECT_TRUE(
        daemon_.wait_for_log("AsyncCompletion of RuntimeTestClient (0xe00002eb) has no client"));
    action->release();
    client->release();
    EXPECT_TRUE(Events::shared().wait_for("client free"));
}

// Facts: IOUserClient.CreateMemoryDescriptorFromClient
TEST_F(Service, MemoryOfAClientNeedsAClient) {
    auto* client = make<RuntimeTestClient*>(gRuntimeTestClientMetaClass);
    IOAddressSegment segments[32] = {{0x1000, 16}};
    IOMemoryDescriptor* memory = nullptr;
    EXPECT_EQ(
        client->CreateMemoryDescriptorFromClient(kIOMemoryDirectionInOut, 1, segments, &memory),
        kIOReturnNotReady);
    EXPECT_EQ(client->CreateMemoryDescriptorFromClient(0, 1, segments, &memory),
              kIOReturnBadArgument);
    EXPECT_EQ(
        client->CreateMemoryDescriptorFromClient(kIOMemoryDirectionInOut, 0, segments, &memory),
        kIOReturnBadArgument);
    EXPECT_EQ(
        client->CreateMemoryDescriptorFromClient(kIOMemoryDirectionInOut, 33, segments, &memory),
        kIOReturnBadArgument);
    EXPECT_EQ(client->CreateMemoryDescriptorFromClient(0x1003, 1, segments, &memory),
              kIOReturnBadArgument);
    segments[0].length = 0;
    EXPECT_EQ(
        client->CreateMemoryDescriptorFromClient(kIOMemoryDirectionInOut, 1, segments, &memory),
        kIOReturnBadArgument);
    client->release();
    EXPECT_TRUE(Events::shared().wait_for("client free"));
}

}  // namespace
