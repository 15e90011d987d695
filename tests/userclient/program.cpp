// SPDX-License-Identifier: Apache-2.0
// The application of strain/: does what the lines of its standard input say, one answer a line. A
// line that begins with & is done by a thread of its own. Each answer begins with the command's
// name and the result; a failure goes on with the reason in words.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "strain/StrainProtocol.h"
#include "strain/StrainRing.h"

namespace {

using Clock = std::chrono::steady_clock;

std::mutex output;

__attribute__((format(printf, 1, 2))) void say(const char* format, ...) {
    const std::lock_guard lock(output);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/// "NAME 0x0 …", or "NAME 0xCODE reason".
void answer(const std::string& name, kern_return_t ret, const std::string& values = {}) {
    const std::string more = ret == KERN_SUCCESS ? values : opendext_last_error_reason();
    say("%s 0x%x%s%s", name.c_str(), ret, more.empty() ? "" : " ", more.c_str());
}

std::string words(const uint64_t* values, uint32_t count) {
    std::string text;
    for (uint32_t i = 0; i < count; ++i) text += (i ? " " : "") + std::to_string(values[i]);
    return text;
}

IONotificationPortRef served;    // by a thread with a run loop
IONotificationPortRef unserved;  // by nobody

io_connect_t connection = IO_OBJECT_NULL;
mach_vm_address_t mapped = 0;
mach_vm_size_t mapped_size = 0;

kern_return_t open_service(uint32_t type, io_connect_t* opened) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("strain"));
    if (service == IO_OBJECT_NULL) return kIOReturnNoDevice;
    const kern_return_t ret = IOServiceOpen(service, mach_task_self(), type, opened);
    IOObjectRelease(service);
    return ret;
}

kern_return_t add(io_connect_t connect, uint64_t a, uint64_t b) {
    const uint64_t in[2] = {a, b};
    uint64_t sum = 0;
    uint32_t count = 1;
    const kern_return_t ret = IOConnectCallScalarMethod(connect, kStrainAdd, in, 2, &sum, &count);
    if (ret == KERN_SUCCESS && (count != 1 || sum != a + b)) return kIOReturnInternalError;
    return ret;
}

/// Completions as they come: each one has to be the next, with all its words.
class Stream {
  public:
    kern_return_t start(uint64_t interval, uint64_t count, uint32_t words, uint64_t window,
                        IONotificationPortRef port) {
        count_ = count;
        words_ = words;
        window_ = window;
        taken_ = wrong_ = 0;
        connection_ = connection;
        uint64_t reference[kIOAsyncCalloutCount] = {};
        // The form depends on the number of words.
        reference[kIOAsyncCalloutFuncIndex] =
            reinterpret_cast<uint64_t>(words == 1   ? reinterpret_cast<void*>(&one)
                                       : words == 2 ? reinterpret_cast<void*>(&two)
                                                    : reinterpret_cast<void*>(&more));
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(this);
        const uint64_t in[4] = {interval, count, words, window};
        return IOConnectCallAsyncScalarMethod(connection, kStrainStream,
                                              IONotificationPortGetMachPort(port), reference,
                                              kIOAsyncCalloutCount, in, 4, nullptr, nullptr);
    }
    /// Until the last one came; gives what came and how many were not the next.
    std::pair<uint64_t, uint64_t> wait(std::chrono::seconds limit) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, limit, [this] { return taken_ >= count_; });
        return {taken_, wrong_};
    }
    std::pair<uint64_t, uint64_t> so_far() {
        const std::lock_guard lock(mutex_);
        return {taken_, wrong_};
    }

  private:
    static void one(void* self, IOReturn status, void* a) { take(self, status, &a, 1); }
    static void two(void* self, IOReturn status, void* a, void* b) {
        void* both[2] = {a, b};
        take(self, status, both, 2);
    }
    static void more(void* self, IOReturn status, void** arguments, uint32_t count) {
        take(self, status, arguments, count);
    }
    static void take(void* self, IOReturn status, void** arguments, uint32_t count) {
        auto& stream = *static_cast<Stream*>(self);
        uint64_t taken = 0;
        {
            const std::lock_guard lock(stream.mutex_);
            bool right = status == kIOReturnSuccess && count == stream.words_;
            for (uint32_t i = 0; right && i < count; ++i)
                right = reinterpret_cast<uint64_t>(arguments[i]) == strain_word(stream.taken_, i);
            if (!right) ++stream.wrong_;
            taken = ++stream.taken_;
            if (taken >= stream.count_) stream.changed_.notify_all();
        }
        if (stream.window_ != 0 && taken % (stream.window_ / 2) == 0 && taken < stream.count_)
            (void)IOConnectCallScalarMethod(stream.connection_, kStrainSeen, &taken, 1, nullptr,
                                            nullptr);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    io_connect_t connection_ = IO_OBJECT_NULL;
    uint64_t count_ = 0;
    uint64_t window_ = 0;
    uint64_t taken_ = 0;
    uint64_t wrong_ = 0;
    uint32_t words_ = 0;
};

