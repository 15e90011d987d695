// SPDX-License-Identifier: Apache-2.0
// opendext hid: HID devices of the realm, simulated ones, what they report and what drivers make of
// it.
#include <cstdio>
#include <set>
#include <string>

#include "families/hid/cli/commands.h"
#include "tools/common/nearest_name.h"

namespace opendext::hid {
namespace {

struct Named {
    const char* name;
    const char* operands;
    const char* what;
    Command command;
};
constexpr Named kCommands[] = {
    {"ls", "", "HID devices of the realm, and who drives them", list_devices},
    {"plug", "DEVICE|FILE", "plugs in a simulated device", plug_device},
    {"unplug", "NAME…", "takes simulated devices away", unplug_device},
    {"send", "NAME BYTES…", "has a simulated device send a report", send_report},
    {"keys", "NAME TEXT", "types on a simulated keyboard", type_keys},
    {"play", "FILE [NAME]", "plays a recording", play_recording},
    {"record", "NAME", "records what a device reports", record_device},
    {"trace", "[NAME]", "shows what a driver makes of reports: report, element, event",
     trace_events},
    {"descriptor", "NAME|FILE", "explains a report descriptor", show_descriptor},
};

void print_help() {
    std::printf(
        "usage: opendext hid COMMAND …\n\n"
        "HID devices: those of the kernel, simulated ones, and those that drivers play.\n\n"
        "options:\n"
        "  --realm DIR             the realm to use; default: $OPENDEXT_REALM, the system's, the "
        "user's\n"
        "  --help                  print this and end\n"
        "  --version               print the version and end\n\n"
        "Commands:\n");
    for (const Named& one : kCommands) {
        const std::string head = std::string(one.name) + " " + one.operands;
        std::printf("  %-22s %s\n", head.c_str(), one.what);
    }
    std::printf(
        "\nA device is named as `opendext hid ls` shows it, or by its id.\n"
        "`opendext hid COMMAND --help` tells more.\n");
}

int run(const Arguments& arguments) {
    // --realm may stand before the command.
    Arguments rest = arguments;
    Arguments realm;
    while (!rest.empty() && rest[0].starts_with("--realm")) {
        const size_t words = rest[0] == "--realm" && rest.size() > 1 ? 2 : 1;
        realm.assign(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(words));
        rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(words));
    }
    if (rest.empty() || rest[0] == "--help" || rest[0] == "-h") {
        print_help();
        return rest.empty() ? tools::kExitUsage : tools::kExitSuccess;
    }
    if (rest[0] == "--version") {
        std::printf("opendext hid %s\n", std::string(tools::version()).c_str());
        return tools::kExitSuccess;
    }
    const std::string name = rest[0];
    rest.erase(rest.begin());
    rest.insert(rest.begin(), realm.begin(), realm.end());
    std::set<std::string> names;
    for (const Named& one : kCommands) {
        if (name == one.name) return one.command(rest);
        names.insert(one.name);
    }
    const std::string near = tools::nearest_name(name, names);
    tools::print_error("opendext hid", "there is no command " + name +
                                           (near.empty() ? "" : "; did you mean " + near + "?") +
                                           " (opendext hid --help)");
    return tools::kExitUsage;
}

}  // namespace
}  // namespace opendext::hid

int main(int argc, char** argv) {
    return opendext::hid::run({argv + 1, argv + argc});
}
