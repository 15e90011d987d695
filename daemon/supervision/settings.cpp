// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervision/settings.h"

#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace opendext::daemon {

namespace {

/// Takes a value, or says what may stand there.
using Setter = std::function<std::optional<std::string>(std::string_view)>;

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

Setter duration(std::function<void(std::chrono::milliseconds)> set) {
    return [set = std::move(set)](std::string_view value) -> std::optional<std::string> {
        const auto read = parse_duration(value);
        if (!read) return "a whole number and ms, s, min or h, for example 30 s";
        set(*read);
        return std::nullopt;
    };
}

Setter number(uint32_t& target, uint32_t least) {
    return [&target, least](std::string_view value) -> std::optional<std::string> {
        uint32_t read = 0;
        const char* end = value.data() + value.size();
        const auto [rest, error] = std::from_chars(value.data(), end, read);
        if (error != std::errc() || rest != end || read < least)
            return "a whole number from " + std::to_string(least) + " on";
        target = read;
        return std::nullopt;
    };
}

std::map<std::string, Setter, std::less<>> setters(Deadlines& deadlines, RestartRules& rules) {
    const auto time = [](std::chrono::milliseconds& target) {
        return duration([&target](std::chrono::milliseconds value) { target = value; });
    };
    std::map<std::string, Setter, std::less<>> all{
        {"restart.policy",
         [&rules](std::string_view value) -> std::optional<std::string> {
             const auto policy = restart_policy(value);
             if (!policy) return "standard or driverkit";
             rules.policy = *policy;
             return std::nullopt;
         }},
        {"restart.steady", time(rules.steady)},
        {"restart.longest-wait", time(rules.longest_wait)},
        {"restart.quarantine-after", number(rules.quarantine_after, 1)},
        {"restart.quarantine-window", time(rules.quarantine_window)},
        {"restart.relaunches", number(rules.relaunches, 0)},
        {"restart.start-crash-retries", number(rules.start_crash_retries, 0)},
        {"restart.start-crash-wait", time(rules.start_crash_wait)},
        {"restart.keep-endpoints", time(rules.keep_endpoints)},
        {"restart.spare-processes", number(rules.spare_processes, 0)},
        {"crash.stacks-per-minute", number(rules.stacks_per_minute, 0)},
    };
    for (size_t i = 0; i < kDeadlineCount; ++i) {
        const auto deadline = static_cast<Deadline>(i);
        all.emplace("deadline." + std::string(deadline_key(deadline)),
                    duration([&deadlines, deadline](std::chrono::milliseconds value) {
                        deadlines.set(deadline, value);
                    }));
    }
    return all;
}

std::string keys_of(const std::map<std::string, Setter, std::less<>>& all) {
    std::string text;
    for (const auto& [key, setter] : all) text += (text.empty() ? "" : ", ") + key;
    return text;
}

}  // namespace

std::string_view deadline_key(Deadline deadline) {
    switch (deadline) {
        case Deadline::spawn:
            return "spawn";
        case Deadline::check_in:
            return "check-in";
        case Deadline::load:
            return "load";
        case Deadline::instantiate:
            return "init";
        case Deadline::start:
            return "start";
        case Deadline::family_start:
            return "family-start";
        case Deadline::stop:
            return "stop";
        case Deadline::stop_unplugged:
            return "stop-unplugged";
        case Deadline::earlier_closes:
            return "earlier-closes";
        case Deadline::new_user_client:
            return "new-user-client";
        case Deadline::attach_client:
            return "attach-client";
        case Deadline::set_properties:
            return "set-properties";
        case Deadline::relayed_call:
            return "relayed-call";
        case Deadline::client_crashed:
            return "client-crashed";
        case Deadline::power_acknowledge:
            return "power";
        case Deadline::report:
            return "report";
        case Deadline::exit:
            return "exit";
        case Deadline::hang_up:
            return "hang-up";
        case Deadline::reap:
            return "reap";
        case Deadline::keeper_request:
            return "keeper-request";
        case Deadline::shut_down:
            return "shut-down";
        case Deadline::replace_extension:
            return "replace-extension";
    }
    return "unknown";
}

Status parse_settings(std::string_view text, std::string_view name, Deadlines& deadlines,
                      RestartRules& rules) {
    const auto all = setters(deadlines, rules);
    size_t line_number = 0;
    while (!text.empty()) {
        ++line_number;
        const size_t end = text.find('\n');
        const std::string_view line = trim(text.substr(0, std::min(end, text.find('#'))));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        // What begins with "sandbox." is for the prepared process (keeper/prepared/settings.h).
        if (line.empty() || line.starts_with("sandbox.")) continue;
        const std::string where = std::string(name) + ":" + std::to_string(line_number) + ": ";
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            return Error{Errc::invalid, 0,
                         where + "\"" + std::string(line) + "\": write `key = value`"};
        }
        const std::string_view key = trim(line.substr(0, equals));
        const std::string_view value = trim(line.substr(equals + 1));
        const auto setter = all.find(key);
        if (setter == all.end()) {
            return Error{Errc::invalid, 0,
                         where + "there is no setting \"" + std::string(key) +
                             "\"; the settings are: " + keys_of(all)};
        }
        if (const auto expected = setter->second(value)) {
            return Error{
                Errc::invalid, 0,
                where + std::string(key) + " = " + std::string(value) + ": write " + *expected};
        }
    }
    return success();
}

Status read_settings(const std::filesystem::path& file, Deadlines& deadlines, RestartRules& rules) {
    std::ifstream stream(file);
    if (!stream) {
        // Most realms have none. One that cannot be read is not the same.
        if (errno == ENOENT) return success();
        return Error::system("cannot read " + file.string());
    }
    std::stringstream text;
    text << stream.rdbuf();
    return parse_settings(text.str(), file.string(), deadlines, rules);
}

}  // namespace opendext::daemon
