// SPDX-License-Identifier: Apache-2.0
// Calls in all their forms, many at once, and what ends them.
#include <IOKit/IODataQueueClient.h>
#include <mach/vm_map.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {
namespace {

using namespace std::chrono_literals;

class Calls : public Connected {
  protected:
    uint64_t sum(uint64_t a, uint64_t b) {
        const uint64_t input[] = {a, b};
        uint64_t output = 0;
        uint32_t count = 1;
        EXPECT_EQ(kIOReturnSuccess,
                  IOConnectCallScalarMethod(connect, 1, input, 2, &output, &count))
            << opendext_last_error_reason();
        return output;
    }
    kern_return_t plain(uint32_t selector) const {
        return IOConnectCallScalarMethod(connect, selector, nullptr, 0, nullptr, nullptr);
    }
    /// Until a thread of ours is in the call of selector 6, which is not answered.
    void wait_for_call() {
        std::this_thread::sleep_for(20ms);  // too short only makes the test see less
    }
};

// Facts: IOConnectMethodScalarIScalarO, IOConnectMethodScalarIStructureO,
// Facts: IOConnectMethodScalarIStructureI, IOConnectMethodStructureIStructureO
TEST_F(Calls, OldFormsCarryIntsAndStructures) {
    uint32_t sum32 = 0;
    EXPECT_EQ(kIOReturnSuccess, IOConnectMethodScalarIScalarO(connect, 1, 3, 1, 1, 2, 3, &sum32));
    EXPECT_EQ(6U, sum32);
    EXPECT_EQ(kIOReturnSuccess, IOConnectMethodScalarIScalarO(connect, 1, 1, 1, -1, &sum32));
    EXPECT_EQ(0xffffffffU, sum32);
    EXPECT_EQ(kIOReturnBadArgument, IOConnectMethodScalarIScalarO(connect, 1, 17, 0));
    EXPECT_EQ(kIOReturnBadArgument, IOConnectMethodScalarIScalarO(connect, 1, 0, 17));
    char output[8] = {};
    IOByteCount size = sizeof output;
    EXPECT_EQ(kIOReturnSuccess, IOConnectMethodStructureIStructureO(
                                    connect, 1, 4, &size, const_cast<char*>("abcd"), output));
    EXPECT_EQ(4U, size);
    EXPECT_STREQ("dcba", output);
    size = sizeof output;
    EXPECT_EQ(kIOReturnSuccess,
              IOConnectMethodScalarIStructureO(connect, 1, 2, &size, 1, 2, output));
    EXPECT_EQ(0U, size);
    EXPECT_EQ(kIOReturnBadArgument, IOConnectMethodScalarIStructureI(connect, 1, 17, 4, "abcd"));
    // What the structure gives finds no room.
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectMethodScalarIStructureI(connect, 1, 2, 4, 1, 2, "abcd"));
    EXPECT_STREQ("the driver's answer is larger than the caller's room",
                 opendext_last_error_reason());
    EXPECT_EQ(kIOReturnUnsupported, IOConnectMethodScalarIStructureI(connect, 2, 0, 4, "abcd"));
}

// Facts: IOConnectCallMethod, kIOConnectMethodVarOutputSize
TEST_F(Calls, OutputOfAnySizeIsMemoryOfItsOwn) {
    for (const size_t size : {size_t{1}, size_t{4096}, size_t{4097}, size_t{3} << 20}) {
        const std::vector<uint8_t> input(size, 0x42);
        void* output = nullptr;
        auto output_size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
        ASSERT_EQ(kIOReturnSuccess, IOConnectCallMethod(connect, 1, nullptr, 0, input.data(), size,
                                                        nullptr, nullptr, &output, &output_size))
            << opendext_last_error_reason();
        ASSERT_EQ(size, output_size);
        EXPECT_EQ(0, std::memcmp(output, input.data(), size));
        EXPECT_EQ(KERN_SUCCESS, vm_deallocate(mach_task_self(),
                                              reinterpret_cast<vm_address_t>(output), output_size));
    }
    void* output = this;
    auto output_size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallMethod(connect, 1, nullptr, 0, nullptr, 0, nullptr,
                                                    nullptr, &output, &output_size));
    EXPECT_EQ(0U, output_size);
    EXPECT_EQ(nullptr, output);
    output_size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
    EXPECT_EQ(kIOReturnUnsupported,
              IOConnectCallStructMethod(connect, 2, nullptr, 0, &output, &output_size));
    EXPECT_EQ(static_cast<size_t>(kIOConnectMethodVarOutputSize), output_size);
}

