// SPDX-License-Identifier: Apache-2.0
// The functions opendext_hid_device_… of <opendext/hid.h>.
#include <IOKit/hid/IOHIDDeviceKeys.h>
#include <opendext/hid.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "families/hid/client/simulated.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/convert.h"

namespace opendext::hid_client {
namespace {

/// So many requests may be answered later; what is beyond that is refused.
constexpr size_t kMaxLater = 1024;

/// The device and its thread, which may outlive the program's handle by a call-back that destroys
/// it.
class Played : public std::enable_shared_from_this<Played> {
  public:
    Played(std::unique_ptr<SimulatedDevice> device, const opendext_hid_device_callbacks& callbacks,
           UniqueFd stop)
        : device_(std::move(device)), callbacks_(callbacks), stop_(std::move(stop)) {}

    Status begin(bool own_thread);
    void end();
    void process();
    IOReturn answer(opendext_hid_request_t number, IOReturn result, std::span<const uint8_t> bytes);
    [[nodiscard]] SimulatedDevice& device() { return *device_; }

  private:
    void take(const hid::DeviceSide::Request& request);
    void run();

    const std::unique_ptr<SimulatedDevice> device_;
    const opendext_hid_device_callbacks callbacks_;
    const UniqueFd stop_;
    std::atomic<bool> ended_ = false;
    bool unplugged_ = false;  ///< that was told; of the thread that processes
    std::thread thread_;
    std::mutex mutex_;
    uint64_t next_ = 1;
    std::map<uint64_t, hid::DeviceSide::Request> later_;
};

Status Played::begin(bool own_thread) {
    device_->side().on_request([this](const hid::DeviceSide::Request& request) { take(request); });
    device_->side().on_user([this](const hid::DeviceSide::User& user, bool present) {
        if (callbacks_.user == nullptr || ended_) return;
        const opendext_hid_user told{user.number, user.pid, user.name.c_str(), user.exclusive,
                                     present};
        callbacks_.user(callbacks_.context, &told);
    });
    OD_TRY(device_->plug());
    if (!own_thread) return success();
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);  // the program's signals are for its own threads
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
    ::pthread_setname_np(thread_.native_handle(), "opendext-hiddev");
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return success();
}

void Played::run() {
    for (;;) {
        pollfd fds[] = {{stop_.get(), POLLIN, 0}, {device_->side().fd(), POLLIN, 0}};
        if (::poll(fds, 2, -1) < 0) continue;
        if (ended_) return;
        if (fds[1].revents != 0) process();
    }
}

void Played::end() {
    ended_ = true;
    const uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    if (!thread_.joinable()) return;
    if (thread_.get_id() == std::this_thread::get_id()) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

void Played::process() {
    // Whether opendextd hung up or made no sense: it has ended the device, or will.
    if (device_->side().process().ok() || ended_) return;
    // Told once; the links of those who have it open go on.
    if (!std::exchange(unplugged_, true) && callbacks_.unplugged != nullptr)
        callbacks_.unplugged(callbacks_.context);
}

void Played::take(const hid::DeviceSide::Request& request) {
    if (ended_) return;
    uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        if (later_.size() < kMaxLater) {
            number = next_++;
            // There before the call-back runs: another thread may answer while it still does.
            later_.emplace(number, request).first->second.bytes = {};
        }
    }
    if (number == 0) {
        device_->side().answer(request, kIOReturnNoResources);
        return;
    }
    const auto type = static_cast<IOHIDReportType>(request.type);
    IOReturn result = kIOReturnUnsupported;
    std::vector<uint8_t> report;
    if (request.kind == hid::PacketKind::set) {
        if (callbacks_.set_report != nullptr)
            result = callbacks_.set_report(callbacks_.context, number, type, request.report_id,
                                           request.bytes.data(), request.bytes.size());
    } else if (callbacks_.get_report != nullptr) {
        report.resize(request.room);
        size_t length = report.size();
        result = callbacks_.get_report(callbacks_.context, number, type, request.report_id,
                                       report.data(), &length);
        report.resize(result == kIOReturnSuccess ? std::min(length, report.size()) : 0);
    }
    if (result != OPENDEXT_HID_LATER) (void)answer(number, result, report);
}

IOReturn Played::answer(opendext_hid_request_t number, IOReturn result,
                        std::span<const uint8_t> bytes) {
    hid::DeviceSide::Request request;
    {
        const std::lock_guard lock(mutex_);
        const auto found = later_.find(number);
        if (found == later_.end())
            return opendext::client::fail(
                kIOReturnNotFound,
                "there is no request " + std::to_string(number) + ", or it was answered");
        request = found->second;
        later_.erase(found);
    }
    device_->side().answer(request, result, bytes);
    return kIOReturnSuccess;
}

Result<opendext::Dictionary> properties_of(CFDictionaryRef properties,
                                           std::span<const uint8_t> descriptor) {
    opendext::Dictionary own;
    if (properties != nullptr) {
        opendext::Value value = OD_TRY(cf::to_value(properties));
        own = std::move(*value.dictionary());
    }
    own.insert_or_assign(kIOHIDReportDescriptorKey,
                         opendext::Data(descriptor.begin(), descriptor.end()));
    return own;
}

Result<std::shared_ptr<Played>> create(opendext::Dictionary properties,
                                       const opendext_hid_device_callbacks* callbacks,
                                       uint32_t options) {
    UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop) return Error::system("cannot make a device");
    auto device = OD_TRY(SimulatedDevice::make(std::move(properties)));
    auto played = std::make_shared<Played>(
        std::move(device), callbacks != nullptr ? *callbacks : opendext_hid_device_callbacks{},
        std::move(stop));
    OD_TRY(played->begin((options & OPENDEXT_HID_DEVICE_NO_THREAD) == 0));
    return played;
}

}  // namespace
}  // namespace opendext::hid_client

