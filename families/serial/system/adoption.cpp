// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/adoption.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "families/serial/system/client_rights.h"
#include "families/serial/system/port_name.h"

namespace opendext::serial {
namespace {

using daemon::ClientProgram;
using daemon::Entry;
using daemon::EntryId;
using daemon::kNoEntry;
using daemon::LogLevel;

constexpr std::string_view kHeldAs = "serial-adopted";
constexpr std::string_view kAdoptedByKey = "SerialAdoptedBy";
constexpr std::chrono::milliseconds kSettleStep{50};
/// udev gets two seconds; without it nobody waits.
constexpr int kSettleSteps = 40;

std::string folder_of(const std::string& path) {
    return std::filesystem::path(path).parent_path().string();
}

/// Whoever may use the device.
Status check_rights(const std::string& path, const ClientProgram& program) {
    if (may_write(path, program)) return success();
    return Error{Errc::not_permitted, 0, "no rights for " + path + ": join its group, or use sudo"};
}

}  // namespace

Adoption::Adoption(daemon::FamilyHost& host, TtyPlaces places, bool scan, Others others)
    : host_(host),
      places_(std::move(places)),
      scan_(scan),
      others_(std::move(others)),
      nodes_(host, {[this](const std::string& path) {
                        if (scan_ && folder_of(path) == places_.devices)
                            consider(path, kSettleSteps);
                    },
                    [this](const std::string& path) { went(path); }, [this] { look_again(); }}) {}

std::vector<daemon::ClassDeclaration> Adoption::classes() {
    constexpr std::string_view kUsbBundle = "com.apple.driver.driverkit.serial";
    return {
        {std::string(kClass), "IOService", {}, false},
        {"IOUSBHostDevice", "IOService", {}, false, std::string(kUsbBundle)},
        {"IOUSBHostInterface", "IOService", {}, false, std::string(kUsbBundle)},
    };
}

void Adoption::start() {
    take_stock();
    daemon::NewEntry entry;
    entry.provider = host_.user_resources();
    entry.class_name = kClass;
    auto published = publish_or_take(std::move(entry));
    if (!published.ok()) {
        host_.log(LogLevel::error, kNoEntry, published.error().text());
        return;
    }
    entry_ = *published;
    // What was asked for comes first: it has the first choice of names.
    host_.fetch(std::string(kHeldAs), [this](Result<daemon::KeeperItem> held) {
        if (held.ok()) restore(held->properties);
        if (!scan_) return end_left();
        const Status watched = nodes_.add(places_.devices.string());
        if (!watched.ok()) {
            host_.log(
                LogLevel::notice, kNoEntry,
                "ttys that are plugged in do not appear by themselves: " + watched.error().text());
        }
        scan();
        if (settling_.empty()) return end_left();
        left_end_ = host_.after(kSettleSteps * kSettleStep * 2, [this] { end_left(); });
    });
}

/// What an earlier opendextd has published of this is there again.
void Adoption::take_stock() {
    for (const std::string_view name :
         {kClass, std::string_view("IOUSBHostDevice"), std::string_view("IOUSBHostInterface")}) {
        for (const EntryId id : host_.left(name)) left_.push_back(id);
    }
    for (const EntryId id : host_.left("IOSerialBSDClient")) {
        const Entry* port = host_.entry(id);
        if (port != nullptr && port->property(kAdoptedByKey) != nullptr) left_.push_back(id);
    }
}

/// Programs that know the entry go on knowing it.
Result<EntryId> Adoption::publish_or_take(daemon::NewEntry entry) {
    const auto same = [&](EntryId id) {
        const Entry* left = host_.entry(id);
        if (left == nullptr || left->class_name() != entry.class_name ||
            left->provider() != entry.provider || left->location != entry.location)
            return false;
        for (const char* key : {"IOTTYDevice", "IOCalloutDevice"}) {
            const Value* wanted = opendext::find(entry.properties, key);
            const Value* there = left->property(key);
            if (wanted != nullptr && (there == nullptr || !(*there == *wanted))) return false;
        }
        return true;
    };
    const auto found = std::find_if(left_.begin(), left_.end(), same);
    if (found == left_.end()) return host_.publish(std::move(entry));
    const EntryId id = *found;
    left_.erase(found);
    return id;
}

/// Of devices that went while there was no opendextd.
void Adoption::end_left() {
    for (const EntryId id : std::exchange(left_, {})) {
        if (host_.entry(id) != nullptr) host_.terminate(id);
    }
}

Status Adoption::request(const Dictionary& properties, const ClientProgram& program) {
    const Value* wish = opendext::find(properties, kAdoptKey);
    const std::string* name = find_string(properties, kReleaseKey);
    if (properties.size() == 1 && wish != nullptr && wish->dictionary() != nullptr)
        return adopt(*wish->dictionary(), program);
    if (properties.size() == 1 && name != nullptr) return release(*name, program);
    return Error{Errc::invalid, 0,
                 "give one of SerialAdopt, a dictionary with path and name, and SerialRelease, a "
                 "string"};
}

Status Adoption::adopt(const Dictionary& wish, const ClientProgram& program) {
    const std::string* path = find_string(wish, "path");
    const std::string* name = find_string(wish, "name");
    if (path == nullptr || path->empty() || path->front() != '/')
        return Error{Errc::invalid, 0, "SerialAdopt needs path, an absolute one"};
    Tty tty = OD_TRY(identify_tty(places_, *path));
    OD_TRY(check_rights(tty.path, program));
    if (const Port* port = find(tty.path); port != nullptr) {
        return Error{Errc::exists, 0,
                     tty.path + " is adopted already, as " + port->name +
                         "; to change its name release it first (`opendext serial release " +
                         port->name + "`)"};
    }
    if (const std::string port = others_.port_at(tty.path); !port.empty()) {
        return Error{Errc::exists, 0, tty.path + " is the terminal of port " + port + " already"};
    }
    const std::string base_name = name != nullptr ? *name : tty.base_name;
    const std::string suffix = name != nullptr ? "" : tty.suffix;
    OD_TRY(make_port_name(base_name, suffix));
    if (const std::string owner = owner_of_name(base_name + suffix); !owner.empty()) {
        return Error{Errc::exists, 0,
                     "port name " + base_name + suffix + " is taken by " + owner +
                         "; choose another with --name"};
    }
    OD_TRY(publish(std::move(tty), base_name, suffix, false));
    save();
    return success();
}

Status Adoption::release(const std::string& name_or_path, const ClientProgram& program) {
    const Port* port = find(name_or_path);
    if (port == nullptr) {
        const std::string owner = others_.owner_of_name(name_or_path);
        if (!owner.empty()) {
            return Error{Errc::invalid, 0,
                         "port " + name_or_path + " belongs to " + owner +
                             ", it is not an adopted device; `opendext serial rm` removes ports"};
        }
        return Error{Errc::not_found, 0,
                     "no adopted device has the name or path " + name_or_path +
                         " (`opendext serial ports` lists them)"};
    }
    OD_TRY(check_rights(port->tty.path, program));
    if (port->automatic) released_.insert(port->tty.path);
    remove(port->name, "released");
    save();
    return success();
}

const Adoption::Port* Adoption::find(const std::string& name_or_path) const {
    const auto by_name = ports_.find(name_or_path);
    if (by_name != ports_.end()) return &by_name->second;
    for (const auto& [name, port] : ports_) {
        if (port.tty.path == name_or_path) return &port;
    }
    return nullptr;
}

std::string Adoption::owner_of_name(const std::string& name) const {
    const auto port = ports_.find(name);
    return port != ports_.end() ? port->second.tty.path : others_.owner_of_name(name);
}

Status Adoption::publish(Tty tty, const std::string& base_name, const std::string& suffix,
                         bool automatic) {
    const std::string name = base_name + suffix;
    OD_TRY(nodes_.add(folder_of(tty.path)));
    Port port{std::move(tty), name, automatic};
    auto provider = publish_usb(port);
    daemon::NewEntry client;
    client.provider = provider.ok() ? *provider : entry_;
    client.class_name = "IOSerialBSDClient";
    client.properties = {
        {"IOTTYBaseName", Value(base_name)},
        {"IOTTYSuffix", Value(suffix)},
        {"IOTTYDevice", Value(name)},
        // The node that there is: under a second name lock files would not meet.
        {"IOCalloutDevice", Value(port.tty.path)},
        {"IODialinDevice", Value(port.tty.path)},
        {"IOSerialBSDClientType", Value("IORS232SerialStream")},
        {"SerialBackend", Value(port.tty.driver == "pty" ? "adopted pty" : "tty")},
        {"SerialDriver", Value(port.tty.driver)},
        {std::string(kAdoptedByKey), Value(automatic ? "the system" : "request")},
    };
    auto entry = publish_or_take(std::move(client));
    const std::string path = port.tty.path;
    port.entry = entry.ok() ? *entry : kNoEntry;
    ports_.emplace(name, std::move(port));
    if (!entry.ok()) {
        remove(name, "not published");
        return std::move(entry).error().in("adopting " + path);
    }
    host_.log(LogLevel::info, kNoEntry, "adopted " + path + " as serial port " + name);
    return success();
}

/// What the port stands on: its interface, if it is on USB; the entry of this object otherwise.
Result<daemon::EntryId> Adoption::publish_usb(Port& port) {
    if (!port.tty.usb) return entry_;
    const UsbPlace& usb = *port.tty.usb;
    UsbDevice& device = usb_devices_[usb.device_path];
    if (device.ports == 0) {
        daemon::NewEntry entry;
        entry.provider = entry_;
        entry.class_name = "IOUSBHostDevice";
        entry.name = usb.name;
        entry.location = usb.location;
        entry.properties = usb.device;
        entry.register_now = false;
        device.entry = OD_TRY(publish_or_take(std::move(entry)));
    }
    daemon::NewEntry entry;
    entry.provider = device.entry;
    entry.class_name = "IOUSBHostInterface";
    const Number* number = find_number(usb.interface, "bInterfaceNumber");
    entry.location = number != nullptr ? std::to_string(number->raw) : "";
    entry.properties = usb.interface;
    entry.register_now = false;
    port.interface = OD_TRY(publish_or_take(std::move(entry)));
    ++device.ports;
    return port.interface;
}

void Adoption::remove(const std::string& name, std::string_view why) {
    const auto node = ports_.extract(name);
    if (node.empty()) return;
    const Port& port = node.mapped();
    daemon::EntryId highest = port.entry;
    if (port.interface != kNoEntry) {
        highest = port.interface;
        const auto device = usb_devices_.find(port.tty.usb->device_path);
        if (device != usb_devices_.end() && --device->second.ports == 0) {
            highest = device->second.entry;
            usb_devices_.erase(device);
        }
    }
    if (highest != kNoEntry) host_.terminate(highest);
    nodes_.remove(folder_of(port.tty.path));
    host_.log(LogLevel::info, kNoEntry,
              "serial port " + name + " (" + port.tty.path + "): " + std::string(why));
}

void Adoption::scan() {
    for (const Tty& tty : find_ttys(places_)) consider(tty.path, kSettleSteps);
}

void Adoption::consider(const std::string& path, int tries_left) {
    settling_.erase(path);
    if (find(path) != nullptr || released_.contains(path)) return;
    auto tty = read_tty(places_, std::filesystem::path(path).filename().string());
    if (!tty.ok()) return;
    // A program that is told of the port opens it at once: its rights should be set by then.
    if (tries_left > 0 && !udev_is_done(places_, *tty)) {
        settling_[path] = host_.after(
            kSettleStep, [this, path, tries_left] { consider(std::string(path), tries_left - 1); });
        return;
    }
    const std::string base_name = tty->base_name;
    std::string suffix = tty->suffix;
    if (!owner_of_name(base_name + suffix).empty())
        suffix += "@" + std::filesystem::path(path).filename().string();
    Status done =
        make_port_name(base_name, suffix).ok() && owner_of_name(base_name + suffix).empty()
            ? publish(std::move(*tty), base_name, suffix, true)
            : Error{Errc::exists, 0, "its name " + base_name + suffix + " is taken"};
    if (!done.ok())
        host_.log(LogLevel::error, kNoEntry, path + " is not published: " + done.error().text());
}

void Adoption::went(const std::string& path) {
    settling_.erase(path);
    bool saved = released_.erase(path) > 0;
    if (const Port* port = find(path); port != nullptr) {
        saved = saved || !port->automatic;
        remove(std::string(port->name), "the device is gone");
    }
    if (saved) save();
}

void Adoption::look_again() {
    std::vector<std::string> gone;
    for (const auto& [name, port] : ports_) {
        struct stat node{};
        if (::stat(port.tty.path.c_str(), &node) != 0 || node.st_rdev != port.tty.number)
            gone.push_back(port.tty.path);
    }
    for (const std::string& path : gone) went(path);
    if (scan_) scan();
}

void Adoption::save() {
    Array list;
    for (const auto& [name, port] : ports_) {
        if (!port.automatic) list.push_back(Dictionary{{"path", port.tty.path}, {"name", name}});
    }
    Array released(released_.begin(), released_.end());
    host_.hold(std::string(kHeldAs),
               {{"ports", std::move(list)}, {"released", std::move(released)}}, {},
               [this](const Status& status) {
                   if (!status.ok()) host_.log(LogLevel::error, kNoEntry, status.error().text());
               });
}

void Adoption::restore(const Dictionary& notes) {
    const Value* released = opendext::find(notes, "released");
    const Value* ports = opendext::find(notes, "ports");
    if (released != nullptr && released->array() != nullptr) {
        for (const Value& path : *released->array()) {
            std::error_code error;
            if (path.string() != nullptr && std::filesystem::exists(*path.string(), error))
                released_.insert(*path.string());
        }
    }
    if (ports == nullptr || ports->array() == nullptr) return;
    for (const Value& wish : *ports->array()) {
        if (wish.dictionary() == nullptr) continue;
        const Status adopted = adopt(*wish.dictionary(), {0, 0});
        if (!adopted.ok()) host_.log(LogLevel::notice, kNoEntry, adopted.error().text());
    }
}

}  // namespace opendext::serial
