// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDManager.h>
#include <IOKit/hid/IOHIDUsageTables.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <opendext/client.hpp>
#include <opendext/hid_device.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

/// What the tests of HID share: a device that they play, and waiting. They run in a realm
/// (client_test.py) and see the public headers only.
namespace hid_test {

namespace io = opendext::iokit;
using Bytes = std::vector<uint8_t>;

/// A game pad with everything: report 1 is input (X, Y, wheel, 8 buttons, an array of 2 keys),
/// report 2 output (3 lights), report 3 feature (two numbers of 16 bits, 6 bytes of data).
inline const Bytes kPad = {
    0x05, 0x01, 0x09, 0x05, 0xa1, 0x01,                                      // game pad
    0x85, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x81, 0x25, 0x7f,              // X, Y
    0x35, 0x00, 0x46, 0xfe, 0x00, 0x75, 0x08, 0x95, 0x02, 0x81, 0x02,        //
    0x35, 0x00, 0x45, 0x00, 0x09, 0x38, 0x95, 0x01, 0x81, 0x06,              // wheel
    0x05, 0x09, 0x19, 0x01, 0x29, 0x08, 0x15, 0x00, 0x25, 0x01,              // buttons
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02,                                      //
    0x05, 0x07, 0x19, 0x00, 0x29, 0x1d, 0x15, 0x00, 0x25, 0x1d,              // keys
    0x75, 0x08, 0x95, 0x02, 0x81, 0x00,                                      //
    0x85, 0x02, 0x05, 0x08, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01,  // lights
    0x75, 0x01, 0x95, 0x03, 0x91, 0x02, 0x75, 0x05, 0x95, 0x01, 0x91, 0x03,  //
    0x85, 0x03, 0x06, 0x00, 0xff, 0x09, 0x20, 0x09, 0x21,                    // numbers
    0x15, 0x00, 0x27, 0xff, 0xff, 0x00, 0x00, 0x75, 0x10, 0x95, 0x02, 0xb1,
    0x02, 0x09, 0x22, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x06, 0xb1, 0x02,  // data
    0xc0};

inline double patience() {
    const char* factor = std::getenv("OPENDEXT_TEST_PATIENCE");
    return 60 * (factor != nullptr ? std::atof(factor) : 1);
}

/// Waits without running call-backs.
inline bool wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience());
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// Runs this thread's loop until then.
inline bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience());
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        if (CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.02, TRUE) == kCFRunLoopRunFinished)
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// The pad, played on a thread of its own. `silent`: it answers nothing.
class Pad {
  public:
    explicit Pad(io::Dictionary more = {}) {
        static std::atomic<int> number = 0;
        product = "Pad " + std::to_string(++number);
        io::Dictionary properties{{"Product", product},     {"VendorID", 0x1209},
                                  {"ProductID", 0x4f44},    {"VersionNumber", 0x0102},
                                  {"Transport", "Virtual"}, {"SerialNumber", "S1"}};
        more.merge(properties);
        io::HidDevice::Functions functions;
        functions.get_report = [this](const io::HidRequest& request) { return get(request); };
        functions.set_report = [this](const io::HidRequest& request) { return set(request); };
        auto made = io::HidDevice::create(kPad, std::move(more), std::move(functions));
        if (!made) {
            ADD_FAILURE() << made.error().text();
            std::abort();
        }
        device.emplace(std::move(made).value());
    }

    /// Its thread ends before what its functions use.
    ~Pad() { device.reset(); }
    Pad(const Pad&) = delete;
    Pad& operator=(const Pad&) = delete;

    void unplug() { device.reset(); }
    /// X, Y, wheel, buttons, two keys.
    void send(int8_t x, int8_t y, int8_t wheel, uint8_t buttons, uint8_t key1 = 0, uint8_t key2 = 0,
              uint64_t time = 0) {
        const Bytes report{1,
                           static_cast<uint8_t>(x),
                           static_cast<uint8_t>(y),
                           static_cast<uint8_t>(wheel),
                           buttons,
                           key1,
                           key2};
        const auto sent = device->send(report, time);
        EXPECT_TRUE(sent) << (sent ? "" : sent.error().text());
    }
    Bytes feature() {
        const std::lock_guard lock(mutex_);
        return feature_;
    }
    std::vector<Bytes> outputs() {
        const std::lock_guard lock(mutex_);
        return outputs_;
    }
    size_t waiting() {
        const std::lock_guard lock(mutex_);
        return waiting_.size();
    }
    std::vector<io::HidRequest> take_waiting() {
        const std::lock_guard lock(mutex_);
        return std::exchange(waiting_, {});
    }

