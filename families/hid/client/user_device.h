// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hidsystem/IOHIDUserDevice.h>

#include <memory>
#include <mutex>

#include "families/hid/client/schedule.h"
#include "families/hid/client/simulated.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {

/// An IOHIDUserDevice.
class UserDevice final : public cf::Object {
  public:
    static const cf::Type kType;
    UserDevice(std::unique_ptr<SimulatedDevice> device,
               std::shared_ptr<opendext::client::Port> port);
    ~UserDevice() override;

    IOReturn plug();
    void activate();
    void cancel();
    void on_get(IOHIDUserDeviceGetReportBlock block);
    void on_set(IOHIDUserDeviceSetReportBlock block);
    CFTypeRef copy_property(CFStringRef key);
    bool set_property(CFStringRef key, CFTypeRef value);
    IOReturn send(uint64_t timestamp, std::span<const uint8_t> report);
    [[nodiscard]] Schedule& schedule() { return schedule_; }

  private:
    struct Asked {
        hid::DeviceSide::Request request;
        std::vector<uint8_t> bytes;
    };
    void ask(const hid::DeviceSide::Request& request);
    void run(const Asked& asked);
    [[nodiscard]] std::shared_ptr<SimulatedDevice> device();

    cf::Weak<UserDevice> weak_;
    Schedule schedule_;
    std::mutex plugging_;  ///< held while it is plugged in or out
    std::mutex mutex_;
    std::shared_ptr<SimulatedDevice> device_;  ///< empty once cancelled
    uint64_t watch_ = 0;
    IOHIDUserDeviceGetReportBlock get_ = nullptr;
    IOHIDUserDeviceSetReportBlock set_ = nullptr;
};

}  // namespace opendext::hid_client