Stream stream;

/// A data queue that the driver fills: every record has to be the next, with all its bytes. The
/// doorbell carries how many records the driver has put there.
class RingReader {
  public:
    kern_return_t start(uint64_t count, bool drains) {
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        kern_return_t ret = IOConnectMapMemory64(connection, kStrainRingMemory, mach_task_self(),
                                                 &address, &size, kIOMapAnywhere);
        if (ret != KERN_SUCCESS) return ret;
        queue_ = reinterpret_cast<IODataQueueMemory*>(address);
        connection_ = connection;
        count_ = count;
        drains_ = drains;
        taken_ = wrong_ = put_ = 0;
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&doorbell);
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(this);
        return IOConnectCallAsyncScalarMethod(connection, kStrainRing,
                                              IONotificationPortGetMachPort(served), reference,
                                              kIOAsyncCalloutCount, &count, 1, nullptr, nullptr);
    }
    /// Takes what is there, and tells the driver that it may go on.
    kern_return_t drain() {
        uint8_t record[kStrainRecordMax];
        uint8_t expected[kStrainRecordMax];
        {
            const std::lock_guard lock(mutex_);
            for (;;) {
                uint32_t size = sizeof record;
                const IOReturn ret = IODataQueueDequeue(queue_, record, &size);
                if (ret == kIOReturnUnderrun) break;
                if (ret != kIOReturnSuccess) return ret;
                const uint32_t right = strain_record(taken_, expected);
                if (size != right || memcmp(record, expected, right) != 0) ++wrong_;
                ++taken_;
            }
            changed_.notify_all();
            if (taken_ >= count_) return KERN_SUCCESS;
        }
        return IOConnectCallScalarMethod(connection_, kStrainServiced, nullptr, 0, nullptr,
                                         nullptr);
    }
    void go_on() {
        {
            const std::lock_guard lock(mutex_);
            drains_ = true;
        }
        answer("ring-drain", drain());
    }
    /// Until all records were taken, or as it is now.
    void report(const std::string& name, std::chrono::seconds limit) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, limit, [this] { return taken_ >= count_; });
        const uint64_t values[3] = {taken_, wrong_, put_};
        answer(name, KERN_SUCCESS, words(values, 3));
    }

  private:
    static void doorbell(void* self, IOReturn, void* put) {
        auto& reader = *static_cast<RingReader*>(self);
        bool drains = false;
        {
            const std::lock_guard lock(reader.mutex_);
            reader.put_ = reinterpret_cast<uint64_t>(put);
            drains = reader.drains_;
        }
        if (drains) (void)reader.drain();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    IODataQueueMemory* queue_ = nullptr;
    io_connect_t connection_ = IO_OBJECT_NULL;
    uint64_t count_ = 0;
    uint64_t taken_ = 0;
    uint64_t wrong_ = 0;
    uint64_t put_ = 0;
    bool drains_ = true;
};

RingReader ring;

/// A structure to the driver and back, of any size.
void echo(size_t size) {
    std::vector<uint8_t> in(size);
    std::vector<uint8_t> out(size);
    for (size_t i = 0; i < size; ++i) in[i] = static_cast<uint8_t>(i * 13 + size);
    size_t length = size;
    const kern_return_t ret =
        IOConnectCallStructMethod(connection, kStrainEcho, in.data(), size, out.data(), &length);
    answer("echo", ret, length == size && in == out ? "same" : "different");
}

/// What the driver gets of this program's memory.
void read_here(size_t size) {
    const std::vector<uint8_t> bytes(size, 3);
    const uint64_t in[2] = {reinterpret_cast<uint64_t>(bytes.data()), size};
    uint64_t sum = 0;
    uint32_t count = 1;
    const kern_return_t ret =
        IOConnectCallScalarMethod(connection, kStrainRead, in, 2, &sum, &count);
    answer("read", ret, std::to_string(sum));
}