    /// An IOHIDDevice for it.
    io::CF<IOHIDDeviceRef> find() const {
        const io_service_t service = IOServiceGetMatchingService(
            kIOMainPortDefault, IORegistryEntryIDMatching(device->entry()));
        EXPECT_NE(service, IO_OBJECT_NULL) << opendext_last_error_reason();
        auto found = io::CF<IOHIDDeviceRef>::adopt(IOHIDDeviceCreate(kCFAllocatorDefault, service));
        EXPECT_TRUE(found) << opendext_last_error_reason();
        IOObjectRelease(service);
        return found;
    }
    /// The same, open; the pad knows of it.
    io::CF<IOHIDDeviceRef> open(IOOptionBits options = kIOHIDOptionsTypeNone) {
        const uint32_t before = device->users();
        auto found = find();
        EXPECT_EQ(IOHIDDeviceOpen(found.get(), options), kIOReturnSuccess)
            << opendext_last_error_reason();
        EXPECT_TRUE(wait_until([&] { return device->users() > before; }));
        return found;
    }

    std::string product;
    std::optional<io::HidDevice> device;
    std::atomic<bool> silent = false;

  private:
    io::HidAnswer get(const io::HidRequest& request) {
        const std::lock_guard lock(mutex_);
        if (silent) return put_off(request);
        if (request.type == kIOHIDReportTypeFeature && request.id == 3)
            return io::HidAnswer::report(feature_);
        if (request.type == kIOHIDReportTypeInput && request.id == 1)
            return io::HidAnswer::report({1, 11, 12, 13, 0x80, 0, 0});
        return io::HidAnswer::refused(kIOReturnUnsupported);
    }
    io::HidAnswer set(const io::HidRequest& request) {
        const std::lock_guard lock(mutex_);
        if (silent) return put_off(request);
        const Bytes bytes(request.report.begin(), request.report.end());
        if (request.type == kIOHIDReportTypeFeature && request.id == 3) {
            feature_ = bytes;
        } else if (request.type == kIOHIDReportTypeOutput && request.id == 2) {
            outputs_.push_back(bytes);
        } else {
            return io::HidAnswer::refused(kIOReturnBadArgument);
        }
        return io::HidAnswer::taken();
    }
    io::HidAnswer put_off(const io::HidRequest& request) {
        waiting_.push_back(request);
        waiting_.back().report = {};
        return io::HidAnswer::later();
    }

    std::mutex mutex_;
    Bytes feature_{3, 0x34, 0x12, 0x78, 0x56, 'a', 'b', 'c', 'd', 'e', 'f'};
    std::vector<Bytes> outputs_;
    std::vector<io::HidRequest> waiting_;
};

inline io::CF<CFDictionaryRef> dictionary(io::Dictionary content) {
    const io::CF<CFTypeRef> made = io::Value(std::move(content)).to_cf();
    return io::CF<CFDictionaryRef>::retain(static_cast<CFDictionaryRef>(made.get()));
}

/// The one element that fits.
inline IOHIDElementRef element(IOHIDDeviceRef device, io::Dictionary matching) {
    const auto found = io::CF<CFArrayRef>::adopt(IOHIDDeviceCopyMatchingElements(
        device, dictionary(std::move(matching)).get(), kIOHIDOptionsTypeNone));
    if (!found || CFArrayGetCount(found.get()) != 1) {
        ADD_FAILURE() << (found ? CFArrayGetCount(found.get()) : -1) << " elements fit";
        return nullptr;
    }
    // The device keeps it.
    return static_cast<IOHIDElementRef>(const_cast<void*>(CFArrayGetValueAtIndex(found.get(), 0)));
}

inline io::CF<IOHIDValueRef> number(IOHIDElementRef element, CFIndex value) {
    return io::CF<IOHIDValueRef>::adopt(
        IOHIDValueCreateWithIntegerValue(kCFAllocatorDefault, element, 0, value));
}

}  // namespace hid_test
