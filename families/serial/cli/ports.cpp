// SPDX-License-Identifier: Apache-2.0
// opendext ports: the serial ports of the realm, found as a program finds them: by
// IOServiceGetMatchingServices, not by the names in a folder.

#include <IOKit/serial/IOSerialKeys.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <opendext/client.hpp>
#include <vector>

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
    std::string driver;  ///< name of the driver's entry
    std::string bundle_id;
    std::string state;
    int64_t pid = 0;
    uint64_t id = 0;
};

std::string state_of(const Port& port) {
    if (port.pid == 0) return "waiting for its driver";
    if (::access(port.callout.c_str(), F_OK) != 0) return "without a node";
    return ::access(port.callout.c_str(), R_OK | W_OK) == 0 ? "ready" : "not allowed for this user";
}

Port read_port(const io::Service& service) {
    const auto text = [&](const char* key) { return service.property(key).string_or(""); };
    Port port;
    port.name = text(kIOTTYBaseNameKey) + text(kIOTTYSuffixKey);
    port.callout = text(kIOCalloutDeviceKey);
    port.dialin = text(kIODialinDeviceKey);
    port.type = text(kIOSerialBSDTypeKey);
    port.id = service.id();
    // The node stands on its driver.
    if (const auto driver = service.parent()) {
        port.driver = driver->name();
        port.pid = driver->process();
    }
    port.bundle_id = service.search_property("CFBundleIdentifier").string_or("");
    port.state = state_of(port);
    return port;
}

io::Result<std::vector<Port>> find_ports(const std::string& type) {
    auto found =
        io::Matching::by_class(kIOSerialBSDServiceValue).set(kIOSerialBSDTypeKey, type).all();
    if (!found) return found.error();
    std::vector<Port> ports;
    for (const io::Service& service : *found) {
        Port port = read_port(service);
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
        text += "  " + port.bundle_id + "\n";
    }
    return text;
}

std::string to_json(const std::vector<Port>& ports) {
    Array list;
    for (const Port& port : ports) {
        list.push_back(Dictionary{{"name", port.name},
                                  {"callout", port.callout},
                                  {"dialin", port.dialin},
                                  {"type", port.type},
                                  {"driver", port.driver},
                                  {"bundle_id", port.bundle_id},
                                  {"state", port.state},
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
                            "node, state, driver.");
    line.option("--type", "TYPE", type,
                "only ports of this type: IORS232SerialStream, IOModemSerialStream")
        .flag("--json", json, "print JSON (docs/schemas/opendext-ports.json)")
        .footer("A port has the same name whenever its device is plugged in again.");
    if (const auto status = line.parse(argc, argv)) return *status;
    const Realm realm = line.realm();
    const Status up = tools::ensure_realm(realm);
    if (!up.ok()) return line.failure(up.error());
    const auto selected = io::set_realm(realm.root().string());
    const auto ports = find_ports(type);
    if (!selected || !ports) {
        tools::print_error("opendext ports", (selected ? ports.error() : selected.error()).text());
        return tools::kExitFailure;
    }
    const std::string text = json ? to_json(*ports) : to_text(*ports);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::serial

int main(int argc, char** argv) {
    return opendext::serial::main(argc, argv);
}
