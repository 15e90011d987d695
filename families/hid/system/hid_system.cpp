// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/hid_system.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/io_return.h"
#include "families/hid/system/description.h"
#include "families/hid/system/leftovers.h"
#include "families/hid/system/matching.h"
#include "families/hid/system/rights.h"
#include "rpc/realm.h"

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::KeeperItem;
using daemon::kNoEntry;
using daemon::LogLevel;
using daemon::ProgramAnswer;
using daemon::ProgramRequest;

constexpr std::string_view kBundle = "com.apple.iokit.IOHIDFamily";
constexpr std::string_view kEntitlements = "IOServiceDEXTEntitlements";
constexpr std::string_view kTransport = "com.apple.developer.driverkit.transport.hid";
constexpr std::string_view kBuiltIn = "com.apple.developer.driverkit.builtin";
constexpr std::string_view kMayPlug = "com.apple.developer.hid.virtual.device";
constexpr std::string_view kUserDevice = "IOHIDUserDevice";
constexpr std::string_view kRawDevice = "IOHIDDevice";
constexpr std::string_view kUidKey = "OpenDextUid";
constexpr size_t kMaxPlugged = 4096;
constexpr uint64_t kSeize = 1;  // kIOHIDOptionsTypeSeizeDevice

/// The kernel's devices belong to the system's realm. OPENDEXT_HID_KERNEL=DEVICES:SYSFS, such as
/// /dev:/sys, gives them to any other.
const daemon::FamilyRegistration registration(
    "hid", [](daemon::FamilyHost& host) -> std::unique_ptr<daemon::Family> {
        HidSystem::Options options;
        options.kernel = host.device_directory() == "/dev";
        if (options.kernel)
            options.inhibition_notes = Realm::system().root() / "run" / "hid-inhibited";
        if (const char* text = std::getenv("OPENDEXT_HID_KERNEL"); text != nullptr) {
            const std::string_view folders = text;
            const size_t colon = folders.find(':');
            options.kernel = colon != std::string_view::npos;
            if (options.kernel) {
                options.places.devices = folders.substr(0, colon);
                options.places.sysfs = folders.substr(colon + 1);
            }
        }
        return std::make_unique<HidSystem>(host, std::move(options));
    });

bool is_packet_socket(int fd) {
    int type = 0, domain = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
    size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           type == SOCK_SEQPACKET;
}

/// What a device's interface and its event service have of it.
Dictionary device_properties(const Entry& device) {
    Dictionary properties;
    device.visit_properties([&](std::string_view key, const Value& value) {
        if (!key.starts_with("IO") && !key.starts_with("CFBundle") &&
            !key.starts_with("OpenDext") && !key.starts_with("com.apple."))
            properties.emplace(key, value);
    });
    return properties;
}

bool is_numbered(const Entry& device) {
    const Value* descriptor = device.property("ReportDescriptor");
    if (descriptor == nullptr || descriptor->data() == nullptr) return false;
    const auto described = describe_device({{"ReportDescriptor", *descriptor}}, "");
    return described.ok() && described->numbered;
}

Error no_entry() {
    return Error::kern(daemon::kIOReturnNoDevice, "the device is gone");
}

}  // namespace

HidSystem::HidSystem(daemon::FamilyHost& host, Options options)
    : host_(host),
      kernel_(options.kernel),
      nodes_(host, options.kernel),
      inhibition_(host, options.places, options.inhibition_notes),
      hidraw_(host, options.places,
              {[this](const HidrawDevice& found) { hidraw_appeared(found); },
               [this](const std::string& name) { hidraw_gone(name); }}) {}

std::vector<daemon::ClassDeclaration> HidSystem::classes() const {
    const std::string bundle(kBundle);
    const auto needs = [](std::string_view entitlement) {
        return Dictionary{{std::string(kEntitlements), Value(entitlement)}};
    };
    // No user client stands on these: programs have a call of their own for them.
    const Dictionary device{{"OpenDextProgramsUse", Value("IOHIDDeviceOpen")}};
    Dictionary virtual_device = needs("com.apple.developer.driverkit.family.hid.device");
    virtual_device.insert(device.begin(), device.end());
    return {
        {std::string(kRawDevice), "IOService", device, false, bundle},
        {std::string(kUserDevice), "IOHIDDevice", device, false, bundle},
        {"AppleUserHIDDevice", "IOHIDDevice", std::move(virtual_device), true, bundle},
        {"IOHIDInterface", "IOService", needs(kTransport), false, bundle, true},
        {"IOHIDEventService", "IOService", {}, false, bundle},
        {"AppleUserHIDEventService", "IOHIDEventService",
         needs("com.apple.developer.driverkit.family.hid.eventservice"), true, bundle},
    };
}

