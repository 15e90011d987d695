// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOBSD.h>
#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "iokit/tests/fake_daemon.h"

namespace {

using namespace opendext;
using fakes::FakeDaemon;
namespace uc = protocol::user_client;

constexpr uint64_t kDevice = 0x100000200;
constexpr uint64_t kNub = 0x100000201;
constexpr uint64_t kPort = 0x100000202;
constexpr uint64_t kNode = 0x100000203;

class Client : public ::testing::Test {
  protected:
    Client() {
        daemon.add(kDevice, 0, {"Machine", {"IOPlatformExpertDevice", "IOService"}});
        daemon.add(kNub, kDevice, {"Nub", {"TestNub", "IOService"}, {{"Speed", 9600}}, "1"});
        daemon.add(kPort, kNub, {"Port", {"IOUserService", "IOService"}, {{"Depth", 3}}});
        daemon.add(
            kNode, kPort,
            {"Node",
             {"TestNode", "IOService"},
             {{"Name", "alpha"}, {"Path", "/dev/x"}, {"Data", Data{1, 2}}, {"BSD Name", "x0"}}});
        EXPECT_EQ(kIOReturnSuccess, opendext_set_realm(daemon.realm().root().c_str()));
    }
    ~Client() override { opendext_set_realm(nullptr); }

    static io_service_t service(const char* class_name) {
        return IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching(class_name));
    }
    static std::vector<std::string> names(io_iterator_t iterator) {
        std::vector<std::string> result;
        while (const io_object_t object = IOIteratorNext(iterator)) {
            io_name_t name;
            EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetName(object, name));
            result.emplace_back(name);
            IOObjectRelease(object);
        }
        return result;
    }
    /// Runs the loop until `done` or the time is over.
    template <typename Done>
    static bool run_until(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, TRUE);
        }
        return true;
    }

    FakeDaemon daemon;
};

TEST_F(Client, FindsServicesAndConsumesTheMatchingDictionary) {
    CFMutableDictionaryRef matching = IOServiceMatching("TestNode");
    CFRetain(matching);
    EXPECT_EQ(2, CFGetRetainCount(matching));
    const io_service_t found = IOServiceGetMatchingService(kIOMainPortDefault, matching);
    EXPECT_EQ(1, CFGetRetainCount(matching));
    ASSERT_NE(IO_OBJECT_NULL, found);
    uint64_t id = 0;
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetRegistryEntryID(found, &id));
    EXPECT_EQ(kNode, id);

    CFDictionarySetValue(matching, CFSTR("Name"), CFSTR("beta"));
    CFRetain(matching);
    EXPECT_EQ(IO_OBJECT_NULL, IOServiceGetMatchingService(kIOMainPortDefault, matching));
    EXPECT_STREQ("no service matches", opendext_last_error_reason());
    EXPECT_EQ(1, CFGetRetainCount(matching));
    CFRelease(matching);

    EXPECT_EQ(found, IOServiceGetMatchingService(0, IORegistryEntryIDMatching(kNode)));
    EXPECT_EQ(found, IOServiceGetMatchingService(0, IOBSDNameMatching(0, 0, "x0")));
    EXPECT_EQ(found, IOServiceGetMatchingService(0, IOServiceNameMatching("Node")));
    EXPECT_EQ(4U, IOObjectGetUserRetainCount(found));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(kIOReturnSuccess, IOObjectRelease(found));
    EXPECT_EQ(kIOReturnBadArgument, IOObjectRelease(found));

    io_iterator_t all = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceGetMatchingServices(0, IOServiceMatching("IOService"), &all));
    EXPECT_EQ((std::vector<std::string>{"Machine", "Nub", "Port", "Node"}), names(all));
    IOIteratorReset(all);
    EXPECT_EQ(4U, names(all).size());
    io_name_t class_name;
    EXPECT_EQ(kIOReturnSuccess, IOObjectGetClass(all, class_name));
    EXPECT_STREQ("IOUserIterator", class_name);
    IOObjectRelease(all);
}

