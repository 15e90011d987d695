// SPDX-License-Identifier: Apache-2.0
// Programs of the campaign that use HID devices: a thread for each device sends reports, asks for
// some, and looks whether what comes is whole and in order. When the device goes it opens the next
// one of that name. Pads (input/InputPad.cpp) are played by drivers, keyboards by player.cpp.
//
// reader US: pauses of so many microseconds.
//
// Standard input, one answer a line; NAME is the product:
//   use NAME                begins
//   check NAME MS           it goes on: "ok PID" (of the driver that plays it, or 0), or what does
//   not back NAME PID MS        another process than PID plays it: "ok PID TIME" (ns of
//   CLOCK_MONOTONIC) faults NAME             "ok ENDED WRONG TEXT": times the device went or
//   refused, reports out of order or lost forgive NAME            forgets these arm NAME POINT
//   FAULT    of a pad, with an open of its own burst NAME COUNT        so many inputs of a pad ask
//   NAME                a get of a pad, without waiting set NAME                a property of the
//   keyboard's driver, without waiting driver NAME PID MS      the process of the driver on the
//   device's interface, another than PID: "ok PID" hold NAME 0|1           opens it, 1: seizes it;
//   it is never closed
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/hid/IOHIDDevice.h>
#include <IOKit/hid/IOHIDKeys.h>
#include <opendext/client.h>
#include <opendext/hid.h>
#include <time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "input/InputProtocol.h"

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