/// Opens and closes, with a call in between.
void cycles(uint64_t count, uint32_t type) {
    const auto begin = Clock::now();
    for (uint64_t i = 0; i < count; ++i) {
        io_connect_t connect = IO_OBJECT_NULL;
        kern_return_t ret = open_service(type, &connect);
        if (ret == KERN_SUCCESS) ret = add(connect, i, 1);
        if (ret != KERN_SUCCESS) return answer("cycles", ret);
        ret = IOServiceClose(connect);
        if (ret != KERN_SUCCESS) return answer("cycles", ret);
    }
    const std::chrono::duration<double, std::micro> took = Clock::now() - begin;
    answer("cycles", KERN_SUCCESS, std::to_string(took.count() / static_cast<double>(count)));
}

/// Many connections at the same time, each with a user client of its own.
class Many {
  public:
    void open(uint64_t count, uint32_t type) {
        for (uint64_t i = 0; i < count; ++i) {
            io_connect_t connect = IO_OBJECT_NULL;
            const kern_return_t ret = open_service(type, &connect);
            if (ret != KERN_SUCCESS) return answer("many-open", ret, "after " + std::to_string(i));
            connections_.push_back(connect);
        }
        answer("many-open", KERN_SUCCESS, std::to_string(connections_.size()));
    }
    /// Says the numbers of all user clients.
    void call() {
        std::string numbers;
        for (const io_connect_t connect : connections_) {
            uint64_t who[5] = {};
            uint32_t count = 5;
            kern_return_t ret = add(connect, connect, 7);
            if (ret == KERN_SUCCESS)
                ret = IOConnectCallScalarMethod(connect, kStrainWho, nullptr, 0, who, &count);
            if (ret != KERN_SUCCESS) return answer("many-call", ret);
            numbers += (numbers.empty() ? "" : " ") + std::to_string(who[0]);
        }
        answer("many-call", KERN_SUCCESS, numbers);
    }
    void close() {
        for (const io_connect_t connect : connections_) {
            const kern_return_t ret = IOServiceClose(connect);
            if (ret != KERN_SUCCESS) return answer("many-close", ret);
        }
        connections_.clear();
        answer("many-close", KERN_SUCCESS);
    }

  private:
    std::vector<io_connect_t> connections_;
};

Many many;

void print_events(void* word, io_iterator_t iterator) {
    while (const io_service_t service = IOIteratorNext(iterator)) {
        uint64_t id = 0;
        IORegistryEntryGetRegistryEntryID(service, &id);
        say("%s 0x%lx", static_cast<const char*>(word), static_cast<unsigned long>(id));
        IOObjectRelease(service);
    }
}

kern_return_t watch(const char* type, const char* word) {
    io_iterator_t iterator = IO_OBJECT_NULL;
    const kern_return_t ret =
        IOServiceAddMatchingNotification(served, type, IOServiceNameMatching("strain"),
                                         print_events, const_cast<char*>(word), &iterator);
    if (ret == KERN_SUCCESS) print_events(const_cast<char*>(word), iterator);
    return ret;
}

void too_many_words() {
    static std::atomic<uint32_t> calls;
    const auto callback = [](void*, IOReturn status, void** arguments, uint32_t count) {
        bool right = count == kStrainMaxWords;
        for (uint32_t i = 0; right && i < count; ++i)
            right = reinterpret_cast<uint64_t>(arguments[i]) == strain_word(7, i);
        say("completed 0x%x %u words %s, call %u", status, count, right ? "right" : "wrong",
            ++calls);
    };
    uint64_t reference[kIOAsyncCalloutCount] = {};
    reference[kIOAsyncCalloutFuncIndex] =
        reinterpret_cast<uint64_t>(static_cast<IOAsyncCallback>(callback));
    answer("too-many", IOConnectCallAsyncScalarMethod(
                           connection, kStrainTooMany, IONotificationPortGetMachPort(served),
                           reference, kIOAsyncCalloutCount, nullptr, 0, nullptr, nullptr));
}

