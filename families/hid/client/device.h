// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDDevice.h>
#include <IOKit/hid/IOHIDKeys.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "families/hid/client/element.h"
#include "families/hid/client/schedule.h"
#include "families/hid/client/value.h"
#include "families/hid/link/report_link.h"
#include "iokit/client/daemon.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {

class Queue;
using hid::Answer;
using hid::ReportLink;
using hid::ReportType;

/// What is called for input: the program's own, and those of the manager that found the device.
struct InputHandlers {
    IOHIDReportCallback report = nullptr;
    void* report_context = nullptr;
    IOHIDReportWithTimeStampCallback timed = nullptr;
    void* timed_context = nullptr;
    /// The program's buffer of each; nullptr: the report as it came.
    uint8_t* report_buffer = nullptr;
    CFIndex report_room = 0;
    uint8_t* timed_buffer = nullptr;
    CFIndex timed_room = 0;
    IOHIDValueCallback value = nullptr;
    void* value_context = nullptr;
    /// Elements whose values are told; nullopt: all.
    std::optional<std::set<hid::Cookie>> values;
    [[nodiscard]] bool any() const {
        return report != nullptr || timed != nullptr || value != nullptr;
    }
};
enum class HandlersOf : uint8_t { program, manager };

/// Dictionaries of which an element has to fit one (NULL among them, or none at all: any element).
using ElementMatching = std::vector<cf::Owned<CFDictionaryRef>>;
[[nodiscard]] ElementMatching element_matching(CFDictionaryRef matching);
[[nodiscard]] ElementMatching element_matching(CFArrayRef multiple);