TEST_F(Client, ReadsEntries) {
    const io_service_t node = service("TestNode");
    io_name_t text;
    EXPECT_EQ(kIOReturnSuccess, IOObjectGetClass(node, text));
    EXPECT_STREQ("TestNode", text);
    EXPECT_TRUE(IOObjectConformsTo(node, "IOService"));
    EXPECT_FALSE(IOObjectConformsTo(node, "TestNub"));
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetLocationInPlane(node, kIOServicePlane, text));
    io_string_t path;
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(node, kIOServicePlane, path));
    EXPECT_STREQ("IOService:/Machine/Nub@1/Port/Node", path);
    EXPECT_EQ(node, IORegistryEntryFromPath(0, path));
    EXPECT_EQ(node, IORegistryEntryFromPath(0, "IOService:/Machine/Nub/Port/Node"));
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "IOService:/Machine/Nub@2/Port"));
    EXPECT_STREQ("no 'Nub@2' in IOService:/Machine/Nub@2", opendext_last_error_reason());
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "nonsense"));
    const io_registry_entry_t root = IORegistryGetRootEntry(0);
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(root, kIOServicePlane, path));
    EXPECT_STREQ("IOService:/", path);
    EXPECT_EQ(5U, IOObjectGetKernelRetainCount(node));

    CFMutableDictionaryRef properties = nullptr;
    ASSERT_EQ(kIOReturnSuccess, IORegistryEntryCreateCFProperties(node, &properties, nullptr, 0));
    EXPECT_EQ(4, CFDictionaryGetCount(properties));
    EXPECT_TRUE(CFEqual(CFSTR("alpha"), CFDictionaryGetValue(properties, CFSTR("Name"))));
    EXPECT_EQ(1, CFGetRetainCount(properties));
    CFRelease(properties);
    CFTypeRef data = IORegistryEntryCreateCFProperty(node, CFSTR("Data"), nullptr, 0);
    ASSERT_NE(nullptr, data);
    EXPECT_EQ(CFDataGetTypeID(), CFGetTypeID(data));
    EXPECT_EQ(1, CFGetRetainCount(data));
    CFRelease(data);
    EXPECT_EQ(nullptr, IORegistryEntryCreateCFProperty(node, CFSTR("Nothing"), nullptr, 0));

    const auto search = [&](const char* key, IOOptionBits options) {
        CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
        CFTypeRef value =
            IORegistryEntrySearchCFProperty(node, kIOServicePlane, name, nullptr, options);
        CFRelease(name);
        int number = -1;
        if (value != nullptr) {
            CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberIntType, &number);
            CFRelease(value);
        }
        return number;
    };
    EXPECT_EQ(-1, search("Speed", 0));
    EXPECT_EQ(-1, search("Speed", kIORegistryIterateRecursively));
    EXPECT_EQ(9600, search("Speed", kIORegistryIterateRecursively | kIORegistryIterateParents));
    EXPECT_EQ(3, search("Depth", kIORegistryIterateRecursively | kIORegistryIterateParents));

    io_registry_entry_t parent = 0;
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetParentEntry(node, kIOServicePlane, &parent));
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetName(parent, text));
    EXPECT_STREQ("Port", text);
    io_registry_entry_t child = 0;
    EXPECT_EQ(kIOReturnNoDevice, IORegistryEntryGetChildEntry(node, kIOServicePlane, &child));
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetChildEntry(parent, kIOServicePlane, &child));
    EXPECT_TRUE(IOObjectIsEqualTo(child, node));

    CFMutableDictionaryRef change = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFDictionarySetValue(change, CFSTR("Name"), CFSTR("gamma"));
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntrySetCFProperties(node, change));
    CFRelease(change);
    CFTypeRef name = IORegistryEntryCreateCFProperty(node, CFSTR("Name"), nullptr, 0);
    EXPECT_TRUE(CFEqual(CFSTR("gamma"), name));
    CFRelease(name);

    daemon.remove(kNode);
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetName(node, text));
    EXPECT_STREQ("the entry is gone", opendext_last_error_reason());
}

