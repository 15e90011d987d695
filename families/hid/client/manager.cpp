// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/manager.h"

#include <sys/epoll.h>

#include <algorithm>
#include <fstream>

#include "iokit/client/daemon.h"
#include "iokit/client/handles.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/convert.h"
#include "iokit/corefoundation/string.h"

namespace opendext::hid_client {

using opendext::client::Daemon;
using opendext::client::fail;

const cf::Type Manager::kType = cf::add_type("IOHIDManager");

/// What fits one dictionary, as opendextd tells it.
class Manager::Finder final : public opendext::client::Listener {
  public:
    Finder(cf::Weak<Manager> manager, uint64_t generation)
        : manager_(std::move(manager)), generation_(generation) {}
    void existing(const opendext::client::wire::Entries& entries, bool) override {
        tell(entries.ids);
    }
    void matched(const opendext::client::wire::Matched& event) override { tell(event.ids); }

  private:
    void tell(const std::vector<uint64_t>& ids) {
        if (const auto manager = manager_.lock()) manager.get()->found(generation_, ids);
    }
    const cf::Weak<Manager> manager_;
    const uint64_t generation_;
};

Manager::Manager(IOOptionBits options, std::shared_ptr<opendext::client::Port> port)
    : Object(kType),
      options_(options),
      weak_(this),
      schedule_(std::move(port)),
      properties_(CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                            &kCFTypeDictionaryValueCallBacks)) {
    load_properties();
}

Manager::~Manager() {
    weak_.forget();
    for (const uint64_t subscription : subscriptions_) Daemon::instance().unsubscribe(subscription);
    for (const Known& known : known_) {
        known.device.get()->on_removal(std::function<void()>());
        known.device.get()->change_handlers(HandlersOf::manager,
                                            [](InputHandlers& handlers) { handlers = {}; });
    }
}

// Which devices there are.
// -------------------------------------------------------------------------------------------------

void Manager::match(const std::vector<CFDictionaryRef>& matching) {
    std::vector<opendext::Dictionary> wanted;
    for (CFDictionaryRef dictionary : matching) {
        if (dictionary == nullptr) continue;
        Result<opendext::Value> value = cf::to_value(dictionary);
        if (value.ok() && value->dictionary() != nullptr) {
            wanted.push_back(std::move(*value->dictionary()));
        } else if (!value.ok()) {
            fail(std::move(value).error().in("matching dictionary"), OPENDEXT_ORIGIN_LIBRARY);
        }
    }
    if (matching.empty() || std::ranges::count(matching, nullptr) > 0) wanted = {{}};
    std::vector<uint64_t> old;
    std::vector<std::shared_ptr<Finder>> finders;
    {
        const std::lock_guard lock(mutex_);
        ++generation_;
        old.swap(subscriptions_);
        finders_.clear();
        waiting_.clear();
        seen_.clear();
        for (const Known& known : known_) seen_.insert(known.device.get()->entry());
        for (size_t i = 0; i < wanted.size(); ++i)
            finders.push_back(std::make_shared<Finder>(weak_, generation_));
        finders_ = finders;
    }
    for (const uint64_t subscription : old) Daemon::instance().unsubscribe(subscription);
    std::set<uint64_t> fit;
    for (size_t i = 0; i < wanted.size(); ++i) {
        opendext::client::wire::Subscribe request;
        request.type = opendext::client::wire::Subscription::publish;
        request.matching = std::move(wanted[i]);
        request.matching.insert_or_assign("IOProviderClass", "IOHIDDevice");
        const auto there = Daemon::instance().request<opendext::client::wire::Entries>(
            opendext::client::wire::Match{request.matching, 0});
        if (there.ok()) fit.insert(there->ids.begin(), there->ids.end());
        const Result<uint64_t> made = Daemon::instance().subscribe(std::move(request), finders[i]);
        if (!made.ok()) {
            fail(made.error());
            continue;
        }
        const std::lock_guard lock(mutex_);
        subscriptions_.push_back(*made);
    }
    std::vector<Known> forgotten;
    {
        const std::lock_guard lock(mutex_);
        const auto kept = std::ranges::partition(
            known_, [&](const Known& known) { return fit.contains(known.device.get()->entry()); });
        std::ranges::move(kept, std::back_inserter(forgotten));
        known_.erase(kept.begin(), known_.end());
        for (const Known& known : forgotten) seen_.erase(known.device.get()->entry());
    }
    for (const Known& known : forgotten) {
        known.device.get()->on_removal(std::function<void()>());
        known.device.get()->change_handlers(HandlersOf::manager,
                                            [](InputHandlers& handlers) { handlers = {}; });
    }
    adopt();
}