/// An IOHIDDevice.
class Device final : public cf::Object {
  public:
    static const cf::Type kType;
    /// Empty, with the reason kept for the program, if the service is no IOHIDDevice.
    static cf::Owned<Device*> create(io_service_t service);
    ~Device() override;
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] io_service_t service() const { return service_; }
    [[nodiscard]] uint64_t entry() const { return entry_; }
    [[nodiscard]] Schedule& schedule() { return schedule_; }
    [[nodiscard]] const cf::Weak<Device>& weak() const { return weak_; }
    /// Product and id, for messages.
    [[nodiscard]] std::string name();

    // Open and close (device.cpp).
    IOReturn open(IOOptionBits options);
    IOReturn close();
    [[nodiscard]] bool is_open();
    [[nodiscard]] bool gone();

    // Properties (device.cpp). Get rule.
    CFTypeRef property(CFStringRef key);
    bool set_property(CFStringRef key, CFTypeRef value);

    // Elements (device_elements.cpp). An empty descriptor if it could not be read.
    const hid::ReportDescriptor& descriptor();
    [[nodiscard]] Element* element(hid::Cookie cookie);
    CFArrayRef copy_elements(CFDictionaryRef matching);
    [[nodiscard]] bool conforms_to(uint32_t page, uint32_t usage);

    // Input (device_input.cpp).
    void change_handlers(HandlersOf whose, const std::function<void(InputHandlers&)>& change);
    void match_values(HandlersOf whose, const ElementMatching& matching);
    void add_queue(Queue& queue);
    /// The value of the last report, 0 at the time 0 before the first one; of output elements what
    /// was set last. Stays the device's until the element has another.
    IOHIDValueRef known_value(Element& element);
    /// Reports that the program did not take in time.
    [[nodiscard]] uint64_t dropped();

    // What happens to the device (device.cpp).
    void on_removal(IOHIDCallback callback, void* context);
    /// For the manager: runs on a thread of the library. Called at once if the device is gone.
    void on_removal(std::function<void()> tell);

    // Requests (device_requests.cpp). `timeout` 0 and less: the device's own.
    struct Request {
        bool set = false;
        ReportType type = ReportType::input;
        uint32_t id = 0;
        uint32_t room = 0;            ///< of a get
        std::vector<uint8_t> report;  ///< of a set
    };
    using Done = std::function<void(Answer)>;
    /// Waits. A failure's reason is kept for the program.
    IOReturn request(const Request& request, Answer& answer, CFTimeInterval timeout = 0);
    /// `done` runs on a thread of the library; not if this fails.
    IOReturn request(const Request& request, CFTimeInterval timeout, Done done);
    /// Keeps an answer's reason for the program's thread; what happened to which request.
    IOReturn finish(const Request& request, const Answer& answer);

    // Values (device_values.cpp).
    struct ValueRequest {
        Element* element = nullptr;
        const Value* value = nullptr;
    };
    using AllDone = std::function<void(IOReturn, std::string reason)>;
    /// Sends the reports that the values are in; `done` empty: waits.
    IOReturn set_values(const std::vector<ValueRequest>& values, CFTimeInterval timeout,
                        AllDone done);
    /// Asks for the reports of those elements that have to be asked for; `done` empty: waits.
    IOReturn update_values(const std::vector<Element*>& elements, uint32_t options,
                           CFTimeInterval timeout, AllDone done);

  private:
    /// What there is while the device is open.
    struct Session {
        std::shared_ptr<ReportLink> link;
        UniqueFd lease;
        uint32_t user = 0;
        bool seized = false;
        std::atomic<uint64_t> watch = 0;  ///< 0 once nothing more can come
        ~Session();
    };
    /// Hears of the end of the device's entry.
    class Removal;
    struct Input {
        uint64_t time = 0;
        std::vector<uint8_t> bytes;
    };
    struct Pending {
        Input input;
        uint32_t id = 0;
        std::vector<cf::Owned<Value*>> values;
    };
    /// The value of an element in a report, and whether the one before it was another.
    struct Fresh {
        cf::Owned<Value*> value;
        bool changed = false;
    };

    Device(io_service_t service, uint64_t entry, std::shared_ptr<opendext::client::Port> port);
    Result<std::shared_ptr<Session>> begin_session(IOOptionBits options);
    /// The kernel's node, with the rights of this program. kIOReturnNotPermitted,
    /// kIOReturnNoDevice.
    Result<UniqueFd> open_node(const std::string& path);
    Result<std::shared_ptr<ReportLink>> make_link(const opendext::Dictionary& reply,
                                                  std::vector<UniqueFd>& fds, uint32_t user);
    [[nodiscard]] std::shared_ptr<Session> session();
    void end_session(const std::shared_ptr<Session>& session);
    void read_link(const std::shared_ptr<Session>& session);
    void take_input(const ReportLink::InputReport& report);
    [[nodiscard]] std::vector<Fresh> fresh_values(const hid::Report& report, const Input& now,
                                                  const Input& before, bool all);
    void add_fresh(std::vector<Fresh>& into, Element& element, int64_t value, uint64_t time,
                   bool changed);
    void deliver();
    void deliver_one(const Pending& pending, HandlersOf whose);
    void removed();
    void watch_removal();
    [[nodiscard]] std::chrono::milliseconds timeout_of(CFTimeInterval seconds);
    void take_report(ReportType type, uint32_t id, std::vector<uint8_t> bytes);
    Result<std::vector<Request>> reports_of(const std::vector<ValueRequest>& values);
    IOReturn request_all(std::vector<Request> requests, CFTimeInterval timeout, AllDone done);

    const io_service_t service_;
    const uint64_t entry_;
    cf::Weak<Device> weak_;
    Schedule schedule_;

    std::mutex open_mutex_;  ///< held while it is opened or closed
    std::once_flag parsed_;
    hid::ReportDescriptor descriptor_;
    std::vector<cf::Owned<Element*>> elements_;  ///< by cookie - 1; made with the descriptor

    std::mutex mutex_;  ///< of what follows; nothing of the program's runs under it
    std::shared_ptr<Session> session_;
    bool gone_ = false;
    cf::Owned<CFMutableDictionaryRef> properties_;  ///< as they were when last asked for
    cf::Owned<CFMutableDictionaryRef> set_;
    InputHandlers handlers_[2];
    std::vector<cf::Weak<Queue>> queues_;
    std::deque<Pending> pending_;
    uint64_t dropped_ = 0;
    std::map<std::pair<ReportType, uint32_t>, Input> reports_;  ///< the last one of each
    std::map<hid::Cookie, cf::Owned<Value*>> values_;           ///< given to the program
    IOHIDCallback removal_ = nullptr;
    void* removal_context_ = nullptr;
    std::function<void()> tell_removal_;
    std::shared_ptr<Removal> watcher_;
    uint64_t subscription_ = 0;
};

[[nodiscard]] inline IOHIDDeviceRef ref_of(const Device* device) {
    return cf::to_ref<IOHIDDeviceRef>(device);
}
[[nodiscard]] inline Device& device_of(const void* ref, const char* function) {
    return const_cast<Device&>(cf::to<Device>(ref, function));
}

}  // namespace opendext::hid_client