TEST_F(Client, WalksThePlaneUntilTheTreeChanges) {
    io_iterator_t walk = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IORegistryCreateIterator(0, kIOServicePlane, kIORegistryIterateRecursively, &walk));
    EXPECT_EQ((std::vector<std::string>{"Machine", "Nub", "Port", "Node"}), names(walk));
    EXPECT_TRUE(IOIteratorIsValid(walk));
    IOIteratorReset(walk);
    IOObjectRelease(IOIteratorNext(walk));
    daemon.add(0x100000300, kDevice, {"Other", {"IOService"}});
    EXPECT_FALSE(IOIteratorIsValid(walk));
    EXPECT_EQ(IO_OBJECT_NULL, IOIteratorNext(walk));
    IOIteratorReset(walk);
    EXPECT_EQ(5U, names(walk).size());
    IOObjectRelease(walk);

    ASSERT_EQ(kIOReturnSuccess, IORegistryCreateIterator(0, kIOServicePlane, 0, &walk));
    EXPECT_EQ((std::vector<std::string>{"Machine"}), names(walk));
    IOIteratorReset(walk);
    const io_object_t machine = IOIteratorNext(walk);
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorEnterEntry(walk));
    EXPECT_EQ((std::vector<std::string>{"Nub", "Other"}), names(walk));
    EXPECT_EQ(kIOReturnSuccess, IORegistryIteratorExitEntry(walk));
    EXPECT_NE(kIOReturnSuccess, IORegistryIteratorExitEntry(walk));
    IOObjectRelease(machine);
    IOObjectRelease(walk);

    const io_service_t node = service("TestNode");
    ASSERT_EQ(kIOReturnSuccess,
              IORegistryEntryCreateIterator(
                  node, kIOServicePlane, kIORegistryIterateRecursively | kIORegistryIterateParents,
                  &walk));
    EXPECT_EQ((std::vector<std::string>{"Port", "Nub", "Machine", "Root"}), names(walk));
    IOObjectRelease(walk);
    IOObjectRelease(node);
}

TEST_F(Client, MatchingNotificationsComeOnceForEachServiceWhileArmed) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    struct Seen {
        int calls = 0;
        std::vector<std::string> names;
    } published, terminated;
    const auto note = [](void* refcon, io_iterator_t iterator) {
        auto& seen = *static_cast<Seen*>(refcon);
        ++seen.calls;
        while (const io_object_t object = IOIteratorNext(iterator)) {
            uint64_t id = 0;
            IORegistryEntryGetRegistryEntryID(object, &id);
            seen.names.push_back(std::to_string(id - kDevice));
            IOObjectRelease(object);
        }
    };
    io_iterator_t publish = 0;
    io_iterator_t terminate = 0;
    ASSERT_EQ(kIOReturnSuccess, IOServiceAddMatchingNotification(port, kIOPublishNotification,
                                                                 IOServiceMatching("TestNode"),
                                                                 note, &published, &publish));
    ASSERT_EQ(kIOReturnSuccess, IOServiceAddMatchingNotification(port, kIOTerminatedNotification,
                                                                 IOServiceMatching("TestNode"),
                                                                 note, &terminated, &terminate));
    // Not armed yet: what comes waits in the iterator.
    daemon.add(kDevice + 16, kPort, {"Second", {"TestNode", "IOService"}});
    note(&published, publish);
    while (published.names.size() < 2) note(&published, publish);
    note(&terminated, terminate);
    EXPECT_EQ((std::vector<std::string>{"3", "16"}), published.names);
    published.calls = terminated.calls = 0;

    for (uint64_t i = 0; i < 50; ++i) {
        daemon.add(kDevice + 100 + i, kPort, {"Replug", {"TestNode", "IOService"}});
        ASSERT_TRUE(run_until([&] { return published.names.size() == 3 + i; })) << i;
        daemon.remove(kDevice + 100 + i);
        ASSERT_TRUE(run_until([&] { return terminated.names.size() == 1 + i; })) << i;
    }
    EXPECT_EQ(50, published.calls);
    EXPECT_EQ(50, terminated.calls);
    EXPECT_EQ("149", published.names.back());
    EXPECT_EQ("149", terminated.names.back());

    IOObjectRelease(publish);
    daemon.add(kDevice + 17, kPort, {"Third", {"TestNode", "IOService"}});
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.1, FALSE);
    EXPECT_EQ(50, published.calls);
    IOObjectRelease(terminate);
    IONotificationPortDestroy(port);
}