microseconds pause_between{300};
// After this a report that was announced is lost.
milliseconds report_limit{20'000};

uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

class Failure {
  public:
    Failure(kern_return_t code, const std::string& what) {
        char text[24];
        std::snprintf(text, sizeof text, " 0x%08x ", static_cast<unsigned>(code));
        text_ = what + text + opendext_last_error_reason();
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

void check(kern_return_t code, const char* what) {
    if (code != kIOReturnSuccess) throw Failure(code, what);
}

io_service_t find(const char* class_name, const std::string& product) {
    CFMutableDictionaryRef matching = IOServiceMatching(class_name);
    CFStringRef text = CFStringCreateWithCString(nullptr, product.c_str(), kCFStringEncodingUTF8);
    const void* keys[] = {CFSTR("Product")};
    const void* values[] = {text};
    CFDictionaryRef properties = CFDictionaryCreate(
        nullptr, keys, values, 1, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFDictionarySetValue(matching, CFSTR("IOPropertyMatch"), properties);
    CFRelease(properties);
    CFRelease(text);
    return IOServiceGetMatchingService(kIOMainPortDefault, matching);
}

/// The driver on the interface of a device, to be released.
io_service_t driver_of(const std::string& product) {
    const io_service_t interface = find("IOHIDInterface", product);
    if (interface == IO_OBJECT_NULL) return IO_OBJECT_NULL;
    io_registry_entry_t child = IO_OBJECT_NULL;
    if (IORegistryEntryGetChildEntry(interface, kIOServicePlane, &child) != KERN_SUCCESS)
        child = IO_OBJECT_NULL;
    IOObjectRelease(interface);
    return child;
}

/// The driver that plays a device; 0: a program does.
int player_of(io_service_t device) {
    const int own = opendext_service_process(device);
    if (own != 0) return own;
    io_registry_entry_t parent = IO_OBJECT_NULL;
    if (IORegistryEntryGetParentEntry(device, kIOServicePlane, &parent) != KERN_SUCCESS) return 0;
    const int pid = opendext_service_process(parent);
    IOObjectRelease(parent);
    return pid;
}

uint32_t number_at(const uint8_t* report, size_t at) {
    uint32_t number = 0;
    std::memcpy(&number, report + at, sizeof number);
    return number;
}

/// A device that is open.
class Opened {
  public:
    Opened(io_service_t service, IOOptionBits options)
        : device_(IOHIDDeviceCreate(nullptr, service)) {
        if (device_ == nullptr) throw Failure(kIOReturnNoDevice, "IOHIDDeviceCreate");
        const IOReturn ret = IOHIDDeviceOpen(device_, options);
        if (ret == kIOReturnSuccess) return;
        const Failure failure(ret, "IOHIDDeviceOpen");
        CFRelease(device_);
        throw failure;
    }
    ~Opened() {
        static_cast<void>(IOHIDDeviceClose(device_, 0));
        CFRelease(device_);
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    [[nodiscard]] IOHIDDeviceRef get() const { return device_; }
    void pad(uint8_t kind, uint8_t point, uint8_t fault, uint8_t count, uint32_t sequence,
             uint32_t token) const {
        std::array<uint8_t, kInputReportSize> report{kind, point, fault, count};
        std::memcpy(&report[kPadSequenceAt], &sequence, sizeof sequence);
        std::memcpy(&report[kPadTokenAt], &token, sizeof token);
        const uint32_t total = kind == kPadArm ? kInputArms : 0;
        std::memcpy(&report[kPadTotalAt], &total, sizeof total);
        check(
            IOHIDDeviceSetReport(device_, kIOHIDReportTypeOutput, 0, report.data(), report.size()),
            "set of a pad");
    }
    void feature_of_program() const {
        const std::array<uint8_t, kInputFeatureSize> report{kKeysOfProgram};
        check(
            IOHIDDeviceSetReport(device_, kIOHIDReportTypeFeature, 0, report.data(), report.size()),
            "set of a keyboard");
    }
    [[nodiscard]] std::array<uint8_t, kInputFeatureSize> feature() const {
        std::array<uint8_t, kInputFeatureSize> report{};
        CFIndex length = report.size();
        check(IOHIDDeviceGetReport(device_, kIOHIDReportTypeFeature, 0, report.data(), &length),
              "get");
        if (length != report.size())
            throw Failure(kIOReturnUnderrun, "get of " + std::to_string(length) + " bytes");
        return report;
    }

  private:
    IOHIDDeviceRef device_;
};

/// Uses a device as long as there is one of its name.
class User {
  public:
    struct Progress {
        int pid = 0;
        uint64_t rounds = 0, inputs = 0, time = 0;
    };

    explicit User(std::string name) : name_(std::move(name)), pad_(name_.rfind("pad", 0) == 0) {
        thread_ = std::thread([this] { run(); });
    }
    std::string check(milliseconds limit) {
        std::unique_lock lock(mutex_);
        const Progress before = progress_;
        const bool ok = hurried(lock, limit, [&] {
            return progress_.rounds > before.rounds + 1 && progress_.inputs > before.inputs &&
                   connected_;
        });
        if (ok) return "ok " + std::to_string(progress_.pid);
        return name_ + " stands still for a program: process " + std::to_string(progress_.pid) +
               ", rounds " + std::to_string(before.rounds) + " to " +
               std::to_string(progress_.rounds) + ", inputs " + std::to_string(before.inputs) +
               " to " + std::to_string(progress_.inputs) + "; last: " + text_;
    }
    std::string back(int other_than, milliseconds limit) {
        std::unique_lock lock(mutex_);
        const bool ok = hurried(lock, limit, [&] {
            return connected_ && progress_.pid != other_than && first_ns_ != 0;
        });
        if (ok) return "ok " + std::to_string(progress_.pid) + " " + std::to_string(first_ns_);
        return "no other process than " + std::to_string(other_than) + " plays " + name_ +
               "; last: " + text_;
    }
    std::string faults() {
        const std::lock_guard lock(mutex_);
        return "ok " + std::to_string(ended_) + " " + std::to_string(wrong_) + " " + text_;
    }
    std::string forgive() {
        const std::lock_guard lock(mutex_);
        ended_ = wrong_ = 0;
        text_.clear();
        return "ok";
    }

  private:
    template <typename Condition>
    bool hurried(std::unique_lock<std::mutex>& lock, milliseconds limit, Condition condition) {
        ++watchers_;
        changed_.notify_all();
        const bool held = changed_.wait_for(lock, limit, condition);
        --watchers_;
        return held;
    }
    void run() {
        uint64_t last = 0;
        for (;;) {
            const io_service_t service = find("IOHIDDevice", name_);
            uint64_t id = 0;
            if (service != IO_OBJECT_NULL) IORegistryEntryGetRegistryEntryID(service, &id);
            if (service == IO_OBJECT_NULL || id == last) {
                // One that went is listed for a moment yet; one that only refused is tried again.
                last = 0;
                if (service != IO_OBJECT_NULL) IOObjectRelease(service);
                std::this_thread::sleep_for(milliseconds(2));
                continue;
            }
            last = id;
            try {
                use(service);
            } catch (const Failure& failure) {
                const std::lock_guard lock(mutex_);
                ++ended_;
                text_ = failure.text();
            }
            {
                const std::lock_guard lock(mutex_);
                connected_ = false;
            }
            IOObjectRelease(service);
        }
    }
    void use(io_service_t service) {
        const Opened device(service, 0);
        const int pid = player_of(service);
        static std::atomic<uint32_t> tokens{static_cast<uint32_t>(now_ns())};
        token_ = ++tokens;
        sequence_ = input_sequence_ = input_total_ = 0;
        dropped_ = 0;
        removed_ = false;
        {
            const std::lock_guard lock(mutex_);
            connected_ = true;
            progress_.pid = pid;
            first_ns_ = 0;
        }
        device_ = device.get();
        IOHIDDeviceRegisterInputReportCallback(device.get(), buffer_.data(), buffer_.size(),
                                               &User::came, this);
        IOHIDDeviceRegisterRemovalCallback(
            device.get(),
            [](void* self, IOReturn, void*) { static_cast<User*>(self)->removed_ = true; }, this);
        IOHIDDeviceScheduleWithRunLoop(device.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
        struct Scheduled {
            IOHIDDeviceRef device;
            ~Scheduled() {
                IOHIDDeviceUnscheduleFromRunLoop(device, CFRunLoopGetCurrent(),
                                                 kCFRunLoopDefaultMode);
            }
        } const scheduled{device.get()};
        for (uint64_t round = 1; !removed_; ++round) {
            if (pad_) {
                exchange_with_pad(device, round);
            } else {
                exchange_with_keyboard(device, round);
            }
            {
                const std::lock_guard lock(mutex_);
                ++progress_.rounds;
                progress_.time = now_ns();
                if (first_ns_ == 0) first_ns_ = progress_.time;
            }
            changed_.notify_all();
            pause();
        }
        throw Failure(kIOReturnNoDevice, "the device was removed:");
    }
    void exchange_with_pad(const Opened& device, uint64_t round) {
        const uint32_t sequence = ++sequence_;
        device.pad(kPadEcho, 0, 0, 0, sequence, token_);
        const auto end = steady_clock::now() + report_limit;
        while (input_sequence_ < sequence && !removed_) {
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, true);
            if (steady_clock::now() < end) continue;
            wrong("input report " + std::to_string(sequence) + " did not come");
            input_sequence_ = sequence;
        }
        if (round % 8 == 0 && !removed_) {
            const auto state = device.feature();
            if (state[0] != kPadMagic)
                wrong("a feature report begins with " + std::to_string(state[0]));
        }
    }
    void exchange_with_keyboard(const Opened& device, uint64_t round) {
        if (round % 4 == 0) device.feature_of_program();
        if (round % 4 == 2) {
            const auto state = device.feature();
            if (state[0] != kKeysState)
                wrong("a feature report begins with " + std::to_string(state[0]));
        }
        while (CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.001, true) ==
                   kCFRunLoopRunHandledSource &&
               !removed_) {
        }
    }
    static void came(void* self, IOReturn, void*, IOHIDReportType, uint32_t, uint8_t* report,
                     CFIndex length) {
        static_cast<User*>(self)->take(report, static_cast<size_t>(length));
    }
    /// What comes comes in order, and nothing is missing but what was dropped.
    void take(const uint8_t* report, size_t length) {
        {
            const std::lock_guard lock(mutex_);
            ++progress_.inputs;
        }
        if (length != kInputReportSize)
            return wrong("a report of " + std::to_string(length) + " bytes");
        if (!pad_ && report[kKeysKindAt] != kKeysOrdinary) return;
        const uint32_t number =
            number_at(report, pad_ ? size_t{kPadTotalAt} : size_t{kKeysSequenceAt});
        const uint64_t dropped = opendext_hid_dropped(device_);
        if (input_total_ != 0 && number != input_total_ + 1) {
            if (number <= input_total_ || number - input_total_ - 1 > dropped - dropped_)
                wrong("report " + std::to_string(number) + " came after " +
                      std::to_string(input_total_) + ", " + std::to_string(dropped - dropped_) +
                      " were dropped");
        }
        dropped_ = dropped;
        input_total_ = number;
        if (!pad_ || report[0] != kPadEcho || number_at(report, kPadTokenAt) != token_) return;
        const uint32_t sequence = number_at(report, kPadSequenceAt);
        if (sequence != input_sequence_ + 1)
            wrong("input " + std::to_string(sequence) + " after " +
                  std::to_string(input_sequence_));
        input_sequence_ = sequence;
    }
    void wrong(std::string what) {
        const std::lock_guard lock(mutex_);
        ++wrong_;
        text_ = std::move(what);
    }
    /// While somebody waits for progress: so that a check costs no pause of the load.
    void pause() {
        std::unique_lock lock(mutex_);
        if (watchers_ == 0)
            changed_.wait_for(lock, pause_between, [this] { return watchers_ != 0; });
        lock.unlock();
        std::this_thread::sleep_for(microseconds(100));
    }

    const std::string name_;
    const bool pad_;
    // Of the thread.
    IOHIDDeviceRef device_ = nullptr;
    std::array<uint8_t, 64> buffer_{};
    bool removed_ = false;
    uint32_t token_ = 0, sequence_ = 0, input_sequence_ = 0, input_total_ = 0;
    uint64_t dropped_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    int watchers_ = 0;
    bool connected_ = false;
    Progress progress_;
    uint64_t first_ns_ = 0;  ///< when the first round with this device was over
    uint64_t ended_ = 0, wrong_ = 0;
    std::string text_;
    std::thread thread_;
};

class Program {
  public:
    std::string carry_out(std::istringstream& words) {
        std::string order;
        std::string name;
        int64_t a = 0;
        int64_t b = 0;
        words >> order >> name >> a >> b;
        if (order == "use") {
            users_.emplace(name, std::make_unique<User>(name));
            return "ok";
        }
        if (order == "arm") {
            return once(name, [&](const Opened& device) {
                device.pad(kPadArm, static_cast<uint8_t>(a), static_cast<uint8_t>(b), 0, 0, 0);
            });
        }
        if (order == "burst") {
            return once(name, [&](const Opened& device) {
                device.pad(kPadBurst, 0, 0, static_cast<uint8_t>(a), 0, 0);
            });
        }
        if (order == "ask") {
            std::thread([name] {
                static_cast<void>(
                    once(name, [](const Opened& device) { static_cast<void>(device.feature()); }));
            }).detach();
            return "ok";
        }
        if (order == "set") return set(name);
        if (order == "driver") return driver(name, static_cast<int>(a), milliseconds(b));
        if (order == "hold") return hold(name, a != 0);
        const auto found = users_.find(name);
        if (found == users_.end()) return "there is no such user or order";
        User& user = *found->second;
        if (order == "check") return user.check(milliseconds(a));
        if (order == "back") return user.back(static_cast<int>(a), milliseconds(b));
        if (order == "faults") return user.faults();
        if (order == "forgive") return user.forgive();
        return "there is no order " + order;
    }

  private:
    static std::string once(const std::string& name,
                            const std::function<void(const Opened&)>& what) {
        const io_service_t service = find("IOHIDDevice", name);
        if (service == IO_OBJECT_NULL) return "there is no " + name;
        std::string said = "ok";
        try {
            const Opened device(service, 0);
            what(device);
        } catch (const Failure& failure) {
            said = failure.text();
        }
        IOObjectRelease(service);
        return said;
    }
    static std::string set(const std::string& name) {
        const io_service_t service = driver_of(name);
        if (service == IO_OBJECT_NULL) return name + " has no driver";
        std::thread([service] {
            const int value = 1;
            CFNumberRef number = CFNumberCreate(nullptr, kCFNumberIntType, &value);
            static_cast<void>(IORegistryEntrySetCFProperty(service, CFSTR("CampaignSet"), number));
            CFRelease(number);
            IOObjectRelease(service);
        }).detach();
        return "ok";
    }
    static std::string driver(const std::string& name, int other_than, milliseconds limit) {
        const auto end = steady_clock::now() + limit;
        for (;;) {
            const io_service_t service = driver_of(name);
            const int pid = service == IO_OBJECT_NULL ? 0 : opendext_service_process(service);
            if (service != IO_OBJECT_NULL) IOObjectRelease(service);
            if (pid != 0 && pid != other_than) return "ok " + std::to_string(pid);
            if (steady_clock::now() > end)
                return name + " has no other driver than " + std::to_string(other_than);
            std::this_thread::sleep_for(milliseconds(2));
        }
    }
    std::string hold(const std::string& name, bool seize) {
        const io_service_t service = find("IOHIDDevice", name);
        if (service == IO_OBJECT_NULL) return "there is no " + name;
        std::string said = "ok";
        try {
            held_.push_back(
                std::make_unique<Opened>(service, seize ? kIOHIDOptionsTypeSeizeDevice : 0));
        } catch (const Failure& failure) {
            said = failure.text();
        }
        IOObjectRelease(service);
        return said;
    }

    std::map<std::string, std::unique_ptr<User>> users_;
    std::vector<std::unique_ptr<Opened>> held_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) pause_between = microseconds(std::stoul(argv[1]));
    if (const char* patience = std::getenv("OPENDEXT_TEST_PATIENCE"))
        report_limit = milliseconds(static_cast<int64_t>(20'000 * std::atof(patience)));
    Program program;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::cout << program.carry_out(words) << std::endl;
    }
    std::_Exit(0);  // whatever hangs
}
