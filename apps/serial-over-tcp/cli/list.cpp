// SPDX-License-Identifier: Apache-2.0
// opendext serial ls: what ports there are, and all about one.
#include <opendext/client.h>

#include <algorithm>
#include <cstdio>

#include "apps/serial-over-tcp/agent/saved_ports.h"
#include "apps/serial-over-tcp/cli/commands.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp::cli {
namespace {

LinkOptions options_of(const PortInfo& port) {
    auto options = LinkOptions::parse(port.options);
    return options.ok() ? *options : LinkOptions{};
}

void print_row(const char* name, const std::string& value) {
    if (!value.empty()) std::printf("  %-12s%s\n", name, value.c_str());
}

void print_counters(const PortInfo& port) {
    const auto number = [](uint64_t value) { return std::to_string(value); };
    print_row("connections",
              number(port.connections) + " made" +
                  (port.clients == 0 ? "" : ", " + number(port.clients) + " now") +
                  (port.refused == 0 ? "" : ", " + number(port.refused) + " refused"));
    print_row("bytes",
              number(port.bytes_sent) + " sent, " + number(port.bytes_received) + " received, " +
                  number(port.bytes_queued) + " waiting" +
                  (port.bytes_dropped == 0 ? "" : ", " + number(port.bytes_dropped) + " dropped"));
    print_row("last error", port.last_error);
}

void print_details(const PortInfo& port) {
    std::printf("%s\n", port.name.c_str());
    print_row("device", port.device);
    print_row("dial-in", port.dialin);
    print_row("remote", port.remote);
    print_row("options", port.options);
    print_row("state", port.state + (port.peer.empty() ? "" : " to " + port.peer));
    print_row("protocol", port.protocol);
    if (port.device.empty()) return;
    if (!port.remote.empty()) print_counters(port);
    print_row("driver", port.bundle_id + ", pid " + std::to_string(port.pid));
    if (port.backend != "pty") {
        print_row("backend", port.backend);
        return;
    }
    std::printf(
        "  backend     pty (a pseudo-terminal). Speed, stop bits and flow control settings reach "
        "the driver.\n"
        "              It cannot carry, and what happens instead:\n"
        "              7 data bits, parity   left out; tcsetattr fails with EINVAL if nothing else "
        "changed; always 8N\n"
        "              modem lines           reading or setting them fails with ENOTTY\n"
        "              break                 succeeds and is not passed on\n"
        "              drain                 tcdrain returns when the bytes have reached the "
        "pseudo-terminal\n"
        "              lists of ports        programs do not list it; give them the path of the "
        "device\n"
        "              At the far end: opendext serial set NAME bits=7 parity=even dtr=1 rts=0 "
        "break=250ms\n"
        "              A program that sets them itself: opendext serial run PROGRAM\n");
}

}  // namespace

Value to_value(const PortInfo& port) {
    return Dictionary{{"name", port.name},
                      {"device", port.device},
                      {"dialin", port.dialin},
                      {"remote", port.remote},
                      {"options", port.options},
                      {"saved", options_of(port).saved},
                      {"state", port.state},
                      {"peer", port.peer},
                      {"last_error", port.last_error},
                      {"protocol", port.protocol},
                      {"pid", static_cast<uint32_t>(port.pid)},
                      {"backend", port.backend},
                      {"clients", port.clients},
                      {"connections", port.connections},
                      {"refused", port.refused},
                      {"bytes_sent", port.bytes_sent},
                      {"bytes_received", port.bytes_received},
                      {"bytes_dropped", port.bytes_dropped},
                      {"bytes_queued", port.bytes_queued},
                      {"bundle_id", port.bundle_id}};
}

std::vector<PortInfo> all_ports(const Realm& realm) {
    std::vector<PortInfo> ports;
    const bool up = tools::realm_is_up(realm);
    if (up) {
        opendext_set_realm(realm.root().c_str());
        ports = list_ports();
    }
    const SavedPorts::Loaded saved = SavedPorts(realm).load();
    for (const std::string& problem : saved.problems)
        tools::print_error("opendext serial", problem);
    for (const SavedPort& port : saved.ports) {
        if (std::any_of(ports.begin(), ports.end(),
                        [&](const PortInfo& one) { return one.name == port.name; }))
            continue;
        PortInfo row;
        row.name = port.name;
        row.remote = port.remote.text();
        row.options = port.options.text();
        row.state = up ? "its driver is not up" : "the realm is not up";
        ports.push_back(std::move(row));
    }
    std::sort(ports.begin(), ports.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return ports;
}

int list(const Words& arguments) {
    bool json = false;
    tools::CommandLine line(
        "opendext serial ls", "[NAME]",
        "Lists the serial ports of the realm; with NAME also what that port cannot do.");
    line.flag("--json", json, "print an array of objects (docs/schemas/serial.json)");
    if (const auto status = line.parse(arguments, 0, 1)) return *status;
    std::vector<PortInfo> ports = all_ports(line.realm());
    if (!line.operands().empty()) {
        const std::string& name = line.operands().front();
        std::erase_if(ports, [&](const PortInfo& port) { return port.name != name; });
        if (ports.empty())
            return line.failure(Error{Errc::not_found, 0, "there is no port " + name});
    }
    if (json) {
        Array rows;
        for (const auto& port : ports) rows.push_back(to_value(port));
        std::printf("%s\n", tools::to_json(rows, 2).c_str());
    } else if (!line.operands().empty()) {
        print_details(ports.front());
    } else {
        const auto dash = [](const std::string& text) { return text.empty() ? "-" : text.c_str(); };
        for (const auto& port : ports) {
            std::printf("%-16s %-32s %-28s %s%s\n", port.name.c_str(), dash(port.device),
                        dash(port.remote), dash(port.state),
                        options_of(port).saved ? "  (saved)" : "");
        }
    }
    return tools::kExitSuccess;
}

}  // namespace opendext::serial_tcp::cli