// Facts: IOConnectCallStructMethod
TEST_F(Calls, LargeStructuresGoBothWaysAgainAndAgain) {
    for (int round = 0; round < 50; ++round) {
        const size_t size = 4097 + static_cast<size_t>(round) * 60'000;  // up to 3 MB
        std::vector<uint8_t> input(size);
        for (size_t i = 0; i < size; ++i) input[i] = static_cast<uint8_t>(i * 7 + i / 251);
        std::vector<uint8_t> output(size + 10);
        size_t output_size = output.size();
        ASSERT_EQ(kIOReturnSuccess, IOConnectCallStructMethod(connect, 1, input.data(), size,
                                                              output.data(), &output_size))
            << size << ": " << opendext_last_error_reason();
        ASSERT_EQ(size, output_size);
        ASSERT_TRUE(std::equal(input.rbegin(), input.rend(), output.begin()));
    }
    std::vector<uint8_t> room(8192);
    size_t size = room.size();
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallStructMethod(connect, 11, nullptr, 0, room.data(), &size));
    EXPECT_STREQ("the driver's answer is larger than the caller's room",
                 opendext_last_error_reason());
    EXPECT_EQ(8192U, size);
}

// Facts: IOConnectMapMemory64, IODataQueueDequeue, IOConnectSetNotificationPort
TEST_F(Calls, ADriversDataQueueIsMappedWithItsBell) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOConnectMapMemory64(connect, 4, mach_task_self(), &address, &size, kIOMapAnywhere))
        << opendext_last_error_reason();
    auto* queue = reinterpret_cast<IODataQueueMemory*>(address);
    const mach_port_t port = IODataQueueAllocateNotificationPort();
    EXPECT_EQ(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 4, port, 0));
    EXPECT_EQ(kIOReturnBadArgument, IOConnectSetNotificationPort(connect, 4, 0x77777, 0));
    EXPECT_EQ(kIOReturnSuccess, IODataQueueWaitForAvailableData(queue, port));
    char data[16] = {};
    uint32_t length = sizeof data;
    EXPECT_EQ(kIOReturnSuccess, IODataQueueDequeue(queue, data, &length));
    EXPECT_EQ("first", std::string(data, length));
    // Closing the connection ends the wait of another thread.
    IOReturn ended = kIOReturnSuccess;
    std::thread waiter([&] { ended = IODataQueueWaitForAvailableData(queue, port); });
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    waiter.join();
    EXPECT_EQ(kIOReturnNotResponding, ended);
    mach_port_deallocate(mach_task_self(), port);
}

