// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/device.h"

#include <IOKit/IOMessage.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "families/hid/client/queue.h"
#include "families/hid/client/reader.h"
#include "iokit/client/family_request.h"
#include "iokit/client/handles.h"
#include "iokit/client/reason.h"
#include "iokit/client/registry.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/convert.h"
#include "iokit/corefoundation/string.h"

namespace opendext::hid_client {

using opendext::client::fail;
using opendext::client::request_of_family;

const cf::Type Device::kType = cf::add_type("IOHIDDevice");

/// The end of the device's entry, as opendextd tells it or as is found out after its restart.
class Device::Removal final : public opendext::client::Listener {
  public:
    explicit Removal(cf::Weak<Device> device) : device_(std::move(device)) {}
    void existing(const opendext::client::wire::Entries& entries, bool again) override {
        if (again && entries.outcome.io_return != 0) tell();
    }
    void interest(const opendext::client::wire::Interest& event) override {
        if (event.message == kIOMessageServiceIsTerminated) tell();
    }

  private:
    void tell() {
        if (const auto device = device_.lock()) device.get()->removed();
    }
    const cf::Weak<Device> device_;
};

Device::Session::~Session() {
    Reader::instance().forget(watch);
    if (link != nullptr) link->close();
}

cf::Owned<Device*> Device::create(io_service_t service) {
    if (!IOObjectConformsTo(service, "IOHIDDevice")) {
        io_name_t name{};
        (void)IORegistryEntryGetName(service, name);
        fail(kIOReturnBadArgument, std::string(name[0] != '\0' ? name : "the service") +
                                       " is no IOHIDDevice; match entries of that class");
        return {};
    }
    uint64_t entry = 0;
    if (IORegistryEntryGetRegistryEntryID(service, &entry) != kIOReturnSuccess) return {};
    auto port = opendext::client::Port::create();
    if (!port.ok()) {
        fail(port.error());
        return {};
    }
    return cf::Owned(new Device(service, entry, std::move(port).value()));
}

Device::Device(io_service_t service, uint64_t entry, std::shared_ptr<opendext::client::Port> port)
    : Object(kType), service_(service), entry_(entry), weak_(this), schedule_(std::move(port)) {
    IOObjectRetain(service_);
    // What the device says of itself can be asked for in a call-back that tells that it is gone.
    CFMutableDictionaryRef properties = nullptr;
    if (IORegistryEntryCreateCFProperties(service_, &properties, nullptr, 0) == kIOReturnSuccess)
        properties_ = cf::Owned<CFMutableDictionaryRef>(properties);
}

Device::~Device() {
    weak_.forget();
    if (subscription_ != 0) opendext::client::Daemon::instance().unsubscribe(subscription_);
    session_.reset();
    for (const auto& element : elements_) element.get()->orphan();
    IOObjectRelease(service_);
}

std::string Device::describe() const {
    char text[96];
    std::snprintf(text, sizeof text, "<IOHIDDevice %p registry entry 0x%llx>",
                  static_cast<const void*>(this), static_cast<unsigned long long>(entry_));
    return text;
}

std::string Device::name() {
    const std::string product(cf::text_of(property(CFSTR(kIOHIDProductKey))));
    char id[32];
    std::snprintf(id, sizeof id, "0x%llx", static_cast<unsigned long long>(entry_));
    return product.empty() ? std::string("the HID device ") + id : product + " (" + id + ")";
}

// Open and close.
// -------------------------------------------------------------------------------------------------

IOReturn Device::open(IOOptionBits options) {
    const std::lock_guard opening(open_mutex_);
    const std::shared_ptr<Session> before = this->session();
    const bool seize = (options & kIOHIDOptionsTypeSeizeDevice) != 0;
    if (before != nullptr && (before->seized || !seize)) return kIOReturnSuccess;
    Result<std::shared_ptr<Session>> session = begin_session(options);
    if (!session.ok()) return fail(session.error());
    const std::shared_ptr<Session>& begun = *session;
    // The thread keeps what it reads from, not the device.
    const Result<uint64_t> watch =
        Reader::instance().watch(begun->link->fd(), [weak = weak_, kept = std::weak_ptr(begun)] {
            const std::shared_ptr<Session> session = kept.lock();
            if (session == nullptr) return;
            if (const auto device = weak.lock()) device.get()->read_link(session);
        });
    if (!watch.ok()) return fail(watch.error());
    begun->watch = *watch;
    {
        const std::lock_guard lock(mutex_);
        session_ = begun;
    }
    if (before != nullptr) end_session(before);  // it was open without being seized
    return kIOReturnSuccess;
}

Result<std::shared_ptr<Device::Session>> Device::begin_session(IOOptionBits options) {
    std::vector<UniqueFd> shown;
    // Who takes a kernel's device from everybody shows that it may open it.
    const std::string node(cf::text_of(property(CFSTR("OpenDextNode"))));
    if ((options & kIOHIDOptionsTypeSeizeDevice) != 0 && !node.empty())
        shown.push_back(OD_TRY(open_node(node)));
    opendext::client::FamilyReply reply = OD_TRY(request_of_family(
        entry_, "open", {{"options", uint64_t{options & kIOHIDOptionsTypeSeizeDevice}}},
        std::move(shown)));
    if (reply.fds.size() != 2)
        return Error{Errc::malformed, 0, "opendextd answered `open` without lease and link"};
    auto session = std::make_shared<Session>();
    session->seized = (options & kIOHIDOptionsTypeSeizeDevice) != 0;
    if (const Number* user = find_number(reply.result, "user"))
        session->user = static_cast<uint32_t>(user->raw);
    session->lease = std::move(reply.fds[0]);
    session->link = OD_TRY(make_link(reply.result, reply.fds, session->user));
    return session;
}

Result<UniqueFd> Device::open_node(const std::string& path) {
    UniqueFd node(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (node) return node;
    if (errno == EACCES || errno == EPERM) {
        return Error::kern(kIOReturnNotPermitted,
                           "cannot open " + path + " of " + name() +
                               ": permission denied; `opendext doctor` shows the udev rule that "
                               "gives its users the right");
    }
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        return Error::kern(kIOReturnNoDevice, name() + " is gone: there is no " + path);
    return Error::system("cannot open " + path);
}

Result<std::shared_ptr<ReportLink>> Device::make_link(const opendext::Dictionary& reply,
                                                      std::vector<UniqueFd>& fds, uint32_t user) {
    const std::string* link = find_string(reply, "link");
    if (link != nullptr && *link == "socket")
        return std::shared_ptr<ReportLink>(OD_TRY(ReportLink::open_socket(std::move(fds[1]))));
    const std::string* path = find_string(reply, "hidraw");
    if (path == nullptr)
        return Error{Errc::malformed, 0,
                     "opendextd answered `open` with no link that is known here"};
    UniqueFd node = OD_TRY(open_node(*path));
    ReportLink::Hidraw options;
    const opendext::Value* numbered = find(reply, "numbered");
    options.numbered =
        numbered != nullptr && numbered->boolean() != nullptr && *numbered->boolean();
    options.gate = std::move(fds[1]);
    options.user = user;
    return std::shared_ptr<ReportLink>(
        OD_TRY(ReportLink::open_hidraw(std::move(node), std::move(options))));
}

IOReturn Device::close() {
    const std::lock_guard closing(open_mutex_);
    std::shared_ptr<Session> session;
    {
        const std::lock_guard lock(mutex_);
        session.swap(session_);
    }
    if (session == nullptr) return fail(kIOReturnNotOpen, name() + " is not open");
    end_session(session);
    return kIOReturnSuccess;
}

void Device::end_session(const std::shared_ptr<Session>& session) {
    const uint32_t user = session->user;
    Reader::instance().forget(session->watch.exchange(0));
    session->link->close();
    session->lease.reset();
    // So that whoever opens it next finds it free; an opendextd that is away sees the lease's end.
    (void)request_of_family(entry_, "close", {{"user", uint64_t{user}}}, {},
                            std::chrono::seconds(5));
}

std::shared_ptr<Device::Session> Device::session() {
    const std::lock_guard lock(mutex_);
    return session_;
}

bool Device::is_open() {
    return session() != nullptr;
}

bool Device::gone() {
    const std::lock_guard lock(mutex_);
    return gone_;
}

// Properties.
// -------------------------------------------------------------------------------------------------

CFTypeRef Device::property(CFStringRef key) {
    {
        const std::lock_guard lock(mutex_);
        CFTypeRef set = set_ ? CFDictionaryGetValue(set_.get(), key) : nullptr;
        if (set != nullptr) return set;
        if (gone_) return properties_ ? CFDictionaryGetValue(properties_.get(), key) : nullptr;
    }
    const cf::Owned<CFTypeRef> now(IORegistryEntryCreateCFProperty(service_, key, nullptr, 0));
    const std::lock_guard lock(mutex_);
    if (!properties_) {
        properties_ = cf::Owned(CFDictionaryCreateMutable(
            nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks));
    }
    // The program may hold what it got before: that stays where nothing changed.
    CFTypeRef before = CFDictionaryGetValue(properties_.get(), key);
    if (!now || cf::equal(before, now.get())) return before;
    CFDictionarySetValue(properties_.get(), key, now.get());
    return now.get();
}

bool Device::set_property(CFStringRef key, CFTypeRef value) {
    {
        const std::lock_guard lock(mutex_);
        if (!set_) {
            set_ = cf::Owned(CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                                       &kCFTypeDictionaryValueCallBacks));
        }
        if (value == nullptr) {
            CFDictionaryRemoveValue(set_.get(), key);
            return true;
        }
        CFDictionarySetValue(set_.get(), key, value);
    }
    // A driver behind the entry may want it; one that does not is no reason to refuse.
    (void)IORegistryEntrySetCFProperty(service_, key, value);
    return true;
}

// The end of the device.
// -------------------------------------------------------------------------------------------------

void Device::watch_removal() {
    std::shared_ptr<Removal> watcher;
    {
        const std::lock_guard lock(mutex_);
        if (watcher_ != nullptr) return;
        watcher = watcher_ = std::make_shared<Removal>(weak_);
    }
    opendext::client::wire::Subscribe request;
    request.type = opendext::client::wire::Subscription::interest;
    request.entry = entry_;
    const Result<uint64_t> made =
        opendext::client::Daemon::instance().subscribe(std::move(request), watcher);
    if (made.ok()) {
        const std::lock_guard lock(mutex_);
        subscription_ = *made;
    } else if (made.error().code == Errc::kern || made.error().code == Errc::not_found) {
        removed();  // there is no such entry any more
    }
}

void Device::removed() {
    std::function<void()> tell;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(gone_, true)) return;
        tell = std::exchange(tell_removal_, nullptr);
    }
    schedule_.post([weak = weak_] {
        const auto device = weak.lock();
        if (!device) return;
        IOHIDCallback callback = nullptr;
        void* context = nullptr;
        {
            const std::lock_guard lock(device.get()->mutex_);
            callback = device.get()->removal_;
            context = device.get()->removal_context_;
        }
        if (callback != nullptr) callback(context, kIOReturnSuccess, ref_of(device.get()));
    });
    if (tell) tell();
}

void Device::on_removal(IOHIDCallback callback, void* context) {
    {
        const std::lock_guard lock(mutex_);
        removal_ = callback;
        removal_context_ = context;
    }
    if (callback != nullptr) watch_removal();
}

void Device::on_removal(std::function<void()> tell) {
    bool now = false;
    {
        const std::lock_guard lock(mutex_);
        now = gone_;
        if (!now) tell_removal_ = tell;
    }
    if (now) {
        if (tell) tell();
    } else if (tell) {
        watch_removal();
    }
}

}  // namespace opendext::hid_client