void Manager::found(uint64_t generation, const std::vector<uint64_t>& ids) {
    bool any = false;
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) return;
        for (const uint64_t id : ids) {
            if (!seen_.insert(id).second) continue;
            waiting_.push_back(id);
            any = true;
        }
    }
    if (any) post_announce();
}

void Manager::post_announce() {
    schedule_.post([weak = weak_] {
        const auto manager = weak.lock();
        if (!manager) return;
        manager.get()->adopt();
        manager.get()->announce();
    });
}

void Manager::adopt() {
    for (;;) {
        uint64_t id = 0;
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.empty()) return;
            id = waiting_.front();
            waiting_.erase(waiting_.begin());
        }
        const io_service_t service = opendext::client::HandleTable::instance().entry(id);
        cf::Owned<Device*> device = Device::create(service);
        IOObjectRelease(service);
        if (!device) continue;  // gone meanwhile
        prepare(*device.get());
        {
            const std::lock_guard lock(mutex_);
            known_.push_back({device, false});
            poll(*device.get());
        }
        // Last: it is told at once if the device has gone.
        device.get()->on_removal([weak = weak_, weak_device = device.get()->weak()] {
            const auto manager = weak.lock();
            if (!manager) return;
            manager.get()->schedule_.post([weak, weak_device] {
                const auto manager = weak.lock();
                const auto device = weak_device.lock();
                if (manager && device) manager.get()->removed(*device.get());
            });
        });
        post_announce();
    }
}

/// What was done to the manager is done to a new device.
void Manager::prepare(Device& device) {
    InputHandlers handlers;
    ElementMatching values;
    std::optional<IOOptionBits> open;
    cf::Owned<CFDictionaryRef> properties;
    {
        const std::lock_guard lock(mutex_);
        handlers = handlers_;
        values = values_;
        open = open_;
        properties = cf::Owned<CFDictionaryRef>(CFDictionaryCreateCopy(nullptr, properties_.get()));
    }
    for (const auto& [key, value] : cf::to<cf::Dictionary>(properties.get(), "IOHIDManager").map())
        device.set_property(static_cast<CFStringRef>(key), value);
    device.change_handlers(HandlersOf::manager,
                           [&](InputHandlers& own) { own = std::move(handlers); });
    if (!values.empty()) device.match_values(HandlersOf::manager, values);
    if (leaves_devices_alone()) return;
    schedule_.copy_to(device.schedule());
    if (open) (void)device.open(*open);
}

void Manager::announce() {
    for (;;) {
        cf::Owned<Device*> device;
        Callback callback;
        {
            const std::lock_guard lock(mutex_);
            callback = on_matching_;
            if (callback.function == nullptr) return;
            const auto next = std::ranges::find(known_, false, &Known::announced);
            if (next == known_.end()) return;
            next->announced = true;
            device = next->device;
        }
        callback.function(callback.context, kIOReturnSuccess, cf::to_ref<IOHIDManagerRef>(this),
                          ref_of(device.get()));
    }
}

void Manager::removed(Device& device) {
    const auto kept = cf::Owned<Device*>::share(&device);
    Known gone;
    Callback callback;
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find_if(
            known_, [&](const Known& known) { return known.device.get() == &device; });
        if (found == known_.end()) return;
        gone = std::move(*found);
        known_.erase(found);
        seen_.erase(device.entry());
        callback = on_removal_;
    }
    if (callback.function != nullptr)
        callback.function(callback.context, kIOReturnSuccess, cf::to_ref<IOHIDManagerRef>(this),
                          ref_of(&device));
}

std::vector<cf::Owned<Device*>> Manager::devices() {
    const std::lock_guard lock(mutex_);
    std::vector<cf::Owned<Device*>> all;
    all.reserve(known_.size());
    for (const Known& known : known_) all.push_back(known.device);
    return all;
}