// Facts: IOConnectMapMemory64, IOConnectUnmapMemory64
TEST_F(Calls, MemoryIsMappedWhereItIsWantedAndAsTheDriverAllows) {
    void* free_place = ::mmap(nullptr, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(MAP_FAILED, free_place);
    auto address = reinterpret_cast<mach_vm_address_t>(free_place);
    mach_vm_size_t size = 0;
    EXPECT_EQ(kIOReturnNoSpace,
              IOConnectMapMemory64(connect, 3, mach_task_self(), &address, &size, 0));
    ::munmap(free_place, 16384);
    ASSERT_EQ(kIOReturnSuccess,
              IOConnectMapMemory64(connect, 3, mach_task_self(), &address, &size, 0))
        << opendext_last_error_reason();
    EXPECT_EQ(reinterpret_cast<mach_vm_address_t>(free_place), address);
    EXPECT_STREQ("one", reinterpret_cast<const char*>(address));
    EXPECT_EQ(kIOReturnSuccess, IOConnectUnmapMemory64(connect, 3, mach_task_self(), address));
    address = 0;
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectMapMemory64(connect, 3, mach_task_self(), &address, &size, 0));
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectMapMemory64(connect, 3, mach_task_self(), nullptr, &size, kIOMapAnywhere));
    // What the driver gives for reading cannot be written, whatever the options say.
    ASSERT_EQ(kIOReturnSuccess,
              IOConnectMapMemory64(connect, 6, mach_task_self(), &address, &size, kIOMapAnywhere));
    int pipe[2];
    ASSERT_EQ(0, ::pipe(pipe));
    ASSERT_EQ(1, ::write(pipe[1], "x", 1));
    EXPECT_EQ(-1, ::read(pipe[0], reinterpret_cast<void*>(address), 1));
    EXPECT_EQ(EFAULT, errno);
    ::close(pipe[0]);
    ::close(pipe[1]);
    EXPECT_EQ(kIOReturnVMError,
              IOConnectMapMemory64(connect, 5, mach_task_self(), &address, &size, kIOMapAnywhere));
    EXPECT_STREQ("the driver's data queue has no eventfd for a bell", opendext_last_error_reason());
}

TEST_F(Calls, SayWhoRefused) {
    EXPECT_EQ(kIOReturnUnsupported, plain(2));
    EXPECT_EQ(OPENDEXT_ORIGIN_DRIVER, opendext_last_error_origin());
    EXPECT_EQ(kIOReturnBadArgument,
              IOConnectCallScalarMethod(12345, 1, nullptr, 0, nullptr, nullptr));
    EXPECT_EQ(OPENDEXT_ORIGIN_LIBRARY, opendext_last_error_origin());
    EXPECT_EQ(kIOReturnNotReady, plain(12));
    EXPECT_STREQ("red: ?[31m", opendext_last_error_reason())
        << "words for people, not for terminals";
    EXPECT_EQ(kIOReturnNotResponding, plain(13));
    EXPECT_EQ(OPENDEXT_ORIGIN_DRIVER_DIED, opendext_last_error_origin());
    EXPECT_STREQ("the driver had enough", opendext_last_error_reason());
    using protocol::client::RefusedBy;
    io_connect_t refused = 0;
    for (const auto& [by, origin] :
         {std::pair{RefusedBy::daemon, OPENDEXT_ORIGIN_DAEMON},
          {RefusedBy::driver, OPENDEXT_ORIGIN_DRIVER},
          {RefusedBy::driver_died, OPENDEXT_ORIGIN_DRIVER_DIED},
          {RefusedBy::terminated, OPENDEXT_ORIGIN_TERMINATED},
          {static_cast<RefusedBy>(77), OPENDEXT_ORIGIN_DAEMON}}) {  // of a later version
        daemon.open_outcome = {{kIOReturnNotPermitted, "the program has no entitlement"}, by};
        EXPECT_EQ(kIOReturnNotPermitted, IOServiceOpen(node, mach_task_self(), 0, &refused));
        EXPECT_EQ(origin, opendext_last_error_origin());
        EXPECT_STREQ("the program has no entitlement", opendext_last_error_reason());
    }
}

TEST_F(Calls, AnswersThatCannotBeEndTheConnectionAndNotTheProgram) {
    EXPECT_EQ(kIOReturnNotResponding, plain(7));
    EXPECT_STREQ("the driver sent: answer without its header", opendext_last_error_reason());
    EXPECT_EQ(kIOReturnNotResponding, plain(1)) << "it stays ended";
    for (const uint32_t selector : {10U, 14U}) {
        io_connect_t other = 0;
        ASSERT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &other));
        IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
        uint64_t reference[3] = {};
        (void)IOConnectCallAsyncScalarMethod(other, selector, IONotificationPortGetMachPort(port),
                                             reference, 3, nullptr, 0, nullptr, nullptr);
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        kern_return_t code = kIOReturnSuccess;
        uint64_t input = 1;
        while (code == kIOReturnSuccess && std::chrono::steady_clock::now() < deadline)
            code = IOConnectCallScalarMethod(other, 1, &input, 1, nullptr, nullptr);
        EXPECT_EQ(kIOReturnNotResponding, code) << selector;
        EXPECT_STREQ(selector == 10 ? "the driver's answer is of another kind than the request"
                                    : "the driver sent: completion without its header",
                     opendext_last_error_reason());
        IONotificationPortDestroy(port);
        EXPECT_EQ(kIOReturnSuccess, IOServiceClose(other));
    }
}