TEST_F(Client, InterestTellsOfPropertiesAndOfTheEnd) {
    const io_service_t node = service("TestNode");
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    dispatch_queue_t queue = dispatch_queue_create("interest", DISPATCH_QUEUE_SERIAL);
    IONotificationPortSetDispatchQueue(port, queue);
    struct Seen {
        std::atomic<uint32_t> last = 0;
        std::atomic<io_service_t> service = 0;
    } seen;
    io_object_t notification = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceAddInterestNotification(
                  port, node, kIOGeneralInterest,
                  [](void* refcon, io_service_t service, uint32_t message, void*) {
                      static_cast<Seen*>(refcon)->service = service;
                      static_cast<Seen*>(refcon)->last = message;
                  },
                  &seen, &notification));
    const auto wait_for = [&](uint32_t message) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (seen.last != message && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        return seen.last == message;
    };
    daemon.set_property(kNode, "Name", "delta");
    EXPECT_TRUE(wait_for(kIOMessageServicePropertyChange));
    EXPECT_EQ(node, seen.service);
    daemon.remove(kNode);
    EXPECT_TRUE(wait_for(kIOMessageServiceIsTerminated));
    IOObjectRelease(notification);
    IOObjectRelease(node);
    IONotificationPortDestroy(port);
    dispatch_release(queue);
}

TEST_F(Client, NotificationsSurviveARestartOfTheDaemon) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    std::vector<uint64_t> seen;
    const auto note = [](void* refcon, io_iterator_t iterator) {
        while (const io_object_t object = IOIteratorNext(iterator)) {
            uint64_t id = 0;
            IORegistryEntryGetRegistryEntryID(object, &id);
            static_cast<std::vector<uint64_t>*>(refcon)->push_back(id);
            IOObjectRelease(object);
        }
    };
    io_iterator_t iterator = 0;
    ASSERT_EQ(kIOReturnSuccess, IOServiceAddMatchingNotification(port, kIOFirstMatchNotification,
                                                                 IOServiceMatching("TestNode"),
                                                                 note, &seen, &iterator));
    note(&seen, iterator);
    EXPECT_EQ((std::vector<uint64_t>{kNode}), seen);
    daemon.stop();
    daemon.add(kNode + 1, kPort, {"New", {"TestNode", "IOService"}});  // while nobody is connected
    daemon.start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (seen.size() < 2 && std::chrono::steady_clock::now() < deadline)
        opendext_notification_port_dispatch(port);
    EXPECT_EQ((std::vector<uint64_t>{kNode, kNode + 1}), seen);
    // Requests work on the new connection, too.
    EXPECT_NE(IO_OBJECT_NULL, service("TestNub"));
    IOObjectRelease(iterator);
    IONotificationPortDestroy(port);
}

TEST_F(Client, WithoutADaemonCallsFailWithTheReasonAndComeBackWithIt) {
    EXPECT_NE(IO_OBJECT_NULL, service("TestNode"));
    daemon.stop();
    io_iterator_t iterator = 0;
    kern_return_t code = kIOReturnSuccess;
    // The first call may still find the old connection.
    for (int i = 0; i < 2; ++i)
        code = IOServiceGetMatchingServices(0, IOServiceMatching("TestNode"), &iterator);
    EXPECT_EQ(kIOReturnIPCError, code);
    EXPECT_NE(nullptr, std::strstr(opendext_last_error_reason(), "no realm is up in"))
        << opendext_last_error_reason();
    daemon.start();
    EXPECT_NE(IO_OBJECT_NULL, service("TestNode"));
}

TEST_F(Client, ARequestDuringARestartOfTheDaemonWaitsForIt) {
    EXPECT_NE(IO_OBJECT_NULL, service("TestNode"));
    daemon.stop();
    std::thread restart([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        daemon.start();
    });
    EXPECT_NE(IO_OBJECT_NULL, service("TestNub")) << opendext_last_error_reason();
    restart.join();
}