daemon::FamilyVerdict HidSystem::match(const Entry& nub, const Dictionary& table) {
    return match_hid(nub, table);
}

Device& HidSystem::add(Device::Make make) {
    auto& place = devices_[make.entry];
    place = std::make_unique<Device>(host_, std::move(make));
    return *place;
}

Device* HidSystem::device_of(EntryId entry) {
    const auto device = devices_.find(entry);
    return device == devices_.end() ? nullptr : device->second.get();
}

Device* HidSystem::device_below(const Entry& interface) {
    return device_of(interface.provider());
}

// Life of the realm and of objects.
// -------------------------------------------------------------------------------------------------

void HidSystem::realm_started() {
    nodes_.realm_started();
    release_left_of(host_, [this](EntryId id) { return host_.entry(id) == nullptr; });
    resume_plugged();
    if (!kernel_) return;
    resume_raw();
    inhibition_.realm_started();
    hidraw_.start();
    // Those that hidraw_.start() did not find again.
    for (const auto& [place, entry] : std::exchange(left_raw_, {})) host_.terminate(entry);
}

void HidSystem::resume_plugged() {
    for (const EntryId id : host_.left(kUserDevice)) {
        const Entry& entry = *host_.entry(id);
        Device::Make make;
        make.entry = id;
        make.numbered = is_numbered(entry);
        make.name = entry.name;
        make.unplugged = [this, id] { host_.terminate(id); };
        add(std::move(make)).resume([this, id] {
            if (const Entry* device = host_.entry(id); device != nullptr && !device->registered)
                host_.register_entry(id);
        });
    }
}

void HidSystem::object_attached(const Entry& object) {
    if (!object.is_kind_of("IOHIDEventService")) return;
    // Programs look for event services by the keys of their devices too.
    const Entry* provider = host_.entry(object.provider());
    if (provider == nullptr) return;
    const EntryId id = object.id;
    const Dictionary own = object.merged_properties();
    for (auto& [key, value] : device_properties(*provider)) {
        if (!own.contains(key)) host_.set_property(id, key, value);
    }
}

void HidSystem::object_started(const Entry& object, std::function<void(Status)> done) {
    if (object.is_kind_of("AppleUserHIDDevice") && device_of(object.id) == nullptr) {
        return done(Error{Errc::invalid, 0,
                          "the driver described no device: Start of the class has to call "
                          "Start of IOUserHIDDevice"});
    }
    done(success());
}

void HidSystem::object_adopted(const Entry& object) {
    if (!object.is_kind_of("AppleUserHIDDevice")) return;
    Device::Make make;
    make.entry = object.id;
    make.player = Player::driver;
    make.numbered = is_numbered(object);
    make.name = object.name;
    add(std::move(make)).resume();
}

void HidSystem::object_registered(const Entry& object) {
    if (!object.is_kind_of("IOHIDDevice")) return;
    for (const EntryId client : object.clients) {
        const Entry* entry = host_.entry(client);
        if (entry != nullptr && entry->is_kind_of("IOHIDInterface")) return;
    }
    daemon::NewEntry interface;
    interface.provider = object.id;
    interface.class_name = "IOHIDInterface";
    interface.properties = device_properties(object);
    const Value* built_in = object.property("Built-In");
    if (built_in != nullptr && built_in->boolean() != nullptr && *built_in->boolean()) {
        // Both of them (docs/facts/semantics.md section 5).
        interface.properties.insert_or_assign(
            std::string(kEntitlements),
            Value(Array{Value(Array{Value(kTransport), Value(kBuiltIn)})}));
    }
    const auto published = host_.publish(std::move(interface));
    if (!published.ok()) host_.log(LogLevel::error, object.id, published.error().text());
}