TEST_F(Calls, CloseOnAnotherThreadEndsAllThatAreInFlight) {
    std::vector<std::thread> threads;
    std::atomic<int> ended = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            const kern_return_t code = plain(6);
            // The last ones may find the handle closed already.
            if (code == kIOReturnNotOpen || code == kIOReturnBadArgument) ++ended;
        });
    }
    wait_for_call();
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(8, ended);
}

TEST_F(Calls, AnswersReachThreadsThatWaitBehindAnother) {
    // One thread waits for ever, and receives; the others get their answers by it.
    std::thread stuck([&] { EXPECT_EQ(kIOReturnNotOpen, plain(6)); });
    wait_for_call();
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (uint64_t i = 0; i < 300; ++i) ASSERT_EQ(t + i, sum(t, i));
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    stuck.join();
}

TEST_F(Calls, AForkedChildCannotUseTheConnectionAndHarmsNothing) {
    EXPECT_EQ(3U, sum(1, 2));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::alarm(60);
        const bool refused = plain(1) == kIOReturnNotOpen;
        const bool said =
            std::string(opendext_last_error_reason()).find("forked") != std::string::npos;
        mach_vm_address_t address = 0;
        const bool unmapped = IOConnectMapMemory64(connect, 1, mach_task_self(), &address, nullptr,
                                                   kIOMapAnywhere) == kIOReturnNotOpen;
        const bool closed = IOServiceClose(connect) == kIOReturnSuccess;
        ::_exit(refused && said && unmapped && closed ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    EXPECT_EQ(7U, sum(3, 4));
    EXPECT_EQ(1U, daemon.open_connections());
}

TEST_F(Calls, SignalsAndCancellationLeaveTheConnectionWhole) {
    static std::atomic<int> signals = 0;
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = [](int) { ++signals; };
    ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, &before));
    kern_return_t code = kIOReturnSuccess;
    std::thread caller([&] { code = plain(6); });
    wait_for_call();
    for (int i = 0; i < 5; ++i) {
        ::pthread_kill(caller.native_handle(), SIGUSR1);
        std::this_thread::sleep_for(1ms);
    }
    // A thread that is cancelled within a call ends after it.
    std::thread cancelled([&] {
        (void)plain(6);
        ::pthread_testcancel();
        FAIL() << "it was not cancelled";
    });
    wait_for_call();
    ::pthread_cancel(cancelled.native_handle());
    EXPECT_EQ(3U, sum(1, 2));
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    caller.join();
    cancelled.join();
    EXPECT_EQ(kIOReturnNotOpen, code);
    EXPECT_GT(signals, 0);
    ::sigaction(SIGUSR1, &before, nullptr);
}

/// What a test records of call-backs.
struct Seen {
    std::atomic<uint64_t> count = 0;
    std::atomic<uint64_t> wrong = 0;
    std::atomic<int> ended = 0;
};

void count_completion(void* refcon, IOReturn, const uint64_t* arguments, uint32_t count) {
    auto& seen = *static_cast<Seen*>(refcon);
    if (count != 16 || arguments[0] != seen.count || arguments[15] != seen.count) ++seen.wrong;
    ++seen.count;
}

void count_end(void* refcon) {
    ++static_cast<Seen*>(refcon)->ended;
}