/// Selector 1 sums scalars and reverses the structure; 2 fails; 3 completes three times; 4 waits
/// for a second 4.
void driver(Channel& channel, Message message) {
    if (message.kind == static_cast<uint32_t>(uc::Kind::map_memory)) {
        const auto map = decode<uc::MapMemory>(message);
        uc::Mapped mapped;
        Message reply;
        if (map->type == 1 || map->type == 2) {
            UniqueFd memory = std::move(make_sealed_memory("shared", 12288)).value();
            const Mapping view =
                std::move(Mapping::map(memory.get(), 0, 12288, Mapping::Access::read_write))
                    .value();
            std::memcpy(view.data() + 5000, "hello", 6);
            mapped.offset = 5000;
            mapped.length = map->type == 1 ? 4096 : 8192;  // type 2 lies about its size
            reply = encode(mapped, message.serial);
            reply.fds.push_back(std::move(memory));
        } else {
            mapped.io_return = kIOReturnBadArgument;
            reply = encode(mapped, message.serial);
        }
        (void)channel.send(reply);
        return;
    }
    const auto call = decode<uc::Call>(message);
    uc::CallResult result;
    switch (call->selector) {
        case 1: {
            uint64_t sum = 0;
            for (const uint64_t scalar : call->scalars) sum += scalar;
            result.scalars = {sum};
            size_t next_fd = 0;
            std::vector<uint8_t> input = call->structure;
            if (call->input_memory_length > 0) {
                const Mapping view =
                    std::move(Mapping::map(message.fds[next_fd++].get(), 0,
                                           call->input_memory_length, Mapping::Access::read_only))
                        .value();
                input.resize(call->input_memory_length);
                std::memcpy(input.data(), view.data(), input.size());
            }
            std::reverse(input.begin(), input.end());
            if (call->output_memory_length > 0) {
                const Mapping view =
                    std::move(Mapping::map(message.fds[next_fd].get(), 0,
                                           call->output_memory_length, Mapping::Access::read_write))
                        .value();
                std::memcpy(view.data(), input.data(), input.size());
                result.output_memory_used = input.size();
            } else {
                result.structure = input;
            }
            break;
        }
        case 3:
            (void)channel.send(encode(result, message.serial));
            for (uint64_t i = 1; i <= 3; ++i) {
                uc::Async async{call->async_reference, kIOReturnSuccess,
                                std::vector<uint64_t>(i, i * 10)};
                (void)channel.send(encode(async));
            }
            // After the action is gone, and for a reference that nobody gave away, nothing may be
            // called.
            (void)channel.send(encode(uc::Released{call->async_reference}));
            (void)channel.send(encode(uc::Async{call->async_reference, 0, {99, 99, 99}}));
            (void)channel.send(encode(uc::Async{{0x4141414141414141, 1, 2, 3, 4, 5, 6, 7}, 0, {}}));
            return;
        case 5:
            result.scalars.assign(40, 7);
            break;
        case 8:  // as many completions as the first scalar says
            (void)channel.send(encode(result, message.serial));
            for (uint64_t i = 0; i < call->scalars[0]; ++i) {
                uc::Async async{call->async_reference, kIOReturnSuccess,
                                std::vector<uint64_t>(16, i)};
                if (!channel.send(encode(async)).ok()) return;
            }
            return;
        case 6:
            return;  // never answers
        case 7: {
            Message garbage;
            garbage.kind = static_cast<uint32_t>(uc::Kind::call_result);
            garbage.serial = message.serial;
            garbage.body = {1, 2, 3};
            (void)channel.send(garbage);
            return;
        }
        default:
            result.io_return = kIOReturnUnsupported;
            result.reason = "no such selector";
    }
    (void)channel.send(encode(result, message.serial));
}

class Connected : public Client {
  protected:
    Connected() {
        daemon.driver = driver;
        node = service("TestNode");
        EXPECT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &connect))
            << opendext_last_error_reason();
    }
    ~Connected() override {
        IOServiceClose(connect);
        IOObjectRelease(node);
    }
    io_service_t node = 0;
    io_connect_t connect = 0;
};