void Manager::for_each(const std::function<void(Device&)>& act) {
    for (const auto& device : devices()) act(*device.get());
}

CFSetRef Manager::copy_devices() {
    adopt();
    std::vector<Known> gone;  // released without the lock
    {
        const std::lock_guard lock(mutex_);
        // Where nobody is to be told, nothing else may ever forget them: the manager need not be
        // scheduled.
        if (on_removal_.function == nullptr) {
            const auto rest = std::ranges::partition(
                known_, [](const Known& known) { return !known.device.get()->gone(); });
            std::ranges::move(rest, std::back_inserter(gone));
            known_.erase(rest.begin(), known_.end());
            for (const Known& known : gone) seen_.erase(known.device.get()->entry());
        }
    }
    const cf::Owned set(CFSetCreateMutable(nullptr, 0, &kCFTypeSetCallBacks));
    for_each([&](Device& device) {
        if (!device.gone()) CFSetAddValue(set.get(), &device);
    });
    if (CFSetGetCount(set.get()) == 0) return nullptr;
    CFRetain(set.get());
    return set.get();
}

// What is done to all of them.
// -------------------------------------------------------------------------------------------------

IOReturn Manager::open(IOOptionBits options) {
    {
        const std::lock_guard lock(mutex_);
        open_ = options;
    }
    adopt();
    if (leaves_devices_alone()) return kIOReturnSuccess;
    IOReturn first = kIOReturnSuccess;
    std::string reason;
    for_each([&](Device& device) {
        const IOReturn result = device.open(options);
        if (result == kIOReturnSuccess || device.gone() || first != kIOReturnSuccess) return;
        first = result;
        reason = opendext_last_error_reason();
    });
    return first == kIOReturnSuccess ? first : fail(first, reason, opendext_last_error_origin());
}

IOReturn Manager::close() {
    {
        const std::lock_guard lock(mutex_);
        open_.reset();
    }
    if (leaves_devices_alone()) return kIOReturnSuccess;
    for_each([](Device& device) {
        if (device.is_open()) (void)device.close();
    });
    return kIOReturnSuccess;
}

void Manager::on_matching(IOHIDDeviceCallback callback, void* context) {
    {
        const std::lock_guard lock(mutex_);
        on_matching_ = {callback, context};
    }
    if (callback != nullptr) post_announce();
}

void Manager::on_removal(IOHIDDeviceCallback callback, void* context) {
    const std::lock_guard lock(mutex_);
    on_removal_ = {callback, context};
}

void Manager::change_handlers(const std::function<void(InputHandlers&)>& change) {
    {
        const std::lock_guard lock(mutex_);
        change(handlers_);
    }
    for_each([&](Device& device) { device.change_handlers(HandlersOf::manager, change); });
}

void Manager::match_values(ElementMatching matching) {
    {
        const std::lock_guard lock(mutex_);
        values_ = matching;
    }
    for_each([&](Device& device) { device.match_values(HandlersOf::manager, matching); });
}

void Manager::add_to(CFRunLoopRef loop, CFStringRef mode) {
    schedule_.add(loop, mode);
    if (!leaves_devices_alone())
        for_each([&](Device& device) { device.schedule().add(loop, mode); });
}

void Manager::remove_from(CFRunLoopRef loop, CFStringRef mode) {
    schedule_.remove(loop, mode);
    if (!leaves_devices_alone())
        for_each([&](Device& device) { device.schedule().remove(loop, mode); });
}

void Manager::set_queue(dispatch_queue_t queue) {
    schedule_.set_queue(queue);
    if (!leaves_devices_alone())
        for_each([&](Device& device) { device.schedule().set_queue(queue); });
}

void Manager::activate() {
    schedule_.activate();
    if (!leaves_devices_alone()) for_each([](Device& device) { device.schedule().activate(); });
}

void Manager::cancel() {
    // The devices first: when the manager's handler runs nothing of them does.
    if (!leaves_devices_alone()) for_each([](Device& device) { device.schedule().cancel(); });
    schedule_.cancel();
}

// For event loops of the program's own.
// -------------------------------------------------------------------------------------------------

