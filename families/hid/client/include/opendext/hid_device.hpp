// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_OPENDEXT_HID_DEVICE_HPP_
#define OPENDEXT_OPENDEXT_HID_DEVICE_HPP_

/// HID devices that a program plays, from C++20: an owning type over <opendext/hid.h>. Header only,
/// needs no exceptions; links with libIOKit.
///
///     namespace io = opendext::iokit;
///
///     io::HidDevice::Functions functions;
///     functions.set_report = [](const io::HidRequest& request) {
///         show_lights(request.report);
///         return io::HidAnswer::taken();
///     };
///     auto keyboard = io::HidDevice::create(descriptor, {{"Product", "Mine"}},
///     std::move(functions)); if (!keyboard) return fail(keyboard.error().text());
///     keyboard->send(report);
///
/// The functions run on a thread of the device, one at a time.

#include <opendext/hid.h>
#include <opendext/client/result.hpp>
#include <opendext/client/value.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace opendext::iokit {

/// A report that somebody asks for, or sends. `report` is valid during the call.
struct HidRequest {
    opendext_hid_request_t number = 0;  ///< for HidDevice::answer()
    IOHIDReportType type = kIOHIDReportTypeInput;
    uint32_t id = 0;
    std::span<const uint8_t> report;  ///< of a set, with its id iff the device uses ids
    size_t room = 0;                  ///< of a get: at most so many bytes
};

/// What a function says to a request.
class HidAnswer {
  public:
    /// A set was taken.
    static HidAnswer taken() { return HidAnswer(kIOReturnSuccess, {}); }
    /// The report of a get; cut to the room.
    static HidAnswer report(std::vector<uint8_t> bytes) {
        return HidAnswer(kIOReturnSuccess, std::move(bytes));
    }
    static HidAnswer refused(IOReturn code) { return HidAnswer(code, {}); }
    /// HidDevice::answer() comes at another time.
    static HidAnswer later() { return HidAnswer(OPENDEXT_HID_LATER, {}); }

    [[nodiscard]] IOReturn code() const { return code_; }
    [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }

  private:
    HidAnswer(IOReturn code, std::vector<uint8_t> bytes) : code_(code), bytes_(std::move(bytes)) {}
    IOReturn code_;
    std::vector<uint8_t> bytes_;
};

/// Somebody who has the device open.
struct HidUser {
    uint32_t number = 0;  ///< never used twice for a device
    int32_t pid = 0;      ///< 0: not known
    std::string name;
    bool exclusive = false;  ///< nobody else gets input
};

/// Owns a simulated device, which is there for drivers and programs as long as this is. Any thread
/// may use it; one at a time may end or move it.
class HidDevice {
  public:
    /// Empty ones: the request is refused with kIOReturnUnsupported, the event is not told.
    struct Functions {
        std::function<HidAnswer(const HidRequest&)> get_report;
        std::function<HidAnswer(const HidRequest&)> set_report;
        std::function<void(const HidUser&, bool present)> user;
        std::function<void()> unplugged;  ///< opendextd ended the device
    };
    enum class Serve : uint8_t {
        on_own_thread,
        by_program  ///< dispatch() when fd() is readable
    };

    /// Plugs the device in. `properties`: keys of <IOKit/hid/IOHIDDeviceKeys.h>.
    static Result<HidDevice> create(std::span<const uint8_t> descriptor, Dictionary properties = {},
                                    Functions functions = {}, Serve serve = Serve::on_own_thread) {
        HidDevice made;
        made.functions_ = std::make_unique<Functions>(std::move(functions));
        const opendext_hid_device_callbacks callbacks{made.functions_.get(), &get, &set, &user,
                                                      &unplugged};
        const CF<CFTypeRef> own = Value(std::move(properties)).to_cf();
        opendext_hid_device_t device = nullptr;
        const kern_return_t code = opendext_hid_device_create(
            descriptor.data(), descriptor.size(), static_cast<CFDictionaryRef>(own.get()),
            &callbacks, serve == Serve::by_program ? OPENDEXT_HID_DEVICE_NO_THREAD : 0, &device);
        if (code != kIOReturnSuccess) return last_error(code);
        made.device_.reset(device);
        return made;
    }

    /// The registry entry's id.
    [[nodiscard]] uint64_t entry() const { return opendext_hid_device_entry(device_.get()); }
    /// How many have it open.
    [[nodiscard]] uint32_t users() const { return opendext_hid_device_users(device_.get()); }
    /// An input report to everybody who has it open; `time` as of mach_absolute_time(), 0: now.
    Result<void> send(std::span<const uint8_t> report, uint64_t time = 0) const {
        return outcome(opendext_hid_device_send(device_.get(), time, report.data(), report.size()));
    }
    /// Answers a request that was put off, once.
    Result<void> answer(opendext_hid_request_t request, const HidAnswer& answer) const {
        return outcome(opendext_hid_device_answer(device_.get(), request, answer.code(),
                                                  answer.bytes().data(), answer.bytes().size()));
    }
    [[nodiscard]] int fd() const { return opendext_hid_device_fd(device_.get()); }
    void dispatch() const { opendext_hid_device_dispatch(device_.get()); }
    [[nodiscard]] opendext_hid_device_t get() const { return device_.get(); }

  private:
    HidDevice() = default;

    static Functions& of(void* context) { return *static_cast<Functions*>(context); }
    static IOReturn get(void* context, opendext_hid_request_t number, IOHIDReportType type,
                        uint32_t id, uint8_t* report, size_t* length) {
        if (!of(context).get_report) return kIOReturnUnsupported;
        const HidAnswer answer = of(context).get_report({number, type, id, {}, *length});
        *length = std::min(*length, answer.bytes().size());
        if (*length > 0) std::memcpy(report, answer.bytes().data(), *length);
        return answer.code();
    }
    static IOReturn set(void* context, opendext_hid_request_t number, IOHIDReportType type,
                        uint32_t id, const uint8_t* report, size_t length) {
        if (!of(context).set_report) return kIOReturnUnsupported;
        return of(context).set_report({number, type, id, {report, length}, 0}).code();
    }
    static void user(void* context, const opendext_hid_user* user) {
        if (of(context).user)
            of(context).user({user->number, user->pid, user->name, user->exclusive != 0},
                             user->present != 0);
    }
    static void unplugged(void* context) {
        if (of(context).unplugged) of(context).unplugged();
    }

    struct Destroy {
        void operator()(opendext_hid_device_t device) const { opendext_hid_device_destroy(device); }
    };
    // The device ends before what its functions are.
    std::unique_ptr<Functions> functions_;
    std::unique_ptr<opendext_hid_device, Destroy> device_;
};

}  // namespace opendext::iokit

#endif
