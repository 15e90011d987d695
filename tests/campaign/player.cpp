// SPDX-License-Identifier: Apache-2.0
// Plays a simulated keyboard of the campaign: sends reports with numbers, and looks whether the
// driver (input/InputKeys.cpp) answers them in order. Some reports wait for their answers; those
// that do not come in time are given up.
//
// player NAME NUMBER US MS: pauses of so many microseconds between reports; requests of its users
// time out after so many milliseconds.
//
// Standard input, one answer a line:
//   plug              begins: "ok ENTRY"
//   check MS          the driver answers what is sent from now on: "ok PID", or what does not
//   back PID MS       another process than PID answers: "ok PID TIME" (ns of CLOCK_MONOTONIC)
//   faults            "ok DRIVERS DISORDERED MISSING UNPLUGGED TEXT": drivers that came, answers
//   out of order,
//                     reports that a driver got and did not answer, times that opendextd ended the
//                     device
//   forgive           forgets these
//   arm POINT FAULT   with the next report; waits until that is on its way
//   flood N           so many reports at once, which nobody answers
//   mute 0|1          1: feature reports are taken and never answered
//   replug            unplugs the device and plugs it in again: "ok ENTRY"
//   users             "ok N": how many have it open
//   greet             asks opendextd something, so that there is a connection to it
#include <time.h>
#include <opendext/hid_device.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "input/InputProtocol.h"

