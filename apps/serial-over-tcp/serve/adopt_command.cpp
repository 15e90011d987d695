// SPDX-License-Identifier: Apache-2.0
#include <opendext/client.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "apps/serial-over-tcp/agent/registry.h"
#include "apps/serial-over-tcp/serve/commands.h"
#include "apps/serial-over-tcp/serve/device_rights.h"
#include "families/serial/system/port_name.h"
#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp::cli {
namespace {

namespace fs = std::filesystem;
namespace wire = opendext::protocol::client;

/// Asks the serial family in opendextd (families/serial/system/adoption.h).
Status ask_family(const Realm& realm, const std::string& key, Value value) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext serial"));
    const auto found = OD_TRY(daemon.request<wire::Entries>(
        wire::Match{{{"IOProviderClass", "OpenDextSerialPorts"}}, 1}));
    if (found.ids.empty())
        return Error{Errc::unsupported, 0,
                     "opendextd of this realm has no serial family; is it of another version?"};
    OD_TRY(daemon.request<wire::PropertiesSet>(
        wire::SetProperties{found.ids.front(), Dictionary{{key, std::move(value)}}}));
    return success();
}

/// A pseudo-terminal is known by the link that was made for it, not by its number.
std::string name_of_link(const std::string& given, const std::string& real) {
    std::error_code error;
    if (!real.starts_with("/dev/pts/") || !fs::is_symlink(given, error)) return {};
    const auto name = serial::make_port_name(fs::path(given).filename().string(), "");
    return name.ok() ? *name : "";
}

/// A word of a port's name or of a path is wanted; a path is made one that opendextd knows.
std::string absolute(const std::string& text) {
    std::error_code error;
    const fs::path real = fs::canonical(text, error);
    return error ? fs::absolute(text, error).string() : real.string();
}

}  // namespace

int adopt(const std::vector<std::string>& arguments) {
    std::string name;
    tools::CommandLine line("opendext serial adopt", "DEVICE [--name NAME]",
                            "Publishes a tty that exists, real or pseudo, as a serial port of the "
                            "realm, and prints the port's name.");
    line.option("--name", "NAME", name, "of the port; otherwise of its identity")
        .footer("The port goes when the device goes, or with `opendext serial release NAME`.");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const std::string& given = line.operands().front();
    if (const auto allowed = check_device_rights(given); !allowed.ok())
        return line.failure(allowed.error());
    const std::string path = absolute(given);
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

int release(const std::vector<std::string>& arguments) {
    tools::CommandLine line(
        "opendext serial release", "NAME|DEVICE",
        "Takes an adopted port out of the registry; its device stays as it is.");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const std::string& given = line.operands().front();
    const std::string wanted = given.find('/') == std::string::npos ? given : absolute(given);
    const Realm realm = line.realm();
    if (!tools::realm_is_up(realm))
        return line.failure(
            Error{Errc::not_found, 0,
                  "no adopted device has the name or path " + given + ": the realm is not up"});
    const Status released = ask_family(realm, "SerialRelease", wanted);
    return released.ok() ? tools::kExitSuccess : line.failure(released.error());
}

int ports(const std::vector<std::string>& arguments) {
    const std::string program =
        (installation_prefix() / "libexec/opendext/opendext-ports").string();
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(program.c_str(), words.data());
    tools::print_error("opendext serial ports", Error::system("starting " + program).text());
    return tools::kExitFailure;
}

}  // namespace opendext::serial_tcp::cli