TEST_F(Connected, CallsCarryScalarsAndStructuresBothWays) {
    const uint64_t input[] = {1, 2, 3};
    uint64_t output[2] = {};
    uint32_t output_count = 2;
    char back[16] = {};
    size_t back_size = sizeof back;
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallMethod(connect, 1, input, 3, "abcd", 4, output,
                                                    &output_count, back, &back_size));
    EXPECT_EQ(1U, output_count);
    EXPECT_EQ(6U, output[0]);
    EXPECT_EQ(4U, back_size);
    EXPECT_STREQ("dcba", back);

    output_count = 1;
    EXPECT_EQ(kIOReturnSuccess,
              IOConnectCallScalarMethod(connect, 1, input, 2, output, &output_count));
    EXPECT_EQ(3U, output[0]);

    for (const size_t size : {size_t{4096}, size_t{4097}, size_t{1} << 20}) {
        std::vector<uint8_t> data(size);
        std::vector<uint8_t> result(size);
        for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 256);
        size_t result_size = size;
        output_count = 1;
        ASSERT_EQ(kIOReturnSuccess,
                  IOConnectCallMethod(connect, 1, nullptr, 0, data.data(), size, output,
                                      &output_count, result.data(), &result_size));
        std::reverse(data.begin(), data.end());
        EXPECT_EQ(size, result_size);
        EXPECT_EQ(data, result);
    }
}

TEST_F(Connected, RefusalsCarryCodeAndReasonAndWriteNothing) {
    uint64_t output = 77;
    uint32_t count = 1;
    EXPECT_EQ(kIOReturnUnsupported,
              IOConnectCallScalarMethod(connect, 2, nullptr, 0, &output, &count));
    EXPECT_STREQ("no such selector", opendext_last_error_reason());
    EXPECT_EQ(77U, output);
    const uint64_t many[17] = {};
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallScalarMethod(connect, 1, many, 17, nullptr, nullptr));
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallScalarMethod(connect, 5, nullptr, 0, &output, &count));
    EXPECT_EQ(77U, output);
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallScalarMethod(connect, 1, nullptr, 3, nullptr, nullptr));
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallScalarMethod(12345, 1, nullptr, 0, nullptr, nullptr));
    EXPECT_STREQ("kIOReturnUnsupported: Function not implemented, or not allowed in this state",
                 mach_error_string(kIOReturnUnsupported));
}

TEST_F(Connected, CallsFromSeveralThreadsGetTheirOwnAnswers) {
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([this, t] {
            for (uint64_t i = 0; i < 500; ++i) {
                const uint64_t input[] = {t * 1000, i};
                uint64_t output = 0;
                uint32_t count = 1;
                ASSERT_EQ(kIOReturnSuccess,
                          IOConnectCallScalarMethod(connect, 1, input, 2, &output, &count));
                ASSERT_EQ(t * 1000 + i, output);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(Connected, CompletionsComeToTheCallbackOfTheirNumberOfArguments) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    static std::vector<std::vector<uint64_t>> seen;
    seen.clear();
    int marker = 0;
    // The same function gets every number of arguments here; it reads only as many as it may.
    static size_t expected = 0;
    expected = 1;
    const IOAsyncCallback callback = [](void* refcon, IOReturn result, void** args,
                                        uint32_t count) {
        EXPECT_NE(nullptr, refcon);
        EXPECT_EQ(kIOReturnSuccess, result);
        if (expected >= 3) {
            seen.emplace_back();
            for (uint32_t i = 0; i < count; ++i)
                seen.back().push_back(reinterpret_cast<uint64_t>(args[i]));
        } else {
            seen.push_back({reinterpret_cast<uint64_t>(args)});  // arg0
        }
        ++expected;
    };
    uint64_t reference[kOSAsyncRef64Count] = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(callback);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(&marker);
    ASSERT_EQ(kIOReturnSuccess, IOConnectCallAsyncScalarMethod(
                                    connect, 3, IONotificationPortGetMachPort(port), reference,
                                    kOSAsyncRef64Count, nullptr, 0, nullptr, nullptr))
        << opendext_last_error_reason();
    ASSERT_TRUE(run_until([] { return seen.size() >= 3; }));
    EXPECT_EQ((std::vector<uint64_t>{10}), seen[0]);
    EXPECT_EQ((std::vector<uint64_t>{20}), seen[1]);
    EXPECT_EQ((std::vector<uint64_t>{30, 30, 30}), seen[2]);
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.1, FALSE);
    EXPECT_EQ(3U, seen.size()) << "a completion was called that nobody holds";
    // Synchronous calls go on beside the thread that receives completions.
    const uint64_t input = 5;
    uint64_t output = 0;
    uint32_t count = 1;
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 1, &input, 1, &output, &count));
    EXPECT_EQ(5U, output);
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallAsyncScalarMethod(connect, 3, MACH_PORT_NULL, reference, 8, nullptr, 0,
                                             nullptr, nullptr));
    IONotificationPortDestroy(port);
}

