// SPDX-License-Identifier: Apache-2.0
// Notifications of a real opendextd on every kind of port (A37).
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "tests/registry/program.h"

namespace opendext::testing {
namespace {

/// How a program has its port served.
enum class Served { run_loop, queue, descriptor, thread };

/// A port, and the call-backs that came through it.
class PortOf {
  public:
    explicit PortOf(Served how) : how_(how), port(IONotificationPortCreate(kIOMainPortDefault)) {
        switch (how_) {
            case Served::run_loop:
                CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                                   kCFRunLoopDefaultMode);
                break;
            case Served::queue:
                queue_ = dispatch_queue_create("notifications", DISPATCH_QUEUE_SERIAL);
                IONotificationPortSetDispatchQueue(port, queue_);
                break;
            case Served::descriptor:
                break;
            case Served::thread:
                thread_ = std::thread([this] {
                    while (!stop_) turn(opendext_notification_port_fd(port));
                });
                break;
        }
    }
    ~PortOf() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        IONotificationPortDestroy(port);
        if (queue_ != nullptr) dispatch_release(queue_);
    }
    PortOf(const PortOf&) = delete;
    PortOf& operator=(const PortOf&) = delete;

    template <typename Done>
    bool run_until(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            if (how_ == Served::run_loop) CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.02, TRUE);
            if (how_ == Served::descriptor) turn(opendext_notification_port_fd(port));
            if (how_ == Served::queue || how_ == Served::thread)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }

  private:
    void turn(int fd) {
        pollfd wait{fd, POLLIN, 0};
        if (::poll(&wait, 1, 20) > 0) IODispatchCalloutFromMessage(nullptr, nullptr, port);
    }
    const Served how_;
    dispatch_queue_t queue_ = nullptr;
    std::atomic<bool> stop_ = false;
    std::thread thread_;

  public:
    const IONotificationPortRef port;
};

/// What a matching notification told, in order.
struct Told {
    std::mutex mutex;
    std::vector<uint64_t> ids;
    std::atomic<int> calls = 0;

    static void callback(void* refcon, io_iterator_t iterator) {
        auto& self = *static_cast<Told*>(refcon);
        ++self.calls;
        self.take(iterator);
    }
    void take(io_iterator_t iterator) {
        while (const io_object_t object = IOIteratorNext(iterator)) {
            uint64_t id = 0;
            IORegistryEntryGetRegistryEntryID(object, &id);
            {
                const std::lock_guard lock(mutex);
                ids.push_back(id);
            }
            IOObjectRelease(object);
        }
    }
    std::vector<uint64_t> all() {
        const std::lock_guard lock(mutex);
        return ids;
    }
    io_iterator_t listen(const PortOf& port, const char* type, const char* class_name) {
        io_iterator_t iterator = 0;
        EXPECT_EQ(kIOReturnSuccess,
                  IOServiceAddMatchingNotification(port.port, type, IOServiceMatching(class_name),
                                                   callback, this, &iterator))
            << opendext_last_error_reason();
        take(iterator);
        return iterator;
    }
};

class Ports : public Program, public ::testing::WithParamInterface<Served> {};

// Facts: IOServiceAddMatchingNotification, IONotificationPortCreate, IONotificationPortDestroy
// Facts: IONotificationPortGetRunLoopSource, IONotificationPortSetDispatchQueue
// Facts: IODispatchCalloutFromMessage
TEST_P(Ports, FiftyReplugsAreToldOnceEach) {
    Told published;
    Told terminated;
    Told will_terminate;
    {
        PortOf port(GetParam());
        const io_iterator_t a = published.listen(port, kIOFirstMatchNotification, "TestHead");
        const io_iterator_t b = terminated.listen(port, kIOTerminatedNotification, "TestHead");
        const io_iterator_t c =
            will_terminate.listen(port, kIOWillTerminateNotification, "TestHead");
        EXPECT_EQ((std::vector<uint64_t>{head_a, head_b}), published.all());
        EXPECT_TRUE(terminated.all().empty());
        std::vector<uint64_t> expected{head_a, head_b};
        std::vector<uint64_t> gone;
        for (size_t i = 0; i < 50; ++i) {
            const uint64_t id = registry.add(hub, {"head-c", kHead});
            expected.push_back(id);
            gone.push_back(id);
            ASSERT_TRUE(port.run_until([&] { return published.all().size() == 3 + i; })) << i;
            registry.terminate(id);
            ASSERT_TRUE(port.run_until([&] {
                return terminated.all().size() == 1 + i && will_terminate.all().size() == 1 + i;
            })) << i;
        }
        EXPECT_EQ(expected, published.all());
        EXPECT_EQ(gone, terminated.all());
        EXPECT_EQ(gone, will_terminate.all());
        EXPECT_EQ(50, published.calls);
        EXPECT_EQ(50, terminated.calls);
        for (const io_iterator_t iterator : {a, b, c}) IOObjectRelease(iterator);
    }
}