void Manager::poll(Device& device) {
    if (!poll_) return;
    epoll_event event{};
    event.events = EPOLLIN;
    // It leaves the set when the device is released.
    (void)::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, device.schedule().port().fd(), &event);
}

int Manager::poll_fd() {
    const std::lock_guard lock(mutex_);
    if (poll_) return poll_.get();
    poll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!poll_) {
        fail(Error::system("cannot make a descriptor to wait for"), OPENDEXT_ORIGIN_LIBRARY);
        return -1;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    (void)::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, schedule_.port().fd(), &event);
    for (const Known& known : known_) poll(*known.device.get());
    return poll_.get();
}

void Manager::dispatch() {
    schedule_.port().dispatch();
    for_each([](Device& device) { device.schedule().port().dispatch(); });
}

// Properties.
// -------------------------------------------------------------------------------------------------

CFTypeRef Manager::property(CFStringRef key) {
    const std::lock_guard lock(mutex_);
    return CFDictionaryGetValue(properties_.get(), key);
}

bool Manager::set_property(CFStringRef key, CFTypeRef value) {
    {
        const std::lock_guard lock(mutex_);
        if (value == nullptr) {
            CFDictionaryRemoveValue(properties_.get(), key);
        } else {
            CFDictionarySetValue(properties_.get(), key, value);
        }
    }
    for_each([&](Device& device) { device.set_property(key, value); });
    return true;
}

namespace {

/// Where the properties of an application's managers are kept.
std::filesystem::path domain_file(const std::string& application) {
    const char* config = std::getenv("XDG_CONFIG_HOME");
    const char* home = std::getenv("HOME");
    std::filesystem::path folder;
    if (config != nullptr && config[0] == '/') {
        folder = config;
    } else if (home != nullptr && home[0] == '/') {
        folder = std::filesystem::path(home) / ".config";
    } else {
        return {};
    }
    return folder / "opendext" / "hid" / (application + ".plist");
}

bool is_plain_name(const std::string& name) {
    return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
           name.size() < 200;
}

}  // namespace

void Manager::save_properties(CFStringRef application) {
    if ((options_ & kIOHIDManagerOptionDoNotSaveProperties) != 0) return;
    const std::string name = application != nullptr ? std::string(cf::text_of(application))
                                                    : program_invocation_short_name;
    const std::filesystem::path file = domain_file(name);
    if (!is_plain_name(name) || file.empty()) {
        fail(kIOReturnBadArgument, "no file can be kept for the application " + name);
        return;
    }
    cf::Owned<CFDataRef> data;
    {
        const std::lock_guard lock(mutex_);
        data = cf::Owned(CFPropertyListCreateData(nullptr, properties_.get(),
                                                  kCFPropertyListXMLFormat_v1_0, 0, nullptr));
    }
    if (!data) {
        fail(kIOReturnBadArgument, "a property of the manager cannot be put into a property list");
        return;
    }
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    const std::filesystem::path fresh = file.string() + ".new";
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(CFDataGetBytePtr(data.get())),
              CFDataGetLength(data.get()));
    out.close();
    if (out) std::filesystem::rename(fresh, file, error);
    if (!out || error)
        fail(kIOReturnIOError,
             "cannot write " + file.string() + (error ? ": " + error.message() : std::string()));
}

void Manager::load_properties() {
    if ((options_ & kIOHIDManagerOptionUsePersistentProperties) == 0 ||
        (options_ & kIOHIDManagerOptionDoNotLoadProperties) != 0)
        return;
    std::ifstream in(domain_file(program_invocation_short_name), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.empty()) return;
    const cf::Owned data(CFDataCreate(nullptr, reinterpret_cast<const UInt8*>(text.data()),
                                      static_cast<CFIndex>(text.size())));
    const cf::Owned<CFPropertyListRef> read(CFPropertyListCreateWithData(
        nullptr, data.get(), kCFPropertyListImmutable, nullptr, nullptr));
    if (!read || CFGetTypeID(read.get()) != CFDictionaryGetTypeID()) return;
    for (const auto& [key, value] : cf::to<cf::Dictionary>(read.get(), "IOHIDManagerCreate").map())
        CFDictionarySetValue(properties_.get(), key, value);
}

}  // namespace opendext::hid_client