namespace {

namespace io = opendext::iokit;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint32_t kWindow = 8;
constexpr auto kGiveUp = milliseconds(1000);
constexpr auto kLimit = milliseconds(30'000);
// A boot keyboard with eight more bytes in, and a feature report of eight.
constexpr uint8_t kDescriptor[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25,
    0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x75, 0x08, 0x95, 0x01, 0x81, 0x01, 0x05, 0x08,
    0x19, 0x01, 0x29, 0x05, 0x75, 0x01, 0x95, 0x05, 0x91, 0x02, 0x75, 0x03, 0x95, 0x01, 0x91,
    0x01, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x15, 0x00, 0x25, 0x65, 0x75, 0x08, 0x95, 0x06,
    0x81, 0x00, 0x06, 0x00, 0xff, 0x09, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95,
    0x08, 0x81, 0x02, 0x09, 0x02, 0x95, 0x08, 0xb1, 0x02, 0xc0};

uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

using Report = std::array<uint8_t, kInputReportSize>;

Report report(uint32_t sequence, uint8_t kind) {
    Report made{};
    made[0] = sequence % 7 == 0 ? 2 : 0;                    // left shift
    made[2] = static_cast<uint8_t>(4 + sequence / 2 % 26);  // a letter, down and up
    if (sequence % 2 == 1) made[2] = 0;
    std::memcpy(&made[kKeysSequenceAt], &sequence, sizeof sequence);
    made[kKeysKindAt] = kind;
    return made;
}

class Player {
  public:
    Player(std::string name, int64_t number, int64_t pace_us, int64_t timeout_ms)
        : name_(std::move(name)), number_(number), pace_(pace_us), timeout_us_(timeout_ms * 1000) {}

    std::string plug() {
        const std::string made = make();
        if (!sender_.joinable()) sender_ = std::thread([this] { send(); });
        return made;
    }
    std::string replug() {
        {
            const std::lock_guard lock(device_mutex_);
            device_.reset();
        }
        return make();
    }
    std::string check(milliseconds limit) {
        std::unique_lock lock(mutex_);
        const uint32_t from = next_;
        const bool goes_on = hurried(lock, limit, [&] { return echoed_ >= from; });
        if (goes_on) return "ok " + std::to_string(pid_);
        return name_ + " stands still: driver " + std::to_string(pid_) + ", sent " +
               std::to_string(next_ - 1) + ", answered " + std::to_string(echoed_) + "; " + text_;
    }
    std::string back(int32_t other_than, milliseconds limit) {
        std::unique_lock lock(mutex_);
        const bool there = hurried(
            lock, limit, [&] { return !drivers_.empty() && pid_ != other_than && first_ns_ != 0; });
        if (there) return "ok " + std::to_string(pid_) + " " + std::to_string(first_ns_);
        return "no other driver than " + std::to_string(other_than) + " answers " + name_ + "; " +
               text_;
    }
    std::string faults() {
        const std::lock_guard lock(mutex_);
        std::ostringstream out;
        out << "ok " << came_ << " " << disordered_ << " " << missing_ << " " << unplugged_times_
            << " " << text_;
        return out.str();
    }
    std::string forgive() {
        const std::lock_guard lock(mutex_);
        disordered_ = missing_ = unplugged_times_ = 0;
        text_.clear();
        return "ok";
    }
    std::string arm(uint8_t point, uint8_t fault) {
        std::unique_lock lock(mutex_);
        armed_ = {point, fault};
        arming_ = true;
        const bool sent = hurried(lock, kLimit, [this] { return !arming_; });
        return sent ? "ok" : "no report could be sent";
    }
    std::string flood(uint32_t count) {
        const std::lock_guard lock(device_mutex_);
        for (uint32_t i = 0; device_ && i < count; ++i)
            static_cast<void>(device_->send(report(i, kKeysNoise)));
        return "ok";
    }
    std::string mute(bool on) {
        mute_ = on;
        return "ok";
    }
    std::string users() {
        const std::lock_guard lock(device_mutex_);
        return "ok " + std::to_string(device_ ? device_->users() : 0);
    }

  private:
    struct Armed {
        uint8_t point = kInputNowhere, fault = 0;
    };

    std::string make() {
        io::HidDevice::Functions functions;
        functions.set_report = [this](const io::HidRequest& request) { return set(request); };
        functions.get_report = [this](const io::HidRequest&) {
            std::vector<uint8_t> state(kInputFeatureSize);
            state[0] = kKeysState;
            std::memcpy(&state[kKeysFeatureSequenceAt], &++gets_, sizeof gets_);
            return io::HidAnswer::report(std::move(state));
        };
        functions.user = [this](const io::HidUser& user, bool present) { changed(user, present); };
        functions.unplugged = [this] {
            const std::lock_guard lock(mutex_);
            ++unplugged_times_;
            text_ = "opendextd ended the device";
            unplugged_ = true;
            hurry_.notify_all();
        };
        {
            const std::lock_guard lock(mutex_);
            drivers_.clear();
            unplugged_ = false;
        }
        auto made = io::HidDevice::create(kDescriptor,
                                          {{"Product", name_},
                                           {"VendorID", 0x1209},
                                           {"ProductID", 0xca},
                                           {"CampaignNumber", number_},
                                           {"RequestTimeout", timeout_us_}},
                                          std::move(functions));
        if (!made) return "plugging " + name_ + ": " + made.error().text();
        const std::lock_guard lock(device_mutex_);
        device_.emplace(std::move(*made));
        return "ok " + std::to_string(device_->entry());
    }

    /// A driver or a program came or went; drivers have names with a dot, of their bundles.
    void changed(const io::HidUser& user, bool present) {
        const std::lock_guard lock(mutex_);
        if (user.name.find("InputKeys") == std::string::npos) return;
        if (!present) {
            drivers_.erase(user.number);
        } else {
            drivers_.insert(user.number);
            ++came_;
            pid_ = user.pid;
            first_ns_ = 0;
            fresh_ = true;
            base_ = next_ - 1;
        }
        hurry_.notify_all();
    }

    io::HidAnswer set(const io::HidRequest& request) {
        if (request.type != kIOHIDReportTypeFeature) return io::HidAnswer::taken();
        if (mute_) return io::HidAnswer::later();
        if (request.report.size() >= kInputFeatureSize && request.report[0] == kKeysEcho) {
            uint32_t sequence = 0;
            std::memcpy(&sequence, &request.report[kKeysFeatureSequenceAt], sizeof sequence);
            echoed(sequence);
        }
        return io::HidAnswer::taken();
    }

    void echoed(uint32_t sequence) {
        const std::lock_guard lock(mutex_);
        // What a driver sent that has died may come when the next one answers already.
        const bool surely = drivers_.size() == 1 && !fresh_;
        if (sequence >= next_) {
            ++disordered_;
            text_ = "answer to " + std::to_string(sequence) + ", which was not sent";
            return;
        }
        if (sequence <= echoed_) {
            if (!surely) return;
            ++disordered_;
            text_ = "answer to " + std::to_string(sequence) + " after that to " +
                    std::to_string(echoed_);
            return;
        }
        if (surely && sequence != echoed_ + 1) {
            missing_ += sequence - echoed_ - 1;
            text_ =
                "no answer between " + std::to_string(echoed_) + " and " + std::to_string(sequence);
        }
        echoed_ = sequence;
        fresh_ = false;
        if (first_ns_ == 0) first_ns_ = now_ns();
        moved_ = steady_clock::now();
        hurry_.notify_all();
    }

    template <typename Condition>
    bool hurried(std::unique_lock<std::mutex>& lock, milliseconds limit, Condition condition) {
        ++watchers_;
        hurry_.notify_all();
        const bool held = hurry_.wait_for(lock, limit, condition);
        --watchers_;
        return held;
    }

    /// Sends for ever.
    void send() {
        for (;;) {
            const std::optional<Report> next = next_report();
            if (!next) {
                make_again();
                continue;
            }
            {
                const std::lock_guard lock(device_mutex_);
                if (device_) static_cast<void>(device_->send(*next));
            }
            if ((*next)[kKeysPointAt] == kInputNowhere) continue;
            const std::lock_guard lock(mutex_);
            arming_ = false;
            hurry_.notify_all();
        }
    }
    void make_again() {
        {
            const std::lock_guard lock(device_mutex_);
            device_.reset();
        }
        while (make().rfind("ok", 0) != 0) std::this_thread::sleep_for(milliseconds(20));
    }
    /// Waits until it is time for one; none: the device has to be plugged in again.
    std::optional<Report> next_report() {
        std::unique_lock lock(mutex_);
        if (watchers_ == 0) {
            hurry_.wait_for(lock, pace_, [this] { return watchers_ != 0 || unplugged_; });
        } else {
            // Not faster than this, or a check would cost all there is of the machine.
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::microseconds(100));
            lock.lock();
        }
        const auto room = [this] {
            return unplugged_ || drivers_.empty() || next_ - 1 - std::max(base_, echoed_) < kWindow;
        };
        if (!hurry_.wait_until(lock, moved_ + kGiveUp, room) && !room()) {
            base_ = next_ - 1;
            moved_ = steady_clock::now();
        }
        if (unplugged_) return std::nullopt;
        // Nobody answers: programs may read.
        if (drivers_.empty())
            hurry_.wait_for(lock, milliseconds(5), [this] { return !drivers_.empty(); });
        if (next_ - 1 == std::max(base_, echoed_)) moved_ = steady_clock::now();
        Report made = report(next_++, kKeysOrdinary);
        const Armed armed = std::exchange(armed_, {});
        if (armed.point != kInputNowhere) {
            made[kKeysArmsAt] = kInputArms & 0xff;
            made[kKeysArmsTooAt] = kInputArms >> 8 & 0xff;
        }
        made[kKeysPointAt] = armed.point;
        made[kKeysFaultAt] = armed.fault;
        return made;
    }

    const std::string name_;
    const int64_t number_;
    const std::chrono::microseconds pace_;
    const int64_t timeout_us_;
    std::atomic<bool> mute_ = false;
    uint32_t gets_ = 0;  ///< of the device's thread

    std::mutex device_mutex_;  ///< never taken while mutex_ is held
    std::optional<io::HidDevice> device_;

    std::mutex mutex_;
    std::condition_variable hurry_;
    int watchers_ = 0;            ///< who waits for answers
    std::set<uint32_t> drivers_;  ///< users that are drivers
    bool unplugged_ = false;
    bool fresh_ = true;  ///< the first answer of a driver is to come
    int32_t pid_ = 0;
    uint64_t first_ns_ = 0;  ///< of the first answer of this driver
    uint32_t next_ = 1, echoed_ = 0;
    uint32_t base_ = 0;  ///< answers up to here are not waited for
    steady_clock::time_point moved_ = steady_clock::now();
    Armed armed_;
    bool arming_ = false;  ///< that report is not on its way yet
    uint64_t came_ = 0, disordered_ = 0, missing_ = 0, unplugged_times_ = 0;
    std::string text_;
    std::thread sender_;
};

std::string greet() {
    const io_service_t root =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("IOHIDUserDevice"));
    if (root == IO_OBJECT_NULL) return "opendextd knows no device";
    IOObjectRelease(root);
    return "ok";
}

std::string carry_out(Player& player, std::istringstream& words) {
    std::string order;
    int64_t a = 0;
    int64_t b = 0;
    words >> order >> a >> b;
    if (order == "plug") return player.plug();
    if (order == "replug") return player.replug();
    if (order == "check") return player.check(milliseconds(a));
    if (order == "back") return player.back(static_cast<int32_t>(a), milliseconds(b));
    if (order == "faults") return player.faults();
    if (order == "forgive") return player.forgive();
    if (order == "arm") return player.arm(static_cast<uint8_t>(a), static_cast<uint8_t>(b));
    if (order == "flood") return player.flood(static_cast<uint32_t>(a));
    if (order == "mute") return player.mute(a != 0);
    if (order == "users") return player.users();
    if (order == "greet") return greet();
    return "there is no order " + order;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    Player player(argv[1], std::atoll(argv[2]), std::atoll(argv[3]), std::atoll(argv[4]));
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::cout << carry_out(player, words) << std::endl;
    }
    std::_Exit(0);  // whatever hangs
}