void map_memory(uint32_t type, bool read_only) {
    const kern_return_t ret =
        IOConnectMapMemory64(connection, type, mach_task_self(), &mapped, &mapped_size,
                             kIOMapAnywhere | (read_only ? kIOMapReadOnly : 0));
    const bool text = ret == KERN_SUCCESS && type != kStrainRingMemory;
    answer("map", ret,
           std::to_string(mapped_size) +
               (text ? " " + std::string(reinterpret_cast<char*>(mapped)) : ""));
}

/// Reads and writes every page of the mapping: it has to be there whoever has died.
void touch() {
    auto* bytes = reinterpret_cast<volatile uint8_t*>(mapped);
    uint64_t sum = 0;
    for (mach_vm_size_t i = 0; i < mapped_size; i += 4096) {
        sum += bytes[i];
        bytes[i] = bytes[i];
    }
    say("touch 0x0 %lu %s", static_cast<unsigned long>(sum), reinterpret_cast<char*>(mapped));
}

void run(const std::string& line) {
    std::istringstream in(line);
    std::string name;
    in >> name;
    std::vector<uint64_t> n;
    for (std::string word; in >> word;) n.push_back(std::stoull(word, nullptr, 0));
    n.resize(5);
    const auto type = static_cast<uint32_t>(n[0]);

    if (name == "open") return answer(name, open_service(type, &connection));
    if (name == "close") return answer(name, IOServiceClose(connection));
    if (name == "add") return answer(name, add(connection, 40, 2), "42");
    if (name == "echo") return echo(n[0]);
    if (name == "read") return read_here(n[0]);
    if (name == "map") return map_memory(type, n[1] != 0);
    if (name == "touch") return touch();
    if (name == "watch") {
        kern_return_t ret = watch(kIOPublishNotification, "published");
        if (ret == KERN_SUCCESS) ret = watch(kIOTerminatedNotification, "terminated");
        return answer(name, ret);
    }
    if (name == "cycles") return cycles(n[0], static_cast<uint32_t>(n[1]));
    if (name == "limit-files") {
        const rlimit files{n[0], n[0]};
        return answer(name, setrlimit(RLIMIT_NOFILE, &files) == 0 ? KERN_SUCCESS : kIOReturnError);
    }
    if (name == "many-open") return many.open(n[0], static_cast<uint32_t>(n[1]));
    if (name == "many-call") return many.call();
    if (name == "many-close") return many.close();
    if (name == "too-many") return too_many_words();
    if (name == "ring") return answer(name, ring.start(n[0], n[1] != 0));
    if (name == "ring-drain") return ring.go_on();
    if (name == "ring-wait") return ring.report(name, std::chrono::seconds(n[0]));
    if (name == "stream" || name == "stream-unserved") {
        return answer(name, stream.start(n[0], n[1], static_cast<uint32_t>(n[2]), n[3],
                                         name == "stream" ? served : unserved));
    }
    if (name == "stream-wait" || name == "stream-so-far") {
        const auto [taken, wrong] =
            name == "stream-wait" ? stream.wait(std::chrono::seconds(n[0])) : stream.so_far();
        return say("%s 0x0 %lu %lu", name.c_str(), static_cast<unsigned long>(taken),
                   static_cast<unsigned long>(wrong));
    }
    if (name == "who" || name == "counts") {
        uint64_t values[5] = {};
        uint32_t count = 5;
        const uint32_t selector = name == "who" ? kStrainWho : kStrainCounts;
        const kern_return_t ret =
            IOConnectCallScalarMethod(connection, selector, nullptr, 0, values, &count);
        return answer(name, ret, words(values, count));
    }
    if (name == "spin" || name == "reach") {
        const uint32_t selector = name == "spin" ? kStrainSpin : kStrainReach;
        return answer(
            name, IOConnectCallScalarMethod(connection, selector, n.data(), 1, nullptr, nullptr));
    }
    say("? %s", name.c_str());
}

}  // namespace

int main() {
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);  // some tests kill it in ways that would leave one
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    served = IONotificationPortCreate(kIOMainPortDefault);
    unserved = IONotificationPortCreate(kIOMainPortDefault);
    std::thread([] {
        CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(served),
                           kCFRunLoopDefaultMode);
        CFRunLoopRun();
    }).detach();
    say("ready %d", getpid());
    char line[256];
    while (fgets(line, sizeof line, stdin) != nullptr) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '&') {
            std::thread([text = std::string(line + 1)] { run(text); }).detach();
        } else {
            run(line);
        }
    }
    _exit(0);
}
