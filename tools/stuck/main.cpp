// SPDX-License-Identifier: Apache-2.0
// opendext stuck: who waits on what in a realm.

#include <chrono>
#include <cstdio>
#include <map>
#include <set>

#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/explain/subject.h"
#include "tools/stuck/stacks.h"

namespace opendext::stuck {
namespace {

namespace client = protocol::client;

struct Options {
    bool json = false;
    bool all = false;
    bool stacks = false;
    int64_t older = 0;
};

/// Of each driver process that somebody waits for, what its threads are doing; or why that is not
/// known.
using Stacks = std::map<int32_t, std::string>;
Stacks read_stacks(const client::ActivityIs& activity) {
    std::set<int32_t> drivers;
    for (const client::DriverActivity& driver : activity.drivers) drivers.insert(driver.pid);
    Stacks stacks;
    for (const client::Wait& wait : activity.waits) {
        if (!drivers.contains(wait.pid) || wait.pid <= 0 || stacks.contains(wait.pid)) continue;
        const Result<std::string> text = stacks_of(wait.pid);
        stacks[wait.pid] = text.ok() ? *text : "not known: " + text.error().text();
    }
    return stacks;
}

Value to_value(const client::BusyEntry& busy) {
    return Dictionary{{"id", busy.entry},
                      {"name", busy.name},
                      {"state", busy.state},
                      {"count", busy.count},
                      {"age_ms", busy.age_ms}};
}

template <typename List, typename Convert>
Array values_of(const List& list, Convert convert) {
    Array values;
    for (const auto& one : list) values.push_back(convert(one));
    return values;
}

Value to_value(const Realm& realm, const client::ActivityIs& activity, const Stacks& stacks) {
    Dictionary texts;
    for (const auto& [pid, text] : stacks) texts.emplace(std::to_string(pid), text);
    return Dictionary{
        {"stacks", std::move(texts)},
        {"realm", realm.root().string()},
        {"waits",
         values_of(activity.waits, [](const auto& one) { return explain::to_value(one); })},
        {"busy", values_of(activity.busy, [](const auto& one) { return to_value(one); })},
        {"drivers",
         values_of(activity.drivers, [](const auto& one) { return explain::to_value(one); })},
        {"clients",
         values_of(activity.clients, [](const auto& one) { return explain::to_value(one); })}};
}

std::string to_text(const client::ActivityIs& activity, bool all) {
    std::string text;
    for (const client::Wait& wait : activity.waits) text += explain::to_text(wait) + "\n";
    for (const client::BusyEntry& busy : activity.busy) {
        text += busy.name + " (" + tools::text_of_id(busy.entry) + ") is busy " +
                std::to_string(busy.count) + " since " + explain::duration_text(busy.age_ms) +
                ", " + busy.state + "\n";
    }
    if (text.empty()) text = "nobody waits\n";
    if (!all) return text;
    for (const client::DriverActivity& driver : activity.drivers) {
        text += "driver " + driver.server_name + "[" + std::to_string(driver.pid) + "] is " +
                driver.state + ", " + std::to_string(driver.pending) + " calls not answered" +
                (driver.debugged ? ", being debugged" : "") + "\n";
    }
    for (const client::ClientActivity& one : activity.clients) {
        if (!one.connected) continue;
        text += "program " + one.program + "[" + std::to_string(one.pid) + "] has " +
                std::to_string(one.connections.size()) + " connections, " +
                std::to_string(one.waits) + " requests not answered\n";
    }
    return text;
}

int main(int argc, char** argv) {
    Options options;
    tools::CommandLine line(
        "opendext stuck", "[--older MS] [--all] [--stacks] [--json]",
        "Shows who waits on what: calls that drivers have not answered, steps of their life and "
        "the deadline of each, programs that wait for an open or a call, dispatch queues whose "
        "work "
        "does not end and what is in line behind it, queues that wait for each other (deadlocks), "
        "programs that do not take what a driver sends them, terminations that are held up, "
        "entries that are busy. Oldest first.");
    line.number("--older", "MS", options.older, 0, INT64_MAX,
                "only what has lasted so many milliseconds")
        .flag("-a,--all", options.all, "show drivers and programs that wait for nothing too")
        .flag(
            "-s,--stacks", options.stacks,
            "what the threads of drivers that somebody waits for are doing; each stands still for "
            "some milliseconds")
        .flag("--json", options.json, "print JSON (docs/schemas/opendext-stuck.json)")
        .footer(
            "What a driver's threads are doing: opendext debug NAME, or opendext crash. Exit "
            "status 1: somebody waits.");
    if (const auto status = line.parse(argc, argv)) return *status;
    const Realm realm = line.realm();
    // Who asks this expects that somebody may not answer.
    constexpr std::chrono::seconds kPatience{15};
    auto daemon = tools::DaemonClient::connect(realm, "opendext stuck", kPatience);
    if (!daemon.ok()) return line.failure(daemon.error());
    auto activity = daemon->request<client::ActivityIs>(client::GetActivity{}, kPatience);
    if (!activity.ok()) return line.failure(activity.error());
    const auto older = static_cast<uint64_t>(options.older);
    std::erase_if(activity->waits, [&](const client::Wait& w) { return w.age_ms < older; });
    std::erase_if(activity->busy, [&](const client::BusyEntry& b) { return b.age_ms < older; });
    const Stacks stacks = options.stacks ? read_stacks(*activity) : Stacks();
    std::string text;
    if (options.json) {
        text = tools::to_json(to_value(realm, *activity, stacks), 2) + "\n";
    } else {
        text = to_text(*activity, options.all);
        for (const auto& [pid, of_process] : stacks)
            text += "process " + std::to_string(pid) + ":\n" + of_process + "\n";
    }
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return activity->waits.empty() && activity->busy.empty() ? tools::kExitSuccess
                                                             : tools::kExitFailure;
}

}  // namespace
}  // namespace opendext::stuck

int main(int argc, char** argv) {
    return opendext::stuck::main(argc, argv);
}
