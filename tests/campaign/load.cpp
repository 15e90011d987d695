// SPDX-License-Identifier: Apache-2.0
// Programs of the campaign that use the drivers of subject/: a thread for each driver makes calls,
// passes records through its data queues and takes completions, and compares everything. When the
// driver dies it opens the next one, as an application would.
//
// load [US]: pauses of so many microseconds between calls (default 300); whoever waits for an
// answer of a check has none.
//
// Standard input, one answer a line:
//   use NUMBER              begins with subject-NUMBER
//   check NUMBER MS         calls, completions and records all go on: "ok PID", or what does not
//   back NUMBER PID MS      another process than PID answers: "ok PID TIME" (ns of CLOCK_MONOTONIC)
//   faults NUMBER           "ok ENDED WRONG TEXT": connections that ended, answers that were wrong
//   arm NUMBER POINT FAULT  waits for the answer
//   drop NUMBER             closes the connection, whatever it waits for
//   port 0 NAME PID MS      a serial port is served by another process than PID: "ok PID"
//   post NUMBER WHAT A B    does it without waiting: open, set, or fault A B
//   quit
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "subject/SubjectProtocol.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// The services of the drivers, as notifications tell of them.
class Services {
  public:
    Services() {
        port_ = IONotificationPortCreate(kIOMainPortDefault);
        IOServiceAddMatchingNotification(port_, kIOMatchedNotification,
                                         IOServiceMatching("Subject"), &Services::came, this,
                                         &iterator_);
        take(iterator_);
        std::thread([this] {
            CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port_),
                               kCFRunLoopDefaultMode);
            CFRunLoopRun();
        }).detach();
    }
    /// The newest service of a driver, to be released, that has another id than `other_than`.
    io_service_t wait(int number, uint64_t other_than, milliseconds limit) {
        std::unique_lock lock(mutex_);
        const auto there = [&] {
            const auto found = services_.find(number);
            return found != services_.end() && found->second.id != other_than;
        };
        if (!changed_.wait_for(lock, limit, there)) return IO_OBJECT_NULL;
        const io_service_t service = services_.at(number).service;
        IOObjectRetain(service);
        return service;
    }
    [[nodiscard]] IONotificationPortRef port() const { return port_; }

  private:
    struct Known {
        io_service_t service = IO_OBJECT_NULL;
        uint64_t id = 0;
    };
    static void came(void* self, io_iterator_t iterator) {
        static_cast<Services*>(self)->take(iterator);
    }
    void take(io_iterator_t iterator) {
        while (const io_service_t service = IOIteratorNext(iterator)) {
            io_name_t name = {};
            uint64_t id = 0;
            if (IORegistryEntryGetName(service, name) != KERN_SUCCESS ||
                IORegistryEntryGetRegistryEntryID(service, &id) != KERN_SUCCESS ||
                std::strncmp(name, "subject-", 8) != 0) {
                IOObjectRelease(service);  // it has gone already
                continue;
            }
            const std::lock_guard lock(mutex_);
            Known& known = services_[std::atoi(name + 8)];
            if (known.service != IO_OBJECT_NULL) IOObjectRelease(known.service);
            known = {service, id};
            changed_.notify_all();
        }
    }
    IONotificationPortRef port_ = nullptr;
    io_iterator_t iterator_ = IO_OBJECT_NULL;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, Known> services_;
};

class Failure {
  public:
    Failure(kern_return_t code, std::string what) : code_(code), what_(std::move(what)) {
        char text[24];
        std::snprintf(text, sizeof text, " 0x%08x ", static_cast<unsigned>(code));
        what_ += text;
        what_ += opendext_last_error_reason();
    }
    [[nodiscard]] kern_return_t code() const { return code_; }
    [[nodiscard]] const std::string& text() const { return what_; }

  private:
    kern_return_t code_;
    std::string what_;
};

std::chrono::microseconds pause_between_calls{300};

void check(kern_return_t code, const char* what) {
    if (code != KERN_SUCCESS) throw Failure(code, what);
}

