// SPDX-License-Identifier: Apache-2.0
// opendext quarantine: drivers that crash, when they are restarted, and letting them try again.

#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "rpc/protocol/supervision.h"
#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::quarantine {
namespace {

namespace client = protocol::client;
using client::SupervisedDriver;

std::string hex(uint64_t id) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%" PRIx64, id);
    return text;
}

/// "2026-01-31T12:00:00Z"; empty for 0.
std::string time_text(uint64_t ns) {
    if (ns == 0) return {};
    const auto seconds = static_cast<time_t>(ns / 1'000'000'000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string label(const SupervisedDriver& driver) {
    return driver.bundle_id + "/" + driver.personality;
}

std::string to_text(const SupervisedDriver& driver) {
    std::string text = label(driver) + "  " + driver.state + "\n";
    const auto line = [&](const char* title, const std::string& what) {
        if (!what.empty()) text += std::string("  ") + title + what + "\n";
    };
    line("on       ", driver.nub_path + " (" + hex(driver.nub) + ")");
    line("crashes  ", std::to_string(driver.crashes) + ", of which " +
                          std::to_string(driver.recent_crashes) +
                          " count towards quarantine; policy " + driver.policy);
    if (driver.last_crash_ns != 0)
        line("last     ", time_text(driver.last_crash_ns) + ": " + driver.last_reason);
    line("restart  ", time_text(driver.next_restart_ns));
    line("since    ", time_text(driver.since_ns));
    line("because  ", driver.reason);
    if (driver.state == "quarantined")
        line("to try it again: ", "opendext quarantine lift " + label(driver));
    return text;
}

std::string to_json(const std::string& policy, const std::vector<SupervisedDriver>& drivers) {
    Array list;
    for (const SupervisedDriver& driver : drivers) {
        Dictionary told{{"bundle", driver.bundle_id},
                        {"personality", driver.personality},
                        {"nub", driver.nub},
                        {"nub_path", driver.nub_path},
                        {"policy", driver.policy},
                        {"state", driver.state},
                        {"crashes", uint64_t{driver.crashes}},
                        {"recent_crashes", uint64_t{driver.recent_crashes}}};
        const auto add = [&](const char* key, const std::string& what) {
            if (!what.empty()) told.insert_or_assign(key, what);
        };
        add("last_crash", time_text(driver.last_crash_ns));
        add("last_reason", driver.last_reason);
        add("next_restart", time_text(driver.next_restart_ns));
        add("since", time_text(driver.since_ns));
        add("reason", driver.reason);
        list.push_back(std::move(told));
    }
    Dictionary all{{"drivers", std::move(list)}};
    if (!policy.empty()) all.insert_or_assign("policy", policy);
    return tools::to_json(all, 2) + "\n";
}

void show(const std::string& text) {
    std::fputs(text.c_str(), stdout);
}

int list(const tools::CommandLine& line, bool json, bool everything) {
    const auto answer = [&]() -> Result<client::SupervisionIs> {
        OD_TRY(tools::ensure_realm(line.realm()));
        auto daemon = OD_TRY(tools::DaemonClient::connect(line.realm(), "opendext-quarantine"));
        return daemon.request<client::SupervisionIs>(client::GetSupervision{});
    }();
    if (!answer.ok()) return line.failure(answer.error());
    std::vector<SupervisedDriver> chosen;
    for (const SupervisedDriver& driver : answer->drivers) {
        if (everything || driver.state == "quarantined") chosen.push_back(driver);
    }
    if (json) {
        show(to_json(answer->policy, chosen));
        return tools::kExitSuccess;
    }
    if (chosen.empty()) {
        const size_t others = answer->drivers.size();
        show("nothing is in quarantine" +
             (others == 0
                  ? std::string(", and no driver has crashed")
                  : "; " + std::to_string(others) +
                        " that crashed or left are shown by `opendext quarantine ls --all`") +
             "\n");
    }
    for (const SupervisedDriver& driver : chosen) show(to_text(driver));
    return tools::kExitSuccess;
}

int lift(const tools::CommandLine& line, bool json, const std::string& name) {
    const auto answer = [&]() -> Result<client::QuarantineLifted> {
        OD_TRY(tools::ensure_realm(line.realm()));
        auto daemon = OD_TRY(tools::DaemonClient::connect(line.realm(), "opendext-quarantine"));
        return daemon.request<client::QuarantineLifted>(client::LiftQuarantine{name});
    }();
    if (!answer.ok()) return line.failure(answer.error());
    if (json) {
        show(to_json({}, answer->lifted));
        return tools::kExitSuccess;
    }
    for (const SupervisedDriver& driver : answer->lifted) {
        show(label(driver) + " is out of quarantine on " + driver.nub_path + " (" +
             hex(driver.nub) + ")\n");
    }
    if (answer->lifted.empty()) show("nothing was in quarantine\n");
    return tools::kExitSuccess;
}

int main(int argc, char** argv) {
    bool json = false;
    bool all = false;
    tools::CommandLine line(
        "opendext quarantine", "ls [--all] [--json] | lift NAME | lift --all",
        "Shows which drivers are in quarantine because they crashed too often, and lets them try "
        "again. NAME is a bundle identifier or its last component, a personality, "
        "BUNDLE/PERSONALITY, or the registry entry id of the provider (0x…). What counts as too "
        "often is set in realm.conf: opendextd(8).");
    line.flag("--all", all,
              "ls: also those that wait for a restart, run again, or left; lift: all of them");
    line.flag("--json", json, "print JSON (docs/schemas/opendext-quarantine.json)");
    if (const auto status = line.parse(argc, argv, 1, 2)) return *status;
    const std::vector<std::string>& words = line.operands();
    if (words[0] == "ls" && words.size() == 1) return list(line, json, all);
    if (words[0] == "ls") return line.usage_error("ls takes no name");
    if (words[0] != "lift")
        return line.usage_error("unknown command '" + words[0] + "'; there are: ls, lift");
    if (all == (words.size() == 2)) return line.usage_error("lift wants either a name or --all");
    return lift(line, json, all ? std::string() : words[1]);
}

}  // namespace
}  // namespace opendext::quarantine

int main(int argc, char** argv) {
    return opendext::quarantine::main(argc, argv);
}