TEST_F(Connected, ManyCompletionsComeInOrderAndNoneIsLost) {
    constexpr uint64_t kCount = 60'000;  // a minute's worth at one a millisecond
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    dispatch_queue_t queue = dispatch_queue_create("completions", DISPATCH_QUEUE_SERIAL);
    IONotificationPortSetDispatchQueue(port, queue);
    struct Seen {
        std::atomic<uint64_t> count = 0;
        std::atomic<uint64_t> wrong = 0;
    } seen;
    const IOAsyncCallback callback = [](void* refcon, IOReturn, void** args, uint32_t count) {
        auto& own = *static_cast<Seen*>(refcon);
        const uint64_t expected = own.count;
        if (count != 16 || reinterpret_cast<uint64_t>(args[0]) != expected ||
            reinterpret_cast<uint64_t>(args[15]) != expected) {
            ++own.wrong;
        }
        ++own.count;
    };
    uint64_t reference[kOSAsyncRef64Count] = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(callback);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(&seen);
    ASSERT_EQ(kIOReturnSuccess, IOConnectCallAsyncScalarMethod(
                                    connect, 8, IONotificationPortGetMachPort(port), reference,
                                    kOSAsyncRef64Count, &kCount, 1, nullptr, nullptr))
        << opendext_last_error_reason();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (seen.count < kCount && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(kCount, seen.count);
    EXPECT_EQ(0U, seen.wrong);
    IONotificationPortDestroy(port);
    dispatch_sync_f(queue, nullptr, [](void*) {});
    dispatch_release(queue);
}

TEST_F(Connected, MapsTheDriversMemory) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(kIOReturnSuccess, IOConnectMapMemory64(connect, 1, mach_task_self(), &address, &size,
                                                     kIOMapAnywhere | kIOMapReadOnly))
        << opendext_last_error_reason();
    EXPECT_EQ(4096U, size);
    EXPECT_STREQ("hello", reinterpret_cast<const char*>(address));
    EXPECT_EQ(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 2, mach_task_self(), address));
    EXPECT_EQ(kIOReturnSuccess, IOConnectUnmapMemory64(connect, 1, mach_task_self(), address));
    EXPECT_EQ(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 1, mach_task_self(), address));
    EXPECT_EQ(kIOReturnVMError,
              IOConnectMapMemory64(connect, 2, mach_task_self(), &address, &size, kIOMapAnywhere));
    EXPECT_STREQ("the driver's memory is smaller than it says", opendext_last_error_reason());
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectMapMemory64(connect, 9, mach_task_self(), &address, &size, kIOMapAnywhere));
}

TEST_F(Connected, TheDriversDeathEndsACallInFlightAndIsToldApart) {
    kern_return_t code = kIOReturnSuccess;
    std::string reason;
    std::thread caller([&] {
        code = IOConnectCallScalarMethod(connect, 6, nullptr, 0, nullptr, nullptr);
        reason = opendext_last_error_reason();
    });
    while (daemon.received(protocol::client::Kind::open).empty()) std::this_thread::yield();
    daemon.kill_drivers("the driver com.example.test was killed by signal 9");
    caller.join();
    EXPECT_EQ(kIOReturnNotResponding, code);
    EXPECT_EQ("the driver com.example.test was killed by signal 9", reason);
    EXPECT_EQ(kIOReturnNotResponding,
              IOConnectCallScalarMethod(connect, 1, nullptr, 0, nullptr, nullptr));
}