/// One connection, and what has to come over it.
class Connection {
  public:
    Connection(io_service_t service, IONotificationPortRef port, uint32_t seed) : random_(seed) {
        check(IOServiceOpen(service, mach_task_self(), 0, &connection_), "IOServiceOpen");
        try {
            in_ = map(kSubjectRecordsIn);
            out_ = map(kSubjectRecordsOut);
            wake_ = IODataQueueAllocateNotificationPort();
            check(IOConnectSetNotificationPort(connection_, kSubjectRecordsOut, wake_, 0),
                  "IOConnectSetNotificationPort");
            uint64_t reference[kIOAsyncCalloutCount] = {};
            reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&completed);
            reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(state_.get());
            held_ = new std::shared_ptr<State>(state_);
            // Completions come somewhat rarer: their pace is the driver's.
            const uint64_t interval =
                std::max<uint64_t>(1000, static_cast<uint64_t>(pause_between_calls.count()));
            check(IOConnectCallAsyncScalarMethod(
                      connection_, kSubjectStream, IONotificationPortGetMachPort(port), reference,
                      kIOAsyncCalloutCount, &interval, 1, nullptr, nullptr),
                  "stream");
        } catch (...) {
            IOServiceClose(connection_);
            throw;
        }
    }
    ~Connection() {
        if (!dropped_) IOServiceClose(connection_);
        if (wake_ != 0) mach_port_deallocate(mach_task_self(), wake_);
        // A completion may be on its way still: its state stays for a while.
        graveyard().emplace_back(held_);
        if (graveyard().size() > 64) {
            delete graveyard().front();
            graveyard().erase(graveyard().begin());
        }
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void exchange() {
        const size_t size = random_() % 64 == 0 ? 5000 + random_() % 40000 : 1 + random_() % 2000;
        sent_.resize(size);
        for (size_t i = 0; i < size; i += 8) {
            const uint64_t word = next_call_ * 0x9e3779b97f4a7c15 + i;
            std::memcpy(&sent_[i], &word, std::min<size_t>(8, size - i));
        }
        ++next_call_;
        received_.assign(size, 0);
        size_t length = size;
        check(IOConnectCallStructMethod(connection_, kSubjectEcho, sent_.data(), size,
                                        received_.data(), &length),
              "echo");
        if (length != size || sent_ != received_) ++wrong_;
    }
    /// Ends what the connection waits for, from another thread. It unmaps the queues.
    void drop() {
        const std::lock_guard lock(queues_);
        dropped_ = true;
        IOServiceClose(connection_);
    }
    /// Some records in, and all that are there out.
    void pass_records() {
        const std::lock_guard lock(queues_);
        if (dropped_) throw Failure(kIOReturnNotOpen, "dropped");
        uint64_t record[8];
        for (int i = 0; i < 3; ++i) {
            fill(record, put_);
            const IOReturn ret = IODataQueueEnqueue(in_, record, sizeof record);
            if (ret == kIOReturnOverrun) break;
            check(ret, "IODataQueueEnqueue");
            ++put_;
        }
        for (;;) {
            uint64_t expected[8];
            uint32_t size = sizeof record;
            const IOReturn ret = IODataQueueDequeue(out_, record, &size);
            if (ret == kIOReturnUnderrun) break;
            check(ret, "IODataQueueDequeue");
            fill(expected, taken_);
            if (size != sizeof record || std::memcmp(record, expected, sizeof record) != 0)
                ++wrong_;
            ++taken_;
        }
    }
    [[nodiscard]] uint64_t records() const { return taken_; }
    [[nodiscard]] uint64_t completions() const { return state_->next; }
    [[nodiscard]] uint64_t wrong() const { return wrong_ + state_->wrong; }

  private:
    struct State {
        std::atomic<uint64_t> next{0};
        std::atomic<uint64_t> wrong{0};
    };
    static std::vector<std::shared_ptr<State>*>& graveyard() {
        thread_local std::vector<std::shared_ptr<State>*> held;
        return held;
    }
    static void completed(void* context, IOReturn status, void* number, void* word) {
        auto* state = static_cast<State*>(context);
        const uint64_t n = reinterpret_cast<uint64_t>(number);
        if (status != kIOReturnSuccess || n != state->next ||
            reinterpret_cast<uint64_t>(word) != n * 2654435761u) {
            ++state->wrong;
        }
        ++state->next;
    }
    static void fill(uint64_t (&record)[8], uint64_t number) {
        for (uint64_t i = 0; i < 8; ++i) record[i] = number * 0x9e3779b97f4a7c15 + i;
    }
    IODataQueueMemory* map(uint32_t type) {
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        check(IOConnectMapMemory64(connection_, type, mach_task_self(), &address, &size,
                                   kIOMapAnywhere),
              "IOConnectMapMemory64");
        return reinterpret_cast<IODataQueueMemory*>(address);
    }

    io_connect_t connection_ = IO_OBJECT_NULL;
    std::mutex queues_;
    bool dropped_ = false;
    mach_port_t wake_ = 0;
    IODataQueueMemory* in_ = nullptr;
    IODataQueueMemory* out_ = nullptr;
    std::shared_ptr<State> state_ = std::make_shared<State>();
    std::shared_ptr<State>* held_ = nullptr;
    std::mt19937 random_;
    std::vector<uint8_t> sent_;
    std::vector<uint8_t> received_;
    uint64_t next_call_ = 0;
    uint64_t put_ = 0;
    uint64_t taken_ = 0;
    uint64_t wrong_ = 0;
};