void HidSystem::object_ended(const Entry& object, daemon::End end) {
    nodes_.object_ended(object, end);
    if (object.is_kind_of("IOHIDEventService"))
        host_.release("hid-trace:" + std::to_string(object.id), [](const Status&) {});
    if (object.is_kind_of("IOHIDInterface")) inhibition_.give_back(object.id);
    if (Device* device = device_of(object.id); device != nullptr) {
        device->end();
        devices_.erase(object.id);
    } else if (object.is_kind_of("IOHIDDevice")) {
        // It ended before this opendextd could adopt it.
        release_left_of(host_, [&](EntryId id) { return id == object.id; });
    }
}

void HidSystem::driver_given_up(EntryId nub, const std::string& bundle_id) {
    nodes_.driver_given_up(nub, bundle_id);
}

// Programs.
// -------------------------------------------------------------------------------------------------

bool HidSystem::program_request(ProgramRequest& request) {
    if (request.what == "plug") {
        plug(std::move(request));
    } else if (request.what == "unplug") {
        unplug(std::move(request));
    } else if (request.what == "open") {
        open(std::move(request));
    } else if (request.what == "close") {
        close(std::move(request));
    } else if (request.what == "trace") {
        trace(std::move(request));
    } else {
        return false;
    }
    return true;
}

/// The user who runs the realm may do everything in it.
bool HidSystem::is_owner(const daemon::ClientProgram& program) {
    return program.uid == 0 || program.uid == ::geteuid();
}

void HidSystem::plug(ProgramRequest request) {
    const auto& program = request.program;
    if (!is_owner(program) && !program.entitlements.contains(kMayPlug)) {
        return request.respond(Error::kern(
            daemon::kIOReturnNotPermitted,
            "simulated HID devices in this realm need the entitlement " + std::string(kMayPlug)));
    }
    const Value* given = opendext::find(request.arguments, "properties");
    if (given == nullptr || given->dictionary() == nullptr) {
        return request.respond(
            Error::kern(daemon::kIOReturnBadArgument,
                        "plug needs \"properties\", a dictionary, with ReportDescriptor in it"));
    }
    if (request.fds.size() != 1 || !is_packet_socket(request.fds[0].get())) {
        return request.respond(
            Error::kern(daemon::kIOReturnBadArgument,
                        "plug needs one descriptor: an end of a pair of SOCK_SEQPACKET sockets"));
    }
    const size_t plugged =
        static_cast<size_t>(std::count_if(devices_.begin(), devices_.end(), [](const auto& device) {
            return device.second->player() == Player::program;
        }));
    if (plugged >= kMaxPlugged) {
        return request.respond(
            Error::kern(daemon::kIOReturnNoResources,
                        "there are " + std::to_string(kMaxPlugged) + " simulated devices already"));
    }
    auto described = describe_device(*given->dictionary(), "Virtual");
    if (!described.ok()) {
        return request.respond(Error::kern(daemon::kIOReturnBadArgument, described.error().text()));
    }
    auto copy = request.fds[0].duplicate();
    if (!copy.ok()) return request.respond(std::move(copy).error());

    daemon::NewEntry entry;
    entry.provider = host_.user_resources();
    entry.class_name = kUserDevice;
    entry.properties = std::move(described->properties);
    entry.properties.insert_or_assign("OpenDextPid", Value(program.pid));
    entry.properties.insert_or_assign(std::string(kUidKey), Value(program.uid));
    entry.register_now = false;
    const auto published = host_.publish(std::move(entry));
    if (!published.ok()) return request.respond(published.error());
    const EntryId id = *published;
    for (const std::string& key : described->left_out)
        host_.log(LogLevel::notice, id, "property " + key + " is not a device's to set");

    Device::Make make;
    make.entry = id;
    make.numbered = described->numbered;
    make.name = described->name;
    make.control = std::move(request.fds[0]);
    make.unplugged = [this, id] { host_.terminate(id); };
    add(std::move(make));
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*copy));
    // Registered once it outlives this process.
    host_.hold(Device::control_key(id), {}, std::move(fds),
               [this, id, respond = std::move(request.respond)](const Status& held) {
                   if (!held.ok()) {
                       host_.terminate(id);
                       return respond(held.error());
                   }
                   if (device_of(id) == nullptr) return respond(no_entry());
                   host_.register_entry(id);
                   respond(ProgramAnswer{{{"entry", Value(id)}}, {}});
               });
}

