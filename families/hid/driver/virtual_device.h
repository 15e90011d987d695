// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/OSAction.h>
#include <HIDDriverKit/IOHIDDevice.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "families/hid/driver/uhid.h"
#include "families/hid/link/device_side.h"
#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {

/// What an IOUserHIDDevice has in its process: the device's ends of its users' links, the kernel's
/// device where there is one, and the requests that its driver has not completed. A thread of its
/// own takes requests off the links and has the driver's queue handle them.
class VirtualDevice : public std::enable_shared_from_this<VirtualDevice> {
  public:
    struct Description {
        ReportDescriptor descriptor;
        /// For the driver to complete a request; then the user is told that it did not.
        std::chrono::milliseconds timeout{5000};
        std::optional<UhidNode> uhid;
    };
    /// Begins to answer the users who come over `control`. Retains `object` until stop().
    static Result<std::shared_ptr<VirtualDevice>> start(IOHIDDevice* object, UniqueFd control,
                                                        Description description);
    ~VirtualDevice();
    VirtualDevice(const VirtualDevice&) = delete;
    VirtualDevice& operator=(const VirtualDevice&) = delete;

    kern_return_t handle_report(uint64_t timestamp, std::span<const uint8_t> bytes);
    /// The driver's answer to a request; false: there is none (any more) with this action.
    bool complete(OSAction* action, IOReturn status, uint32_t count);
    /// All users lose the device; on the object's queue or after it.
    void stop();

  private:
    using Asker = std::variant<DeviceSide::Request, UhidNode::Request>;
    struct Pending {
        Asker asker;
        bool is_get = false;
        std::string what;                            ///< "get of feature report 3"
        OSAction* action = nullptr;                  // retained
        IOBufferMemoryDescriptor* memory = nullptr;  // retained
        std::chrono::steady_clock::time_point deadline;
    };
    using Table = std::list<Pending>;

    VirtualDevice(IOHIDDevice* object, Description description, std::unique_ptr<DeviceSide> side);
    void run();
    void take(Asker asker, bool is_get, ReportType type, uint8_t id, size_t room,
              std::span<const uint8_t> bytes);
    void answer(const Asker& asker, IOReturn status, std::span<const uint8_t> bytes);
    void finish(Pending pending, IOReturn status, uint32_t count);
    /// Takes out what the action belongs to.
    std::optional<Pending> take_out(const OSAction* action);
    /// Answers what waits for too long; says until when nothing more can be due, in ms (-1: none).
    int expire();

    IOHIDDevice* const object_;
    const Description description_;
    const std::unique_ptr<DeviceSide> side_;
    UniqueFd wake_;
    std::mutex mutex_;
    bool stopped_ = false;
    Table pending_;
};

}  // namespace opendext::hid
