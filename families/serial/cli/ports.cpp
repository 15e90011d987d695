// SPDX-License-Identifier: Apache-2.0
// opendext ports: the serial ports of the realm, found as a program finds them: by
// IOServiceGetMatchingServices, not by the names in a folder.

#include <IOKit/serial/IOSerialKeys.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <opendext/client.hpp>
#include <vector>

#include "families/serial/cli/device_users.h"
#include "rpc/value.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::serial {
namespace {

namespace io = opendext::iokit;

struct Port {
    std::string name;  ///< base name and suffix: the same whenever the port is plugged again
    std::string callout;
    std::string dialin;
    std::string type;
    std::string driver;  ///< name of the driver's entry; of an adopted device, the kernel's driver
    std::string bundle_id;
    std::string state;
    std::string backend;  ///< "pty"; "tty" or "adopted pty" if it is adopted
    int64_t pid = 0;
    uint64_t id = 0;
    Value usb;  ///< identity, a dictionary; null if it has none
    std::vector<DeviceUser> users;

    [[nodiscard]] bool adopted() const { return backend != "pty"; }
};

std::string state_of(const Port& port) {
    if (port.pid == 0 && !port.adopted()) return "waiting for its driver";
    if (::access(port.callout.c_str(), F_OK) != 0) return "without a node";
    return ::access(port.callout.c_str(), R_OK | W_OK) == 0 ? "ready" : "not allowed for this user";
}

/// What the USB device above the port says of itself.
Value read_usb(const io::Service& service) {
    if (service.search_property("idVendor").number_or(-1) < 0) return {};
    Dictionary usb;
    const std::pair<const char*, const char*> numbers[] = {{"vendor_id", "idVendor"},
                                                           {"product_id", "idProduct"},
                                                           {"interface", "bInterfaceNumber"},
                                                           {"location", "locationID"}};
    const std::pair<const char*, const char*> texts[] = {{"vendor", "kUSBVendorString"},
                                                         {"product", "kUSBProductString"},
                                                         {"serial", "kUSBSerialNumberString"}};
    for (const auto& [key, property] : numbers)
        usb[key] = service.search_property(property).number_or(0);
    for (const auto& [key, property] : texts)
        usb[key] = service.search_property(property).string_or("");
    return usb;
}

Port read_port(const io::Service& service, const DeviceUsers& users) {
    const auto text = [&](const char* key) { return service.property(key).string_or(""); };
    Port port;
    port.name = text(kIOTTYBaseNameKey) + text(kIOTTYSuffixKey);
    port.callout = text(kIOCalloutDeviceKey);
    port.dialin = text(kIODialinDeviceKey);
    port.type = text(kIOSerialBSDTypeKey);
    port.backend = text("SerialBackend");
    port.id = service.id();
    if (port.adopted()) {
        port.driver = text("SerialDriver");
        port.usb = read_usb(service);
    } else if (const auto driver = service.parent()) {  // the node stands on it
        port.driver = driver->name();
        port.pid = driver->process();
    }
    port.bundle_id = service.search_property("CFBundleIdentifier").string_or("");
    port.users = users.of(port.callout);
    port.state = state_of(port);
    return port;
}

io::Result<std::vector<Port>> find_ports(const std::string& type, const DeviceUsers& users) {
    auto found =
        io::Matching::by_class(kIOSerialBSDServiceValue).set(kIOSerialBSDTypeKey, type).all();
    if (!found) return found.error();
    std::vector<Port> ports;
    for (const io::Service& service : *found) {
        Port port = read_port(service, users);
        if (!port.name.empty()) ports.push_back(std::move(port));  // else it went meanwhile
    }
    std::sort(ports.begin(), ports.end(),
              [](const Port& a, const Port& b) { return a.name < b.name; });
    return ports;
}

std::string to_text(const std::vector<Port>& ports) {
    if (ports.empty()) return "no serial ports\n";
    std::string text;
    for (const Port& port : ports) {
        text += port.name + "  " + port.callout + "  " + port.dialin + "  " + port.state;
        if (port.pid != 0) text += "  process " + std::to_string(port.pid);
        text += "  " + (port.bundle_id.empty() ? port.driver : port.bundle_id);
        if (const Dictionary* usb = port.usb.dictionary()) {
            for (const char* key : {"vendor", "product", "serial"}) {
                const std::string* word = find_string(*usb, key);
                if (word != nullptr && !word->empty()) text += "  " + *word;
            }
        }
        for (const DeviceUser& user : port.users)
            text += "  open in " + user.command + " (" + std::to_string(user.pid) + ")";
        text += "\n";
    }
    return text;
}

/// Whether somebody has the port open; null if this user cannot know.
Value in_use(const Port& port, const DeviceUsers& users) {
    if (port.users.empty() && !users.complete()) return {};
    return !port.users.empty();
}

std::string to_json(const std::vector<Port>& ports, const DeviceUsers& users) {
    Array list;
    for (const Port& port : ports) {
        Array used_by;
        for (const DeviceUser& user : port.users)
            used_by.push_back(Dictionary{{"pid", user.pid}, {"command", user.command}});
        list.push_back(Dictionary{{"name", port.name},
                                  {"callout", port.callout},
                                  {"dialin", port.dialin},
                                  {"type", port.type},
                                  {"driver", port.driver},
                                  {"bundle_id", port.bundle_id},
                                  {"state", port.state},
                                  {"backend", port.backend},
                                  {"usb", port.usb},
                                  {"in_use", in_use(port, users)},
                                  {"used_by", std::move(used_by)},
                                  {"pid", port.pid},
                                  {"id", port.id}});
    }
    return tools::to_json(list, 2) + "\n";
}

int main(int argc, char** argv) {
    bool json = false;
    std::string type = kIOSerialBSDAllTypes;
    tools::CommandLine line("opendext ports", "[--type TYPE] [--json]",
                            "Lists the serial ports of the realm: name, callout node, dial-in "
                            "node, state, driver, identity, who has it open. Also `opendext "
                            "serial ports`.");
    line.option("--type", "TYPE", type,
                "only ports of this type: IORS232SerialStream, IOModemSerialStream")
        .flag("--json", json, "print JSON (docs/schemas/opendext-ports.json)")
        .footer("A port has the same name whenever its device is plugged in again.");
    if (const auto status = line.parse(argc, argv)) return *status;
    const Realm realm = line.realm();
    const Status up = tools::ensure_realm(realm);
    if (!up.ok()) return line.failure(up.error());
    const auto selected = io::set_realm(realm.root().string());
    const DeviceUsers users = DeviceUsers::read();
    const auto ports = find_ports(type, users);
    if (!selected || !ports) {
        tools::print_error("opendext ports", (selected ? ports.error() : selected.error()).text());
        return tools::kExitFailure;
    }
    const std::string text = json ? to_json(*ports, users) : to_text(*ports);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::serial

int main(int argc, char** argv) {
    return opendext::serial::main(argc, argv);
}
