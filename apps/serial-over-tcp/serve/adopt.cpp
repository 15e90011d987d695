// SPDX-License-Identifier: Apache-2.0
// opendext serial adopt: publishes a tty that exists as a serial port of the realm.
#include <opendext/client.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "apps/serial-over-tcp/agent/registry.h"
#include "apps/serial-over-tcp/serve/device_rights.h"
#include "apps/serial-over-tcp/serve/family_request.h"
#include "families/serial/system/port_name.h"
#include "tools/common/command_line.h"
#include "tools/common/realm_control.h"

namespace {

using namespace opendext;
using namespace opendext::serial_tcp;
namespace fs = std::filesystem;

/// A pseudo-terminal is known by the link that was made for it, not by its number.
std::string name_of_link(const std::string& given, const std::string& real) {
    std::error_code error;
    if (!real.starts_with("/dev/pts/") || !fs::is_symlink(given, error)) return {};
    const auto name = serial::make_port_name(fs::path(given).filename().string(), "");
    return name.ok() ? *name : "";
}

}  // namespace

int main(int argc, char** argv) {
    std::string name;
    tools::CommandLine line("opendext serial adopt", "DEVICE [--name NAME]",
                            "Publishes a tty that exists, real or pseudo, as a serial port of the "
                            "realm, and prints the port's name.");
    line.option("--name", "NAME", name, "of the port; otherwise of its identity")
        .footer("The port goes when the device goes, or with `opendext serial release NAME`.");
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    const std::string& given = line.operands().front();
    if (const auto allowed = check_device_rights(given); !allowed.ok())
        return line.failure(allowed.error());
    const std::string path = real_path(given);
    if (name.empty()) name = name_of_link(given, path);
    Dictionary wish{{"path", path}};
    if (!name.empty()) wish["name"] = name;

    const Realm realm = line.realm();
    if (const auto up = tools::ensure_realm(realm); !up.ok()) return line.failure(up.error());
    const Status adopted = ask_family(realm, "SerialAdopt", std::move(wish));
    if (!adopted.ok()) return line.failure(adopted.error());
    opendext_set_realm(realm.root().c_str());
    const auto all = list_ports();
    const auto port = std::find_if(all.begin(), all.end(),
                                   [&](const PortInfo& one) { return one.device == path; });
    if (port == all.end())
        return line.failure(Error{Errc::not_found, 0, path + " went as soon as it was adopted"});
    std::printf("%s\n", port->name.c_str());
    return tools::kExitSuccess;
}
