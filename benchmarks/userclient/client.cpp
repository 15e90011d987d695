// SPDX-License-Identifier: Apache-2.0
// The client program of the benchmark: an ordinary one, of libIOKit's public headers only.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>

#include "dext/BenchProtocol.h"
#include "measure.h"

namespace {

constexpr int kInFlight = 32;

void check(kern_return_t code, const char* what) {
    if (code == kIOReturnSuccess) return;
    char text[32];
    std::snprintf(text, sizeof text, " (0x%08x) ", static_cast<unsigned>(code));
    measure::fail(std::string(what) + text + opendext_last_error_reason());
}

io_connect_t open_driver(int& pid) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("BenchService"));
    if (service == IO_OBJECT_NULL) measure::fail("the driver is not there");
    io_connect_t connect = IO_OBJECT_NULL;
    check(IOServiceOpen(service, mach_task_self(), 0, &connect), "IOServiceOpen");
    pid = opendext_service_process(service);
    IOObjectRelease(service);
    return connect;
}

void calls(const measure::Options& given, io_connect_t connect, int pid) {
    std::vector<uint8_t> in(given.size, 0x5a);
    std::vector<uint8_t> out(given.size);
    uint8_t round = 0;
    measure::run(given, pid, 1, [&] {
        in[0] = ++round;
        size_t size = out.size();
        check(
            IOConnectCallStructMethod(connect, kBenchEcho, in.data(), in.size(), out.data(), &size),
            "IOConnectCallStructMethod");
        if (size != in.size() || out[0] != round) measure::fail("the answer is another one");
    });
}

/// 64 KiB that nobody copies: mapped memory and a small call about it.
void mapped(const measure::Options& given, io_connect_t connect, int pid) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    check(IOConnectMapMemory64(connect, kBenchPages, mach_task_self(), &address, &size,
                               kIOMapAnywhere),
          "IOConnectMapMemory64");
    auto* words = reinterpret_cast<volatile uint64_t*>(address);
    measure::run(given, pid, 1, [&] {
        const uint64_t before = words[0];
        const uint64_t in = given.size;
        uint64_t out = 0;
        uint32_t count = 1;
        check(IOConnectCallScalarMethod(connect, kBenchTouch, &in, 1, &out, &count),
              "IOConnectCallScalarMethod");
        if (out != before + 1 || words[0] != out) measure::fail("the memory is another one");
    });
}

void in_flight(const measure::Options& given, io_connect_t connect, int pid) {
    opendext_calls_t queue = nullptr;
    check(opendext_calls_create(connect, kInFlight, &queue), "opendext_calls_create");
    std::vector<uint8_t> in(given.size, 1);
    std::vector<std::vector<uint8_t>> out(kInFlight, std::vector<uint8_t>(given.size));
    std::vector<opendext_call> some(kInFlight);
    std::vector<opendext_call_result> results(kInFlight);
    measure::run(given, pid, kInFlight, [&] {
        for (int i = 0; i < kInFlight; ++i) {
            some[i] = {};
            some[i].user = static_cast<uint64_t>(i);
            some[i].selector = kBenchEcho;
            some[i].inputStruct = in.data();
            some[i].inputStructCnt = in.size();
            some[i].outputStruct = out[i].data();
            some[i].outputStructCnt = out[i].size();
        }
        uint32_t submitted = 0;
        check(opendext_calls_submit(queue, some.data(), kInFlight, &submitted),
              "opendext_calls_submit");
        for (uint32_t done = 0; done < kInFlight;) {
            uint32_t count = 0;
            check(opendext_calls_wait(queue, results.data(), kInFlight - done, kInFlight - done,
                                      OPENDEXT_FOREVER, &count),
                  "opendext_calls_wait");
            for (uint32_t i = 0; i < count; ++i) check(results[i].result, "a call in flight");
            done += count;
        }
    });
    opendext_calls_destroy(queue);
}

void one_way(const measure::Options& given, io_connect_t connect, int pid) {
    std::vector<uint8_t> in(given.size, 1);
    std::vector<opendext_call> some(256);
    for (opendext_call& call : some) {
        call = {};
        call.selector = kBenchCount;
        call.inputStruct = in.data();
        call.inputStructCnt = in.size();
    }
    constexpr uint64_t kBatches = 64;
    measure::run(given, pid, static_cast<int>(kBatches * some.size()), [&] {
        for (uint64_t i = 0; i < kBatches; ++i) {
            check(opendext_connect_post(connect, some.data(), static_cast<uint32_t>(some.size()), 0,
                                        nullptr),
                  "opendext_connect_post");
        }
        uint64_t counted = 0;
        uint32_t count = 1;
        check(IOConnectCallScalarMethod(connect, kBenchCounted, nullptr, 0, &counted, &count),
              "IOConnectCallScalarMethod");
        if (counted != kBatches * some.size()) measure::fail("one-way calls were lost");
    });
}

