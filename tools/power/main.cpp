// SPDX-License-Identifier: Apache-2.0
// opendext power: puts a realm to sleep and wakes it, and shows the power states of its drivers.

#include <cinttypes>
#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::power {
namespace {

namespace client = protocol::client;

/// Every driver has 20 s for its acknowledgement, one above the other.
constexpr std::chrono::minutes kPatience{10};

const char* word(uint32_t flags) {
    if (flags == 0) return "off";
    return flags == 2 ? "on" : "low";
}

std::string to_text(const client::Power& power) {
    std::string text = "the system is " + power.state + "\n";
    for (const client::PowerObject& object : power.objects) {
        char id[24];
        std::snprintf(id, sizeof id, "0x%" PRIx64, object.id);
        text += "  " + object.name + "  id " + id + "  " + word(object.flags);
        if (object.desired != object.flags) text += std::string(", wants ") + word(object.desired);
        if (object.override_) text += ", override";
        if (object.acknowledging) text += ", is being told";
        text += "\n";
    }
    for (const Value& claim : power.wake_claims) {
        const Dictionary& table = *claim.dictionary();
        text += "  wake claimed by " + *find_string(table, "Claimer") + " for " +
                *find_string(table, "Device") + ": " + *find_string(table, "Reason") + "\n";
    }
    return text;
}

std::string to_json(const client::Power& power) {
    Array objects;
    for (const client::PowerObject& object : power.objects) {
        objects.push_back(Dictionary{{"id", object.id},
                                     {"name", object.name},
                                     {"state", word(object.flags)},
                                     {"desired", word(object.desired)},
                                     {"override", object.override_},
                                     {"acknowledging", object.acknowledging}});
    }
    const Dictionary all{{"system", power.state},
                         {"objects", std::move(objects)},
                         {"wake_claims", power.wake_claims}};
    return tools::to_json(all, 2) + "\n";
}

Result<client::Power> run(const Realm& realm, const std::string& command) {
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext-power"));
    if (command != "status") {
        OD_TRY(daemon.request<client::Reply>(client::SetPower{command == "sleep"}, kPatience));
    }
    return daemon.request<client::Power>(client::GetPower{});
}

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line(
        "opendext power", "sleep | wake | status [--json]",
        "Puts the realm to sleep, as if the computer slept: every driver gets SetPowerState(off), "
        "clients before their providers; then messages to drivers wait and nothing is matched. "
        "wake is the way back. status shows the power state of every driver's object.");
    line.flag("--json", json, "print the states as JSON (docs/schemas/opendext-power.json)");
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    const std::string& command = line.operands()[0];
    if (command != "sleep" && command != "wake" && command != "status")
        return line.usage_error("unknown command '" + command +
                                "'; there are: sleep, wake, status");
    const auto power = run(line.realm(), command);
    if (!power.ok()) return line.failure(power.error());
    std::fputs((json ? to_json(*power) : to_text(*power)).c_str(), stdout);
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::power

int main(int argc, char** argv) {
    return opendext::power::main(argc, argv);
}
