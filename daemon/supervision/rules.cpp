// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervision/rules.h"

#include <algorithm>
#include <charconv>

namespace opendext::daemon {

using std::chrono::milliseconds;

namespace {

struct Unit {
    std::string_view name;
    int64_t ms;
};
constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
constexpr int64_t kLongest = int64_t{365} * 24 * 3'600'000;

/// 2^doublings times `first`, without running over.
milliseconds doubled(milliseconds first, uint32_t doublings, milliseconds most) {
    return doublings >= 32 ? most : std::min(most, first * (int64_t{1} << doublings));
}

}  // namespace

std::string_view to_string(RestartPolicy policy) {
    switch (policy) {
        case RestartPolicy::standard:
            return "standard";
        case RestartPolicy::driverkit:
            return "driverkit";
    }
    return "unknown";
}

std::optional<RestartPolicy> restart_policy(std::string_view name) {
    for (const RestartPolicy policy : {RestartPolicy::standard, RestartPolicy::driverkit}) {
        if (name == to_string(policy)) return policy;
    }
    return std::nullopt;
}

Decision CrashHistory::crashed(const RestartRules& rules, RestartPolicy policy, Clock::Time now,
                               bool start_finished) {
    ++total_;
    recent_.push_back(now);
    while (recent_.size() > std::max(rules.quarantine_after, 1U)) recent_.pop_front();
    return policy == RestartPolicy::driverkit ? driverkit(rules, start_finished)
                                              : standard(rules, now);
}

uint32_t CrashHistory::recent(const RestartRules& rules, Clock::Time now) const {
    return static_cast<uint32_t>(std::count_if(
        recent_.begin(), recent_.end(),
        [&](const Clock::Time& crash) { return now - crash < rules.quarantine_window; }));
}

Decision CrashHistory::standard(const RestartRules& rules, Clock::Time now) {
    const bool again = up_since_ && now - *up_since_ < rules.steady;
    in_a_row_ = again ? in_a_row_ + 1 : 1;
    if (recent(rules, now) >= rules.quarantine_after) {
        return {Next::quarantine, milliseconds(0),
                "it crashed " + std::to_string(rules.quarantine_after) + " times within " +
                    duration_text(rules.quarantine_window)};
    }
    Decision decision;
    if (in_a_row_ > 1)
        decision.wait = doubled(milliseconds(1000), in_a_row_ - 1, rules.longest_wait);
    up_since_ = now + decision.wait;
    return decision;
}

Decision CrashHistory::driverkit(const RestartRules& rules, bool start_finished) {
    if (total_ > rules.relaunches) {
        return {Next::quarantine, milliseconds(0),
                "it was relaunched " + std::to_string(rules.relaunches) + " times"};
    }
    if (start_finished) return {};
    if (++start_crashes_ > rules.start_crash_retries) {
        return {Next::quarantine, milliseconds(0),
                "it died " + std::to_string(start_crashes_) + " times before Start had finished"};
    }
    return {
        Next::restart, doubled(rules.start_crash_wait, start_crashes_ - 1, rules.longest_wait), {}};
}

std::string duration_text(milliseconds duration) {
    const int64_t ms = duration.count();
    const Unit* best = kUnits;
    for (const Unit& unit : kUnits) {
        if (ms != 0 && ms % unit.ms == 0) best = &unit;
    }
    return std::to_string(ms / best->ms) + " " + std::string(best->name);
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || number < 0) return std::nullopt;
    std::string_view unit(rest, static_cast<size_t>(end - rest));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    for (const Unit& each : kUnits) {
        if (unit == each.name && number <= kLongest / each.ms)
            return milliseconds(number * each.ms);
    }
    return std::nullopt;
}

}  // namespace opendext::daemon