/// The application of one driver.
class User {
  public:
    User(Services& services, int number) : services_(services), number_(number) {
        thread_ = std::thread([this] { run(); });
    }
    ~User() {
        stop_ = true;
        thread_.detach();  // it may wait for a driver that hangs; the process ends now
    }
    User(const User&) = delete;
    User& operator=(const User&) = delete;

    struct Progress {
        int pid = 0;
        uint64_t calls = 0, records = 0, completions = 0, time = 0;
    };
    /// Ends what it waits for, if it waits.
    void drop() {
        const std::lock_guard lock(connecting_);
        if (connection_ != nullptr) std::exchange(connection_, nullptr)->drop();
    }
    Progress progress() {
        const std::lock_guard lock(mutex_);
        return progress_;
    }
    struct Faults {
        uint64_t ended = 0, wrong = 0;
        std::string text;
    };
    Faults faults() {
        const std::lock_guard lock(mutex_);
        return faults_;
    }
    /// Until the condition holds of the progress.
    template <typename Condition>
    bool wait(milliseconds limit, Condition condition) {
        std::unique_lock lock(mutex_);
        ++watchers_;
        hurry_.notify_all();
        const bool held = changed_.wait_for(lock, limit, [&] { return condition(progress_); });
        --watchers_;
        return held;
    }

  private:
    /// While somebody waits for progress: so that a check costs no pause of the load.
    void pause() {
        constexpr std::chrono::microseconds kShortest{100};
        std::unique_lock lock(mutex_);
        if (watchers_ == 0)
            hurry_.wait_for(lock, pause_between_calls, [this] { return watchers_ != 0; });
        lock.unlock();
        std::this_thread::sleep_for(kShortest);
    }
    struct Droppable {
        Droppable(User& owner, Connection& connection) : user(owner) { set(&connection); }
        ~Droppable() { set(nullptr); }
        Droppable(const Droppable&) = delete;
        Droppable& operator=(const Droppable&) = delete;
        void set(Connection* connection) const {
            const std::lock_guard lock(user.connecting_);
            user.connection_ = connection;
        }
        User& user;
    };
    void run() {
        uint64_t last = 0;
        while (!stop_) {
            const io_service_t service = services_.wait(number_, last, milliseconds(100));
            if (service == IO_OBJECT_NULL) {
                last = 0;  // nothing newer: the same again
                continue;
            }
            IORegistryEntryGetRegistryEntryID(service, &last);
            const int pid = opendext_service_process(service);
            try {
                Connection connection(service, services_.port(), static_cast<uint32_t>(last));
                const Droppable droppable(*this, connection);
                use(connection, pid);
            } catch (const Failure& failure) {
                const std::lock_guard lock(mutex_);
                ++faults_.ended;
                faults_.text = failure.text();
            }
            IOObjectRelease(service);
        }
    }
    void use(Connection& connection, int pid) {
        uint64_t wrong = 0;
        for (uint64_t calls = 1; !stop_; ++calls) {
            connection.exchange();
            connection.pass_records();
            {
                const std::lock_guard lock(mutex_);
                faults_.wrong += connection.wrong() - wrong;
                wrong = connection.wrong();
                progress_ = {pid, calls, connection.records(), connection.completions(), now_ns()};
            }
            changed_.notify_all();
            pause();
        }
    }

