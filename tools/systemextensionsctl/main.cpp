// SPDX-License-Identifier: Apache-2.0
// systemextensionsctl list: the driver extensions of the realm, in the columns that its users know.
// systemextensionsctl developer: whether a version that is installed may be installed again.

#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::systemextensionsctl {
namespace {

using protocol::client::ExtensionInfo;

Result<std::vector<ExtensionInfo>> extensions(const Realm& realm) {
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "systemextensionsctl"));
    return OD_TRY(daemon.request<protocol::client::Extensions>(protocol::client::ListExtensions{}))
        .extensions;
}

std::string to_text(const std::vector<ExtensionInfo>& extensions) {
    std::string text = std::to_string(extensions.size()) + " extension(s)\n";
    if (extensions.empty()) return text;
    text += "--- com.apple.system_extension.driver_extension\n";
    text += "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n";
    for (const ExtensionInfo& info : extensions) {
        text += std::string(info.enabled ? "*" : "") + "\t" + (info.active ? "*" : "") + "\t" +
                info.team + "\t" + info.bundle_id + " (" + info.short_version + "/" + info.version +
                ")\t" + info.name + "\t[" + info.state + "]\n";
    }
    return text;
}

std::string to_json(const std::vector<ExtensionInfo>& extensions) {
    Array list;
    for (const ExtensionInfo& info : extensions) {
        list.push_back(Dictionary{{"bundle_id", info.bundle_id},
                                  {"version", info.version},
                                  {"short_version", info.short_version},
                                  {"name", info.name},
                                  {"path", info.path},
                                  {"team", info.team},
                                  {"state", info.state},
                                  {"enabled", info.enabled},
                                  {"active", info.active}});
    }
    return tools::to_json(list, 2) + "\n";
}

/// Asks for developer mode, or sets it (`word` is on or off).
Result<bool> developer_mode(const Realm& realm, const std::string& word) {
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "systemextensionsctl"));
    return OD_TRY(daemon.request<protocol::client::DeveloperModeIs>(
                      protocol::client::DeveloperMode{!word.empty(), word == "on"}))
        .on;
}

int developer(const tools::CommandLine& line) {
    const std::string word = line.operands().size() > 1 ? line.operands()[1] : std::string();
    if (!word.empty() && word != "on" && word != "off")
        return line.usage_error("developer mode is on or off");
    const auto on = developer_mode(line.realm(), word);
    if (!on.ok()) return line.failure(on.error());
    std::printf("Developer mode is %s\n", *on ? "on" : "off");
    return tools::kExitSuccess;
}

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line(
        "systemextensionsctl", "list [--json] | developer [on|off]",
        "Shows the driver extensions of the realm. In developer mode a version that is installed "
        "may be installed again: the instances of the old copy end, the new one runs. Otherwise "
        "that does nothing.");
    line.flag("--json", json, "print JSON (docs/schemas/systemextensionsctl.json)");
    if (const auto status = line.parse(argc, argv, 1, 2)) return *status;
    if (line.operands()[0] == "developer") return developer(line);
    if (line.operands()[0] != "list" || line.operands().size() > 1) {
        return line.usage_error("unknown command '" + line.operands()[0] +
                                "'; there are: list, developer");
    }
    const auto found = extensions(line.realm());
    if (!found.ok()) return line.failure(found.error());
    std::fputs((json ? to_json(*found) : to_text(*found)).c_str(), stdout);
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::systemextensionsctl

int main(int argc, char** argv) {
    return opendext::systemextensionsctl::main(argc, argv);
}