using namespace opendext;
using namespace opendext::hid_client;
using opendext::client::fail;

struct opendext_hid_device {
    std::shared_ptr<Played> played;
};

kern_return_t opendext_hid_device_create(const uint8_t* descriptor, size_t descriptorLength,
                                         CFDictionaryRef properties,
                                         const opendext_hid_device_callbacks* callbacks,
                                         uint32_t options, opendext_hid_device_t* device) {
    if (device == nullptr || (descriptor == nullptr && descriptorLength > 0))
        return fail(kIOReturnBadArgument, "no descriptor or no place for the device");
    *device = nullptr;
    Result<opendext::Dictionary> own = properties_of(properties, {descriptor, descriptorLength});
    if (!own.ok()) return fail(std::move(own).error().in("properties"), OPENDEXT_ORIGIN_LIBRARY);
    Result<std::shared_ptr<Played>> played = create(std::move(own).value(), callbacks, options);
    if (!played.ok()) return fail(played.error());
    *device = new opendext_hid_device{std::move(played).value()};
    return kIOReturnSuccess;
}

void opendext_hid_device_destroy(opendext_hid_device_t device) {
    if (device == nullptr) return;
    device->played->end();
    delete device;
}

uint64_t opendext_hid_device_entry(opendext_hid_device_t device) {
    return device->played->device().entry();
}

kern_return_t opendext_hid_device_send(opendext_hid_device_t device, uint64_t timestamp,
                                       const uint8_t* report, size_t length) {
    const Status sent =
        device->played->device().send(timestamp, {report, report == nullptr ? size_t{0} : length});
    return sent.ok() ? kIOReturnSuccess : fail(sent.error(), OPENDEXT_ORIGIN_LIBRARY);
}

kern_return_t opendext_hid_device_answer(opendext_hid_device_t device,
                                         opendext_hid_request_t request, IOReturn result,
                                         const uint8_t* report, size_t length) {
    return device->played->answer(request, result,
                                  {report, report == nullptr ? size_t{0} : length});
}

uint32_t opendext_hid_device_users(opendext_hid_device_t device) {
    return static_cast<uint32_t>(device->played->device().side().users().size());
}

int opendext_hid_device_fd(opendext_hid_device_t device) {
    return device->played->device().side().fd();
}

void opendext_hid_device_dispatch(opendext_hid_device_t device) {
    const std::shared_ptr<Played> kept = device->played;  // a call-back may destroy the device
    kept->process();
}
