// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {
namespace {

// Facts: IORegistryEntryGetRegistryEntryID
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
    EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetPath(node, kIOServicePlane, path))
        << opendext_last_error_reason();
    EXPECT_STREQ("IOService:/Machine/Nub@1/Port/Node", path);
    EXPECT_EQ(node, IORegistryEntryFromPath(0, path));
    EXPECT_EQ(node, IORegistryEntryFromPath(0, "IOService:/Machine/Nub/Port/Node"));
    EXPECT_EQ(IO_OBJECT_NULL, IORegistryEntryFromPath(0, "IOService:/Machine/Nub@2/Port"));
    EXPECT_STREQ("no 'Port' in IOService:/Machine/Nub@2/Port", opendext_last_error_reason());
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

TEST_F(Client, NotificationsForgetServicesThatAreGoneAndRememberThoseThatAreThere) {
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
    const auto dispatch_until = [&](size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (seen.size() < count && std::chrono::steady_clock::now() < deadline)
            opendext_notification_port_dispatch(port);
        return seen.size() == count;
    };
    io_iterator_t iterator = 0;
    ASSERT_EQ(kIOReturnSuccess, IOServiceAddMatchingNotification(port, kIOFirstMatchNotification,
                                                                 IOServiceMatching("TestNode"),
                                                                 note, &seen, &iterator));
    note(&seen, iterator);
    ASSERT_EQ((std::vector<uint64_t>{kNode}), seen);
    constexpr uint64_t kFirst = kDevice + 1000;
    constexpr uint64_t kCount = 600;
    for (uint64_t i = 0; i < kCount; ++i) {
        daemon.add(kFirst + i, kPort, {"Replug", {"TestNode", "IOService"}});
        ASSERT_TRUE(dispatch_until(2 + i)) << i;
        daemon.remove(kFirst + i);
    }
    // Now and then it asks which are left, not each time.
    const size_t asked = daemon.received(protocol::client::Kind::match).size();
    EXPECT_GE(asked, 2U);
    EXPECT_LE(asked, 4U);

    // The first of them was forgotten, so that its number would be news; kNode was not.
    daemon.stop();
    daemon.add(kFirst, kPort, {"Again", {"TestNode", "IOService"}});
    daemon.start();
    ASSERT_TRUE(dispatch_until(kCount + 2)) << seen.size();
    EXPECT_EQ(kFirst, seen.back());
    EXPECT_EQ(1, std::count(seen.begin(), seen.end(), kNode));
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

TEST_F(Client, ARefusedOpenGivesCodeAndReason) {
    daemon.open_outcome = {
        {static_cast<int32_t>(kIOReturnNotReady), "Start of the driver has not finished"}, {}};
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
    daemon.driver = test_driver;
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
}  // namespace opendext::fakes
