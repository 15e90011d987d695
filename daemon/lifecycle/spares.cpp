// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/spares.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {
namespace {

/// Whoever has just started is not to share the processors with its successor.
constexpr std::chrono::milliseconds kPause{50};

/// The same but for what it is started for. An installed copy has one executable and one list of
/// entitlements.
bool is_alike(const LaunchSpec& a, const LaunchSpec& b) {
    return a.copy == b.copy && a.bundle_path == b.bundle_path && a.bundle_id == b.bundle_id &&
           a.executable == b.executable && a.stamp == b.stamp && a.server_name == b.server_name;
}

}  // namespace

Spares::Spares(EventLoop& loop, size_t most, Make make)
    : loop_(loop), most_(most), make_(std::move(make)) {}

ProcessPtr Spares::take(const LaunchSpec& wanted) {
    const auto place = std::ranges::find_if(spares_, [&](const auto& entry) {
        return entry.second->usable() && is_alike(entry.second->spec(), wanted);
    });
    if (place == spares_.end()) return nullptr;
    return spares_.extract(place).mapped();
}

void Spares::refill(const LaunchSpec& like) {
    const auto is_like = [&](const LaunchSpec& other) { return is_alike(like, other); };
    if (most_ == 0 || std::ranges::any_of(wanted_, is_like)) return;
    wanted_.push_back(like);
    wanted_.back().tag = kNoEntry;
    if (wanted_.size() > most_) wanted_.erase(wanted_.begin());
    if (!timer_) timer_ = loop_.after(kPause, [this] { launch_wanted(); });
}

void Spares::launch_wanted() {
    timer_.reset();
    for (LaunchSpec& spec : std::exchange(wanted_, {})) {
        size_t usable = 0;
        ProcessPtr oldest;
        bool there = false;
        for (const auto& [number, process] : spares_) {
            if (!process->usable()) continue;
            if (!oldest) oldest = process;
            ++usable;
            there = there || is_alike(process->spec(), spec);
        }
        if (there) continue;
        if (usable >= most_) oldest->exit_in_order("a spare process of another driver");
        const ProcessPtr process = make_(std::move(spec));
        spares_.emplace(process->number(), process);
        process->launch();
    }
}

ProcessPtr Spares::find(uint64_t number) const {
    const auto place = spares_.find(number);
    return place == spares_.end() ? nullptr : place->second;
}

ProcessPtr Spares::of_pid(int32_t pid) const {
    const auto place = std::ranges::find_if(
        spares_, [&](const auto& entry) { return entry.second->pid() == pid; });
    return place == spares_.end() ? nullptr : place->second;
}

bool Spares::ended(uint64_t number) {
    return spares_.erase(number) != 0;
}

void Spares::discard(std::string_view bundle_id) {
    std::erase_if(wanted_, [&](const LaunchSpec& spec) { return spec.bundle_id == bundle_id; });
    for (const auto& [number, process] : std::map(spares_)) {
        if (process->spec().bundle_id == bundle_id)
            process->exit_in_order("its bundle is replaced or removed");
    }
}

void Spares::stop() {
    most_ = 0;
    wanted_.clear();
    for (const auto& [number, process] : std::map(spares_))
        process->exit_in_order("the realm ends");
}

}  // namespace opendext::daemon