TEST_F(Calls, TheEndOfCompletionsIsToldOnceAfterTheLast) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    opendext_call call{};
    call.selector = 3;
    opendext_call_result result{};
    struct {
        std::vector<uint32_t> counts;
        int ended = 0;
    } seen;
    const opendext_completion_callback callback = [](void* refcon, IOReturn, const uint64_t*,
                                                     uint32_t count) {
        static_cast<decltype(seen)*>(refcon)->counts.push_back(count);
    };
    const opendext_completions_ended ended = [](void* refcon) {
        ++static_cast<decltype(seen)*>(refcon)->ended;
    };
    ASSERT_EQ(kIOReturnSuccess,
              opendext_connect_call_async(connect, &call, port, callback, ended, &seen, &result))
        << opendext_last_error_reason();
    EXPECT_EQ(kIOReturnSuccess, result.result);
    ASSERT_TRUE(run_until([&] { return seen.ended > 0; }));
    EXPECT_EQ((std::vector<uint32_t>{1, 2, 3}), seen.counts);
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, FALSE);
    EXPECT_EQ(1, seen.ended);
    // Of a call that fails neither runs.
    call.selector = 2;
    call.user = 77;
    EXPECT_EQ(kIOReturnUnsupported,
              opendext_connect_call_async(connect, &call, port, callback, ended, &seen, &result));
    EXPECT_EQ(77U, result.user);
    EXPECT_EQ(OPENDEXT_ORIGIN_DRIVER, result.origin);
    EXPECT_STREQ("no such selector", result.reason);
    EXPECT_EQ(kIOReturnBadArgument, opendext_connect_call_async(connect, &call, nullptr, callback,
                                                                ended, &seen, nullptr));
    EXPECT_EQ(kIOReturnBadArgument,
              opendext_connect_call_async(connect, &call, port, nullptr, ended, &seen, nullptr));
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, FALSE);
    EXPECT_EQ(1, seen.ended);
    IONotificationPortDestroy(port);
}

TEST_F(Calls, ClosingTheConnectionOrThePortEndsCompletions) {
    for (const bool port_first : {false, true}) {
        io_connect_t other = 0;
        ASSERT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &other));
        IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
        Seen seen;
        const uint64_t none = 0;
        opendext_call call{};
        call.selector = 8;
        call.input = &none;
        call.inputCount = 1;
        ASSERT_EQ(kIOReturnSuccess,
                  opendext_connect_call_async(other, &call, port, count_completion, count_end,
                                              &seen, nullptr));
        if (port_first) IONotificationPortDestroy(port);
        EXPECT_EQ(0, seen.ended);
        EXPECT_EQ(kIOReturnSuccess, IOServiceClose(other));
        if (!port_first) {
            EXPECT_EQ(0, seen.ended) << "it runs where the port's call-backs run";
            opendext_notification_port_dispatch(port);
            EXPECT_EQ(1, seen.ended);
            IONotificationPortDestroy(port);
        }
        EXPECT_EQ(1, seen.ended);
        EXPECT_EQ(0U, seen.count);
    }
}

TEST_F(Calls, AProgramTakesItsCompletionsOnItsOwnThread) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    int bell = -1;
    EXPECT_EQ(kIOReturnNotReady, opendext_connect_dispatch(connect));
    ASSERT_EQ(kIOReturnSuccess, opendext_connect_completions_fd(connect, &bell))
        << opendext_last_error_reason();
    EXPECT_EQ(kIOReturnSuccess, opendext_connect_dispatch(connect));
    struct {
        Seen seen;
        std::thread::id thread;
        bool elsewhere = false;
    } own;
    own.thread = std::this_thread::get_id();
    const auto callback = [](void* refcon, IOReturn code, const uint64_t* arguments,
                             uint32_t count) {
        auto& taken = *static_cast<decltype(own)*>(refcon);
        taken.elsewhere |= std::this_thread::get_id() != taken.thread;
        count_completion(&taken.seen, code, arguments, count);
    };
    const auto wait = [&] {
        pollfd rung{bell, POLLIN, 0};
        return ::poll(&rung, 1, 60'000) == 1;
    };
    const uint64_t many = 10'000;
    opendext_call call{};
    call.selector = 8;
    call.input = &many;
    call.inputCount = 1;
    ASSERT_EQ(kIOReturnSuccess,
              opendext_connect_call_async(connect, &call, port, callback, nullptr, &own, nullptr));
    opendext_notification_port_dispatch(port);  // what came before the call returned
    while (own.seen.count < many) {
        ASSERT_TRUE(wait());
        ASSERT_EQ(kIOReturnSuccess, opendext_connect_dispatch(connect));
    }
    EXPECT_EQ(many, own.seen.count);
    EXPECT_EQ(0U, own.seen.wrong);
    EXPECT_FALSE(own.elsewhere);
    pollfd rung{bell, POLLIN, 0};
    EXPECT_EQ(0, ::poll(&rung, 1, 0));

    // The end is heard, too.
    uint64_t output = 0;
    uint32_t count = 1;
    EXPECT_EQ(kIOReturnNotResponding,
              IOConnectCallScalarMethod(connect, 13, nullptr, 0, &output, &count));
    ASSERT_TRUE(wait());
    EXPECT_EQ(kIOReturnNotResponding, opendext_connect_dispatch(connect));
    IONotificationPortDestroy(port);
}

