// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDManager.h>

#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "families/hid/client/device.h"
#include "families/hid/client/schedule.h"

namespace opendext::hid_client {

/// An IOHIDManager. Which devices there are it hears on the library's thread; what is to be done
/// with them, which asks opendextd, is done on threads of the program (adopt()).
class Manager final : public cf::Object {
  public:
    static const cf::Type kType;
    Manager(IOOptionBits options, std::shared_ptr<opendext::client::Port> port);
    ~Manager() override;

    IOReturn open(IOOptionBits options);
    IOReturn close();
    /// Empty: every HID device.
    void match(const std::vector<CFDictionaryRef>& matching);
    CFSetRef copy_devices();

    void on_matching(IOHIDDeviceCallback callback, void* context);
    void on_removal(IOHIDDeviceCallback callback, void* context);
    void change_handlers(const std::function<void(InputHandlers&)>& change);
    void match_values(ElementMatching matching);

    void add_to(CFRunLoopRef loop, CFStringRef mode);
    void remove_from(CFRunLoopRef loop, CFStringRef mode);
    void set_queue(dispatch_queue_t queue);
    void activate();
    void cancel();
    [[nodiscard]] Schedule& schedule() { return schedule_; }
    /// Readable while call-backs of it or of a device wait, for dispatch().
    int poll_fd();
    void dispatch();

    CFTypeRef property(CFStringRef key);
    bool set_property(CFStringRef key, CFTypeRef value);
    void save_properties(CFStringRef application);

  private:
    class Finder;
    struct Known {
        cf::Owned<Device*> device;
        bool announced = false;
    };
    struct Callback {
        IOHIDDeviceCallback function = nullptr;
        void* context = nullptr;
    };

    void found(uint64_t finder_of, const std::vector<uint64_t>& ids);
    /// Makes devices of what was found; on a thread of the program.
    void adopt();
    void prepare(Device& device);
    void announce();
    void post_announce();
    void removed(Device& device);
    [[nodiscard]] std::vector<cf::Owned<Device*>> devices();
    void for_each(const std::function<void(Device&)>& act);
    [[nodiscard]] bool leaves_devices_alone() const {
        return (options_ & kIOHIDManagerOptionIndependentDevices) != 0;
    }
    void load_properties();
    /// Under the lock.
    void poll(Device& device);

    const IOOptionBits options_;
    cf::Weak<Manager> weak_;
    Schedule schedule_;

    std::mutex mutex_;
    uint64_t generation_ = 0;  ///< of the matching: what an older one finds is not ours any more
    std::vector<uint64_t> subscriptions_;
    std::vector<std::shared_ptr<Finder>> finders_;
    std::vector<uint64_t> waiting_;  ///< found, and no device yet
    std::set<uint64_t> seen_;
    std::vector<Known> known_;
    std::optional<IOOptionBits> open_;
    Callback on_matching_;
    Callback on_removal_;
    InputHandlers handlers_;
    ElementMatching values_;
    UniqueFd poll_;  ///< once somebody asked for it
    cf::Owned<CFMutableDictionaryRef> properties_;
};

}  // namespace opendext::hid_client