    Services& services_;
    int number_;
    std::atomic<bool> stop_ = false;
    std::mutex connecting_;
    Connection* connection_ = nullptr;  ///< what may be dropped
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable hurry_;  ///< somebody waits for progress
    int watchers_ = 0;
    Progress progress_;
    Faults faults_;
};

/// Connections that are opened for one thing only.
class Once {
  public:
    explicit Once(Services& services, int number)
        : service_(services.wait(number, 0, milliseconds(10'000))) {}
    ~Once() {
        if (connection_ != IO_OBJECT_NULL) IOServiceClose(connection_);
        if (service_ != IO_OBJECT_NULL) IOObjectRelease(service_);
    }
    Once(const Once&) = delete;
    Once& operator=(const Once&) = delete;
    kern_return_t open() { return IOServiceOpen(service_, mach_task_self(), 0, &connection_); }
    kern_return_t call(uint32_t selector, uint64_t a, uint64_t b) {
        const kern_return_t opened = open();
        if (opened != KERN_SUCCESS) return opened;
        const uint64_t in[2] = {a, b};
        return IOConnectCallScalarMethod(connection_, selector, in, 2, nullptr, nullptr);
    }
    kern_return_t map() {
        const kern_return_t opened = open();
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        return opened != KERN_SUCCESS
                   ? opened
                   : IOConnectMapMemory64(connection_, kSubjectRecordsIn, mach_task_self(),
                                          &address, &size, kIOMapAnywhere);
    }
    kern_return_t set() {
        const int value = 1;
        CFNumberRef number = CFNumberCreate(nullptr, kCFNumberIntType, &value);
        const kern_return_t ret =
            IORegistryEntrySetCFProperty(service_, CFSTR("SubjectSet"), number);
        CFRelease(number);
        return ret;
    }

  private:
    io_service_t service_;
    io_connect_t connection_ = IO_OBJECT_NULL;
};

void post(Services& services, int number, const std::string& what, uint64_t a, uint64_t b) {
    std::thread([&services, number, what, a, b] {
        Once once(services, number);
        if (what == "open") static_cast<void>(once.open());
        if (what == "map") static_cast<void>(once.map());
        if (what == "set") static_cast<void>(once.set());
        if (what == "fault") static_cast<void>(once.call(kSubjectFault, a, b));
    }).detach();
}

class Program {
  public:
    void run() {
        for (std::string line; std::getline(std::cin, line);) {
            std::istringstream words(line);
            std::string order;
            int number = 0;
            words >> order >> number;
            if (order == "quit") break;
            std::cout << carry_out(order, number, words) << std::endl;
        }
        std::_Exit(0);  // whatever hangs
    }

  private:
    std::string carry_out(const std::string& order, int number, std::istringstream& words) {
        if (order == "use") {
            users_.emplace(number, std::make_unique<User>(services_, number));
            return "ok";
        }
        if (order == "post") {
            std::string what;
            uint64_t a = 0;
            uint64_t b = 0;
            words >> what >> a >> b;
            post(services_, number, what, a, b);
            return "ok";
        }
        if (order == "arm") {
            uint64_t point = 0;
            uint64_t fault = 0;
            words >> point >> fault;
            Once once(services_, number);
            const kern_return_t ret = once.call(kSubjectArm, point, fault);
            return ret == KERN_SUCCESS ? "ok" : Failure(ret, "arm").text();
        }
        if (order == "port") {
            std::string name;
            int pid = 0;
            int64_t limit = 0;
            words >> name >> pid >> limit;
            return port(name, pid, milliseconds(limit));
        }
        const auto found = users_.find(number);
        if (found == users_.end()) return "there is no such user";
        User& user = *found->second;
        if (order == "faults") {
            const User::Faults faults = user.faults();
            return "ok " + std::to_string(faults.ended) + " " + std::to_string(faults.wrong) + " " +
                   faults.text;
        }
        if (order == "drop") {
            user.drop();
            return "ok";
        }
        int pid = 0;
        int64_t limit = 0;
        if (order == "back") words >> pid;
        words >> limit;
        return order == "back" ? back(user, pid, milliseconds(limit))
                               : advances(user, milliseconds(limit));
    }
    /// The process of the driver below the port's client.
    static int port_process(const std::string& name) {
        CFMutableDictionaryRef matching = IOServiceMatching("IOSerialBSDClient");
        CFStringRef text = CFStringCreateWithCString(nullptr, name.c_str(), kCFStringEncodingUTF8);
        const void* keys[] = {CFSTR("IOTTYBaseName")};
        const void* values[] = {text};
        CFDictionaryRef properties =
            CFDictionaryCreate(nullptr, keys, values, 1, &kCFTypeDictionaryKeyCallBacks,
                               &kCFTypeDictionaryValueCallBacks);
        CFDictionarySetValue(matching, CFSTR("IOPropertyMatch"), properties);
        CFRelease(properties);
        CFRelease(text);
        const io_service_t client = IOServiceGetMatchingService(kIOMainPortDefault, matching);
        io_registry_entry_t driver = IO_OBJECT_NULL;
        int pid = 0;
        if (client != IO_OBJECT_NULL &&
            IORegistryEntryGetParentEntry(client, kIOServicePlane, &driver) == KERN_SUCCESS) {
            pid = opendext_service_process(driver);
            IOObjectRelease(driver);
        }
        if (client != IO_OBJECT_NULL) IOObjectRelease(client);
        return pid;
    }
    static std::string port(const std::string& name, int other_than, milliseconds limit) {
        const auto end = steady_clock::now() + limit;
        for (;;) {
            const int pid = port_process(name);
            if (pid != 0 && pid != other_than) return "ok " + std::to_string(pid);
            if (steady_clock::now() > end)
                return "no other process than " + std::to_string(other_than) + " serves " + name;
            std::this_thread::sleep_for(milliseconds(1));
        }
    }
    static std::string back(User& user, int pid, milliseconds limit) {
        if (!user.wait(limit, [pid](const User::Progress& now) { return now.pid != pid; }))
            return "no other process than " + std::to_string(pid) +
                   " answers; last: " + user.faults().text;
        const User::Progress now = user.progress();
        return "ok " + std::to_string(now.pid) + " " + std::to_string(now.time);
    }
    static std::string advances(User& user, milliseconds limit) {
        const User::Progress before = user.progress();
        const bool ok = user.wait(limit, [&](const User::Progress& now) {
            const bool same = now.pid == before.pid && now.calls > before.calls;
            const uint64_t records = same ? before.records : 0;
            const uint64_t completions = same ? before.completions : 0;
            return now.time > before.time && now.records > records && now.completions > completions;
        });
        const User::Progress now = user.progress();
        if (ok) return "ok " + std::to_string(now.pid);
        return "it stands still: process " + std::to_string(now.pid) + ", calls " +
               std::to_string(before.calls) + " to " + std::to_string(now.calls) + ", records " +
               std::to_string(before.records) + " to " + std::to_string(now.records) +
               ", completions " + std::to_string(before.completions) + " to " +
               std::to_string(now.completions) + "; last: " + user.faults().text;
    }

    Services services_;
    std::map<int, std::unique_ptr<User>> users_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) pause_between_calls = std::chrono::microseconds(std::stoul(argv[1]));
    Program().run();
}