struct Stream {
    uint64_t next = 0;
    uint64_t count = 0;
};

void completed(void* refcon, IOReturn, void* number) {
    auto* stream = static_cast<Stream*>(refcon);
    if (reinterpret_cast<uint64_t>(number) != stream->next) measure::fail("a completion was lost");
    if (++stream->next == stream->count) CFRunLoopStop(CFRunLoopGetCurrent());
}

void completions(const measure::Options& given, io_connect_t connect, int pid) {
    const IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    constexpr uint64_t kEach = 16384;
    Stream stream;
    measure::run(given, pid, kEach, [&] {
        stream = {0, kEach};
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&completed);
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(&stream);
        check(IOConnectCallAsyncScalarMethod(connect, kBenchStream,
                                             IONotificationPortGetMachPort(port), reference,
                                             kIOAsyncCalloutCount, &kEach, 1, nullptr, nullptr),
              "IOConnectCallAsyncScalarMethod");
        while (stream.next < stream.count) CFRunLoopRun();
    });
    IONotificationPortDestroy(port);
}

/// Records of the driver through a data queue; the time is that of the program only.
void data_queue(const measure::Options& given, io_connect_t connect) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    check(IOConnectMapMemory64(connect, kBenchQueue, mach_task_self(), &address, &size,
                               kIOMapAnywhere),
          "IOConnectMapMemory64");
    auto* queue = reinterpret_cast<IODataQueueMemory*>(address);
    std::vector<uint8_t> record(kBenchRecordSize);
    double best = 0;
    const int64_t end = measure::now_ns() + static_cast<int64_t>(given.seconds * 1e9);
    while (measure::now_ns() < end) {
        const uint64_t wanted = 2048;
        uint64_t filled = 0;
        uint32_t count = 1;
        const int64_t begin = measure::now_ns();
        check(IOConnectCallScalarMethod(connect, kBenchFill, &wanted, 1, &filled, &count),
              "IOConnectCallScalarMethod");
        uint64_t taken = 0;
        for (;;) {
            uint32_t room = kBenchRecordSize;
            if (IODataQueueDequeue(queue, record.data(), &room) != kIOReturnSuccess) break;
            ++taken;
        }
        if (taken != filled || taken == 0) measure::fail("the queue lost records");
        const double bytes = static_cast<double>(taken) * static_cast<double>(kBenchRecordSize);
        best = std::max(best, bytes / static_cast<double>(measure::now_ns() - begin) * 1e3);
    }
    std::printf("{\"mb_s\": %.1f}\n", best);
}

/// Writing to and reading from mapped memory, and the same with the program's own.
void memory_speed(const measure::Options& given, io_connect_t connect, bool own) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    check(IOConnectMapMemory64(connect, kBenchPages, mach_task_self(), &address, &size,
                               kIOMapAnywhere),
          "IOConnectMapMemory64");
    std::vector<uint8_t> there(kBenchPagesSize);
    std::vector<uint8_t> here(kBenchPagesSize);
    uint8_t* const target = own ? there.data() : reinterpret_cast<uint8_t*>(address);
    double best = 0;
    const int64_t end = measure::now_ns() + static_cast<int64_t>(given.seconds * 1e9);
    while (measure::now_ns() < end) {
        const int64_t begin = measure::now_ns();
        for (int i = 0; i < 64; ++i) {
            std::memcpy(target, here.data(), kBenchPagesSize);
            asm volatile("" ::: "memory");
            std::memcpy(here.data(), target, kBenchPagesSize);
            asm volatile("" ::: "memory");
        }
        best = std::max(best, 64.0 * static_cast<double>(kBenchPagesSize) /
                                  static_cast<double>(measure::now_ns() - begin) * 1e3);
    }
    std::printf("{\"mb_s\": %.1f}\n", best);
}

}  // namespace

int main(int argc, char** argv) {
    const measure::Options given = measure::options(argc, argv);
    measure::pin(given.cpu);
    int pid = 0;
    const io_connect_t connect = open_driver(pid);
    if (given.mode == "call") calls(given, connect, pid);
    if (given.mode == "mapped") mapped(given, connect, pid);
    if (given.mode == "in-flight") in_flight(given, connect, pid);
    if (given.mode == "one-way") one_way(given, connect, pid);
    if (given.mode == "completions") completions(given, connect, pid);
    if (given.mode == "data-queue") data_queue(given, connect);
    if (given.mode == "mapped-memory") memory_speed(given, connect, false);
    if (given.mode == "own-memory") memory_speed(given, connect, true);
    IOServiceClose(connect);
    return 0;
}