TEST_F(Calls, AProgramThatPollsADriverThatIsGoneIsToldAtOnce) {
    int bell = -1;
    uint64_t output = 0;
    uint32_t count = 0;
    ASSERT_EQ(kIOReturnSuccess,
              IOConnectCallScalarMethod(connect, 15, nullptr, 0, &output, &count));
    ASSERT_EQ(kIOReturnSuccess, opendext_connect_completions_fd(connect, &bell));
    pollfd ended{bell, POLLIN, 0};
    ASSERT_EQ(1, ::poll(&ended, 1, 60'000));
    EXPECT_EQ(kIOReturnNotResponding, opendext_connect_dispatch(connect));
    EXPECT_EQ(kIOReturnNotResponding,
              IOConnectCallScalarMethod(connect, 1, nullptr, 0, &output, &count));
}

TEST_F(Calls, CompletionsThatAThreadTakesAreNotTheProgramsToTake) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    opendext_call call{};
    call.selector = 3;
    const auto callback = [](void*, IOReturn, const uint64_t*, uint32_t) {};
    ASSERT_EQ(kIOReturnSuccess, opendext_connect_call_async(connect, &call, port, callback, nullptr,
                                                            nullptr, nullptr));
    int bell = -1;
    EXPECT_EQ(kIOReturnBusy, opendext_connect_completions_fd(connect, &bell));
    EXPECT_EQ(kIOReturnBadArgument, opendext_connect_completions_fd(connect, nullptr));
    EXPECT_NE(kIOReturnSuccess, opendext_connect_completions_fd(IO_OBJECT_NULL, &bell));
    IONotificationPortDestroy(port);
}

TEST_F(Calls, AProgramThatDoesNotRunItsPortIsBoundedAndTold) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    Seen seen;
    const uint64_t many = 2'000'000;
    opendext_call call{};
    call.selector = 8;
    call.input = &many;
    call.inputCount = 1;
    ASSERT_EQ(kIOReturnSuccess, opendext_connect_call_async(connect, &call, port, count_completion,
                                                            count_end, &seen, nullptr));
    const auto deadline = std::chrono::steady_clock::now() + 100s;
    kern_return_t code = kIOReturnSuccess;
    while (code == kIOReturnSuccess && std::chrono::steady_clock::now() < deadline) {
        uint64_t output = 0;
        uint32_t count = 1;
        code = IOConnectCallScalarMethod(connect, 1, nullptr, 0, &output, &count);
    }
    EXPECT_EQ(kIOReturnNotResponding, code);
    EXPECT_STREQ("the application does not run its notification port",
                 opendext_last_error_reason());
    // What has come is still there, in order, and then the end.
    opendext_notification_port_dispatch(port);
    EXPECT_GE(seen.count, 256U * 1024);
    EXPECT_EQ(0U, seen.wrong);
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (seen.ended == 0 && std::chrono::steady_clock::now() < end) {
        opendext_notification_port_dispatch(port);
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(1, seen.ended);
    IONotificationPortDestroy(port);
}

}  // namespace
}  // namespace opendext::fakes