void HidSystem::unplug(ProgramRequest request) {
    const Device* device = device_of(request.entry);
    const Entry* entry = host_.entry(request.entry);
    if (device == nullptr || entry == nullptr) return request.respond(no_entry());
    if (device->player() != Player::program) {
        return request.respond(
            Error::kern(daemon::kIOReturnUnsupported, entry->name + " is not a simulated device"));
    }
    if (!is_owner_of(*entry, request.program)) {
        return request.respond(Error::kern(daemon::kIOReturnNotPermitted,
                                           entry->name + " was plugged by another user"));
    }
    host_.terminate(request.entry);
    request.respond(ProgramAnswer{});
}

bool HidSystem::is_owner_of(const Entry& device, const daemon::ClientProgram& program) {
    const Value* uid = device.property(kUidKey);
    return is_owner(program) ||
           (uid != nullptr && uid->number() != nullptr && uid->number()->raw == program.uid);
}

void HidSystem::open(ProgramRequest request) {
    Device* device = device_of(request.entry);
    const Entry* entry = host_.entry(request.entry);
    if (device == nullptr || entry == nullptr || entry->activity != daemon::Activity::active)
        return request.respond(no_entry());
    if (device->player() == Player::program && !is_owner_of(*entry, request.program)) {
        return request.respond(Error::kern(daemon::kIOReturnNotPermitted,
                                           entry->name + " is a simulated device of another user"));
    }
    const Number* options = find_number(request.arguments, "options");
    const bool seize = options != nullptr && (options->raw & kSeize) != 0;
    if (!is_owner(request.program)) {
        Status may = success();
        if (device->player() == Player::driver) may = may_use_virtual(*entry);
        if (device->player() == Player::kernel && seize)
            may = may_seize(device->node(), request.fds);
        if (!may.ok()) return request.respond(std::move(may).error());
    }
    Visitor visitor;
    visitor.pid = request.program.pid;
    visitor.name = request.program.name;
    visitor.exclusive = seize;
    device->open(
        std::move(visitor), [numbered = device->numbered(),
                             respond = std::move(request.respond)](Result<Device::Opened> opened) {
            if (!opened.ok()) return respond(std::move(opened).error());
            ProgramAnswer answer;
            const bool hidraw = opened->gate.valid();
            answer.result = {{"link", Value(hidraw ? "hidraw" : "socket")},
                             {"user", Value(opened->user)},
                             {"numbered", Value(numbered)}};
            if (hidraw) answer.result.emplace("hidraw", Value(opened->node));
            answer.fds.push_back(std::move(opened->lease));
            answer.fds.push_back(hidraw ? std::move(opened->gate) : std::move(opened->link));
            respond(std::move(answer));
        });
}

void HidSystem::close(ProgramRequest request) {
    Device* device = device_of(request.entry);
    if (device == nullptr) return request.respond(no_entry());
    const Number* user = find_number(request.arguments, "user");
    if (user == nullptr) {
        return request.respond(Error::kern(daemon::kIOReturnBadArgument,
                                           "close needs \"user\", the number that open gave"));
    }
    const Status closed = device->close_user(static_cast<uint32_t>(user->raw), request.program.pid);
    if (!closed.ok()) return request.respond(closed.error());
    request.respond(ProgramAnswer{});
}

void HidSystem::trace(ProgramRequest request) {
    if (!is_owner(request.program)) {
        return request.respond(
            Error::kern(daemon::kIOReturnNotPermitted,
                        "what is typed is shown to the user who runs the realm only"));
    }
    host_.fetch(
        "hid-trace:" + std::to_string(request.entry),
        [respond = std::move(request.respond)](Result<KeeperItem> item) {
            if (!item.ok() || item->fds.size() != 1) {
                return respond(Error::kern(daemon::kIOReturnNotFound,
                                           "the entry has no trace: it is no event service, "
                                           "or its driver has not started"));
            }
            ProgramAnswer answer;
            answer.fds = std::move(item->fds);
            respond(std::move(answer));
        });
}

}  // namespace opendext::hid