// Facts: IOServiceAddMatchingNotification
TEST_P(Ports, AThousandServicesAtOnceAreToldInFewCallBacks) {
    Told published;
    PortOf port(GetParam());
    const io_iterator_t iterator = published.listen(port, kIOPublishNotification, "TestMany");
    for (int i = 0; i < 1000; ++i)
        registry.add(hub, {"many", {"TestMany", "IOService", "IORegistryEntry"}});
    EXPECT_TRUE(port.run_until([&] { return published.all().size() == 1000; }));
    std::vector<uint64_t> ids = published.all();
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    EXPECT_EQ(ids.end(), std::adjacent_find(ids.begin(), ids.end()));
    EXPECT_LE(published.calls, 1000);
    IOObjectRelease(iterator);
}

// Facts: IOServiceAddInterestNotification
TEST_P(Ports, InterestTellsEachKindOfMessageToWhoWantsIt) {
    struct Heard {
        std::mutex mutex;
        std::vector<std::pair<uint32_t, uintptr_t>> messages;
        static void callback(void* refcon, io_service_t, uint32_t type, void* argument) {
            auto& self = *static_cast<Heard*>(refcon);
            const std::lock_guard lock(self.mutex);
            self.messages.emplace_back(type, reinterpret_cast<uintptr_t>(argument));
        }
        size_t count() {
            const std::lock_guard lock(mutex);
            return messages.size();
        }
    } general, busy;
    PortOf port(GetParam());
    const io_service_t service = entry(head_a);
    io_object_t first = 0;
    io_object_t second = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceAddInterestNotification(port.port, service, kIOGeneralInterest,
                                               Heard::callback, &general, &first));
    ASSERT_EQ(kIOReturnSuccess,
              IOServiceAddInterestNotification(port.port, service, kIOBusyInterest, Heard::callback,
                                               &busy, &second));
    EXPECT_EQ(kIOReturnUnsupported,
              IOServiceAddInterestNotification(port.port, service, "NoSuchInterest",
                                               Heard::callback, &busy, &second));
    registry.adjust_busy(head_a, 1);
    registry.adjust_busy(head_a, -1);
    ASSERT_TRUE(port.run_until([&] { return busy.count() == 2; }));
    registry.set_property(head_a, "Rate", 1);
    registry.message(head_a, kIOMessageServiceIsSuspended, 7);
    registry.terminate(head_a);
    ASSERT_TRUE(port.run_until([&] { return general.count() == 3; }));
    EXPECT_EQ((std::vector<std::pair<uint32_t, uintptr_t>>{{kIOMessageServiceBusyStateChange, 1},
                                                           {kIOMessageServiceBusyStateChange, 0}}),
              busy.messages);
    EXPECT_EQ((std::vector<std::pair<uint32_t, uintptr_t>>{{kIOMessageServicePropertyChange, 0},
                                                           {kIOMessageServiceIsSuspended, 7},
                                                           {kIOMessageServiceIsTerminated, 0}}),
              general.messages);
    IOObjectRelease(first);
    IOObjectRelease(second);
    IOObjectRelease(service);
}

INSTANTIATE_TEST_SUITE_P(Served, Ports,
                         ::testing::Values(Served::run_loop, Served::queue, Served::descriptor,
                                           Served::thread));