TEST_F(Connected, AnAnswerThatDoesNotParseEndsTheConnection) {
    EXPECT_EQ(kIOReturnNotResponding,
              IOConnectCallScalarMethod(connect, 7, nullptr, 0, nullptr, nullptr));
    EXPECT_EQ(kIOReturnNotResponding,
              IOConnectCallScalarMethod(connect, 1, nullptr, 0, nullptr, nullptr));
}

TEST_F(Connected, CloseEndsTheUserClientAndItsHandle) {
    io_service_t opened = 0;
    EXPECT_EQ(kIOReturnSuccess, IOConnectGetService(connect, &opened));
    EXPECT_EQ(node, opened);
    IOObjectRelease(opened);
    EXPECT_EQ(1U, daemon.open_connections());
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    EXPECT_EQ(0U, daemon.open_connections());
    EXPECT_EQ(kIOReturnBadArgument, IOServiceClose(connect));
    // A hundred times open and close leave nothing behind.
    for (int i = 0; i < 100; ++i) {
        io_connect_t again = 0;
        ASSERT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &again));
        ASSERT_EQ(kIOReturnSuccess, IOServiceClose(again));
    }
    EXPECT_EQ(0U, daemon.open_connections());
}

TEST_F(Client, ARefusedOpenGivesCodeAndReason) {
    daemon.open_outcome = {static_cast<int32_t>(kIOReturnNotReady),
                           "Start of the driver has not finished"};
    const io_service_t node = service("TestNode");
    io_connect_t connect = 0;
    EXPECT_EQ(kIOReturnNotReady, IOServiceOpen(node, mach_task_self(), 0, &connect));
    EXPECT_STREQ("Start of the driver has not finished", opendext_last_error_reason());
    EXPECT_EQ(0U, connect);
    IOObjectRelease(node);
}

/// Whatever bytes come instead of an answer, a client gets an error and works on with the next
/// daemon.
TEST_F(Client, MalformedRepliesCrashNobody) {
    std::mt19937 random(1);
    daemon.tamper = [&random](Message reply) {
        if (reply.kind == static_cast<uint32_t>(protocol::client::Kind::welcome)) return reply;
        switch (random() % 4) {
            case 0:
                reply.body.resize(random() % (reply.body.size() + 1));
                break;
            case 1:
                reply.kind = random() % 30;
                break;
            case 2:
                for (int i = 0; i < 8 && !reply.body.empty(); ++i) {
                    reply.body[random() % reply.body.size()] = static_cast<uint8_t>(random());
                }
                break;
            default:
                reply.fds.clear();
                break;
        }
        return reply;
    };
    daemon.driver = driver;
    for (int i = 0; i < 300; ++i) {
        io_iterator_t iterator = 0;
        if (IOServiceGetMatchingServices(0, IOServiceMatching("IOService"), &iterator) !=
            kIOReturnSuccess)
            continue;
        for (int n = 0; n < 10; ++n) {
            const io_object_t object = IOIteratorNext(iterator);
            if (object == IO_OBJECT_NULL) break;
            CFMutableDictionaryRef properties = nullptr;
            if (IORegistryEntryCreateCFProperties(object, &properties, nullptr, 0) ==
                kIOReturnSuccess) {
                CFRelease(properties);
            }
            io_string_t path;
            IORegistryEntryGetPath(object, kIOServicePlane, path);
            io_connect_t connect = 0;
            if (i % 10 == 0 &&
                IOServiceOpen(object, mach_task_self(), 0, &connect) == kIOReturnSuccess) {
                IOServiceClose(connect);
            }
            IOObjectRelease(object);
        }
        IOObjectRelease(iterator);
    }
    daemon.stop();
    daemon.tamper = nullptr;
    daemon.start();
    EXPECT_TRUE(service("TestNode") != IO_OBJECT_NULL || service("TestNode") != IO_OBJECT_NULL);
}

TEST_F(Client, AForkedChildMakesItsOwnConnection) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer does not allow threads in a forked child";
#endif
#endif
    ASSERT_NE(IO_OBJECT_NULL, service("TestNode"));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(service("TestNub") != IO_OBJECT_NULL ? 0 : 1);
    int status = -1;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    EXPECT_NE(IO_OBJECT_NULL, service("TestNode"));
}

}  // namespace
