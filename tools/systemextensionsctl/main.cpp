// SPDX-License-Identifier: Apache-2.0
// systemextensionsctl list: the driver extensions of the realm, in the columns that its users know.
// systemextensionsctl developer: whether a version that is installed may be installed again.
// systemextensionsctl approve, deny, approval: extensions that wait for their user.

#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::systemextensionsctl {
namespace {

using protocol::client::ExtensionInfo;

Result<std::vector<ExtensionInfo>> extensions(const Realm& realm) {
    using protocol::client::Extensions;
    auto answer = OD_TRY(
        tools::until_answered(realm, tools::DaemonClient::kTimeout, [&]() -> Result<Extensions> {
            auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "systemextensionsctl"));
            return daemon.request<Extensions>(protocol::client::ListExtensions{});
        }));
    return std::move(answer.extensions);
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
                                  {"active", info.active},
                                  {"application", info.application}});
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

/// Allows or refuses an extension that waits for its user.
int decide(const tools::CommandLine& line, bool allow) {
    if (line.operands().size() != 2)
        return line.usage_error("which extension? give its identifier");
    const std::string& id = line.operands()[1];
    const auto decided = [&]() -> Status {
        OD_TRY(tools::ensure_realm(line.realm()));
        auto daemon = OD_TRY(tools::DaemonClient::connect(line.realm(), "systemextensionsctl"));
        OD_TRY(
            daemon.request<protocol::client::Reply>(protocol::client::ApproveExtension{id, allow}));
        return success();
    }();
    if (!decided.ok()) return line.failure(decided.error());
    std::printf("%s %s\n", id.c_str(), allow ? "is approved" : "was refused and removed");
    return tools::kExitSuccess;
}

int approval(const tools::CommandLine& line) {
    const std::string word = line.operands().size() > 1 ? line.operands()[1] : std::string();
    const auto mode = [&]() -> Result<std::string> {
        OD_TRY(tools::ensure_realm(line.realm()));
        auto daemon = OD_TRY(tools::DaemonClient::connect(line.realm(), "systemextensionsctl"));
        return OD_TRY(
                   daemon.request<protocol::client::ApprovalIs>(protocol::client::Approval{word}))
            .mode;
    }();
    if (!mode.ok()) return line.failure(mode.error());
    std::printf("Approval is %s\n", mode->c_str());
    return tools::kExitSuccess;
}

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line(
        "systemextensionsctl",
        "list [--json] | developer [on|off] | approve ID | deny ID | approval "
        "[automatic|ask|deny]",
        "Shows the driver extensions of the realm. In developer mode a version that is installed "
        "may be installed again: the instances of the old copy end, the new one runs. Otherwise "
        "that does nothing. Approval says what activating an extension for the first time needs: "
        "nothing (automatic), the word of the realm's owner, given with approve or deny (ask), or "
        "that it does not happen (deny).");
    line.flag("--json", json, "print JSON (docs/schemas/systemextensionsctl.json)");
    if (const auto status = line.parse(argc, argv, 1, 2)) return *status;
    if (line.operands()[0] == "developer") return developer(line);
    if (line.operands()[0] == "approve") return decide(line, true);
    if (line.operands()[0] == "deny") return decide(line, false);
    if (line.operands()[0] == "approval") return approval(line);
    if (line.operands()[0] != "list" || line.operands().size() > 1) {
        return line.usage_error("unknown command '" + line.operands()[0] +
                                "'; there are: list, developer, approve, deny, approval");
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
