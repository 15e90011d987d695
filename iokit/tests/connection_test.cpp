// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {
namespace {

// Facts: IOConnectCallMethod, IOConnectCallScalarMethod
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
    EXPECT_EQ(kIOReturnBadArgument, IOConnectCallAsyncScalarMethod(
                                        connect, 3, IONotificationPortGetMachPort(port), reference,
                                        kOSAsyncRef64Count + 1, nullptr, 0, nullptr, nullptr));
    // Without a call-back of its own: the driver runs the call, its completions call nothing.
    seen.clear();
    EXPECT_EQ(kIOReturnSuccess,
              IOConnectCallAsyncScalarMethod(connect, 3, IONotificationPortGetMachPort(port),
                                             nullptr, 0, nullptr, 0, nullptr, nullptr))
        << opendext_last_error_reason();
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 1, &input, 1, &output, &count));
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.1, FALSE);
    EXPECT_TRUE(seen.empty());
    IONotificationPortDestroy(port);
}

// Facts: IOConnectCallAsyncMethod, IOConnectCallAsyncStructMethod
TEST_F(Connected, EveryAsynchronousFormBringsItsCompletions) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    static int completions;
    completions = 0;
    const IOAsyncCallback callback = [](void*, IOReturn, void**, uint32_t) { ++completions; };
    uint64_t reference[kOSAsyncRef64Count] = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(callback);
    const mach_port_t wake = IONotificationPortGetMachPort(port);
    EXPECT_EQ(kIOReturnSuccess,
              IOConnectCallAsyncStructMethod(connect, 3, wake, reference, kOSAsyncRef64Count,
                                             nullptr, 0, nullptr, nullptr))
        << opendext_last_error_reason();
    ASSERT_TRUE(run_until([] { return completions >= 3; }));
    EXPECT_EQ(kIOReturnSuccess,
              IOConnectCallAsyncMethod(connect, 3, wake, reference, kOSAsyncRef64Count, nullptr, 0,
                                       nullptr, 0, nullptr, nullptr, nullptr, nullptr))
        << opendext_last_error_reason();
    ASSERT_TRUE(run_until([] { return completions >= 6; }));
    EXPECT_EQ(6, completions);
    // One that the driver refuses brings none.
    EXPECT_EQ(kIOReturnUnsupported,
              IOConnectCallAsyncStructMethod(connect, 2, wake, reference, kOSAsyncRef64Count,
                                             nullptr, 0, nullptr, nullptr));
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.1, FALSE);
    EXPECT_EQ(6, completions);
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

// Facts: IOConnectMapMemory, IOConnectUnmapMemory, IOConnectMapMemory64, IOConnectUnmapMemory64
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
    ASSERT_EQ(kIOReturnSuccess, IOConnectMapMemory(connect, 1, mach_task_self(), &address, &size,
                                                   kIOMapAnywhere | kIOMapReadOnly));
    EXPECT_STREQ("hello", reinterpret_cast<const char*>(address));
    EXPECT_EQ(kIOReturnSuccess, IOConnectUnmapMemory(connect, 1, mach_task_self(), address));
    EXPECT_EQ(kIOReturnVMError,
              IOConnectMapMemory64(connect, 2, mach_task_self(), &address, &size, kIOMapAnywhere));
    EXPECT_STREQ("the driver's memory is smaller than it says", opendext_last_error_reason());
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectMapMemory64(connect, 9, mach_task_self(), &address, &size, kIOMapAnywhere));
}

TEST_F(Connected, MapsJoinedMemoryInOnePiece) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOConnectMapMemory64(connect, 3, mach_task_self(), &address, &size, kIOMapAnywhere))
        << opendext_last_error_reason();
    EXPECT_EQ(12288U, size);
    EXPECT_STREQ("one", reinterpret_cast<const char*>(address));
    EXPECT_STREQ("two", reinterpret_cast<const char*>(address + 4096));
    reinterpret_cast<char*>(address)[12287] = 'x';
    EXPECT_EQ(kIOReturnSuccess, IOConnectUnmapMemory64(connect, 3, mach_task_self(), address));
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

// Facts: IOServiceOpen, IOServiceClose, IOConnectGetService
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

// Facts: IOConnectAddRef, IOConnectRelease
TEST_F(Connected, AConnectionLivesAsLongAsSomebodyHoldsIt) {
    EXPECT_EQ(kIOReturnSuccess, IOConnectAddRef(connect));
    EXPECT_EQ(kIOReturnSuccess, IOConnectRelease(connect));
    const uint64_t input = 4;
    uint64_t output = 0;
    uint32_t count = 1;
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 1, &input, 1, &output, &count));
    EXPECT_EQ(4U, output);
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    EXPECT_NE(kIOReturnSuccess, IOConnectAddRef(connect));
    EXPECT_NE(kIOReturnSuccess, IOConnectRelease(connect));
}

}  // namespace
}  // namespace opendext::fakes