// Facts: IOServiceAddMatchingNotification
TEST_F(Program, ADaemonThatDiesAndComesBackIsToldAsEndAndBeginning) {
    Told published;
    Told terminated;
    PortOf port(Served::descriptor);
    const io_iterator_t a = published.listen(port, kIOPublishNotification, "TestHead");
    const io_iterator_t b = terminated.listen(port, kIOTerminatedNotification, "TestHead");
    const io_service_t held = entry(head_a);
    std::atomic<uint32_t> heard = 0;
    io_object_t interest = 0;
    ASSERT_EQ(kIOReturnSuccess, IOServiceAddInterestNotification(
                                    port.port, held, kIOGeneralInterest,
                                    [](void* refcon, io_service_t, uint32_t type, void*) {
                                        *static_cast<std::atomic<uint32_t>*>(refcon) = type;
                                    },
                                    &heard, &interest));
    EXPECT_EQ("head-a", name_of(held));
    io_iterator_t walk = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IORegistryCreateIterator(0, kIOServicePlane, kIORegistryIterateRecursively, &walk));
    IOObjectRelease(IOIteratorNext(walk));

    registry.kill();
    registry.start();
    const uint64_t again = registry.add(0, {"head-a", kHead});
    ASSERT_TRUE(port.run_until(
        [&] { return published.all().size() == 3 && terminated.all().size() == 2 && heard != 0; }));
    EXPECT_EQ((std::vector<uint64_t>{head_a, head_b, again}), published.all());
    EXPECT_EQ((std::vector<uint64_t>{head_a, head_b}), terminated.all());
    EXPECT_EQ(kIOMessageServiceIsTerminated, heard);
    // What belonged to the old one is stale, not something else.
    io_name_t name = "";
    EXPECT_EQ(kIOReturnNotFound, IORegistryEntryGetName(held, name));
    EXPECT_FALSE(IOIteratorIsValid(walk));
    IOIteratorReset(walk);
    EXPECT_FALSE(names(walk).empty());
    for (const io_object_t object : {a, b, held, interest, walk}) IOObjectRelease(object);
}

// Facts: IONotificationPortDestroy, IOObjectRelease
TEST_F(Program, PortsAndIteratorsMayGoWithinACallBackAndFromOtherThreads) {
    struct Own {
        IONotificationPortRef port = nullptr;
        io_iterator_t iterator = 0;
        std::atomic<int> calls = 0;
    };
    for (int i = 0; i < 20; ++i) {
        Own own;
        own.port = IONotificationPortCreate(kIOMainPortDefault);
        ASSERT_EQ(kIOReturnSuccess,
                  IOServiceAddMatchingNotification(
                      own.port, kIOPublishNotification, IOServiceMatching("TestHead"),
                      [](void* refcon, io_iterator_t iterator) {
                          auto& self = *static_cast<Own*>(refcon);
                          ++self.calls;
                          IOObjectRelease(iterator);
                          IONotificationPortDestroy(self.port);
                      },
                      &own, &own.iterator));
        while (const io_object_t object = IOIteratorNext(own.iterator)) IOObjectRelease(object);
        const IONotificationPortRef port = own.port;
        const int fd = opendext_notification_port_fd(port);
        registry.terminate(registry.add(hub, {"head-c", kHead}));
        pollfd wait{fd, POLLIN, 0};
        ASSERT_EQ(1, ::poll(&wait, 1, 60000));
        opendext_notification_port_dispatch(port);
        EXPECT_EQ(1, own.calls);
    }
    // Made and released on several threads while services come and go.
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&stop] {
            while (!stop) {
                Told told;
                PortOf port(Served::queue);
                const io_iterator_t iterator =
                    told.listen(port, kIOPublishNotification, "TestHead");
                EXPECT_GE(told.all().size(), 2U);
                IOObjectRelease(iterator);
            }
        });
    }
    for (int i = 0; i < 100; ++i) registry.terminate(registry.add(hub, {"head-c", kHead}));
    stop = true;
    for (std::thread& thread : threads) thread.join();
}

// Facts: IONotificationPortSetImportanceReceiver, IOCreateReceivePort,
// IONotificationPortGetMachPort
TEST_F(Program, WhatNeedsMachPortsSaysSo) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    EXPECT_NE(static_cast<mach_port_t>(MACH_PORT_NULL), IONotificationPortGetMachPort(port));
    EXPECT_EQ(kIOReturnUnsupported, IONotificationPortSetImportanceReceiver(port));
    mach_port_t receive = 1;
    EXPECT_EQ(kIOReturnUnsupported, IOCreateReceivePort(kOSNotificationMessageID, &receive));
    EXPECT_EQ(static_cast<mach_port_t>(MACH_PORT_NULL), receive);
    EXPECT_NE(std::string::npos,
              std::string(opendext_last_error_reason()).find("opendext_notification_port_fd"));
    IONotificationPortDestroy(port);
}

// Facts: IOMainPort, IOMasterPort
TEST_F(Program, TheMainPortIsTheDefault) {
    mach_port_t port = 1;
    EXPECT_EQ(kIOReturnSuccess, IOMainPort(MACH_PORT_NULL, &port));
    EXPECT_EQ(kIOMainPortDefault, port);
    port = 1;
    EXPECT_EQ(kIOReturnSuccess, IOMasterPort(MACH_PORT_NULL, &port));
    EXPECT_EQ(kIOMasterPortDefault, port);
}

}  // namespace
}  // namespace opendext::testing
