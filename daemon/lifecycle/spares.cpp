// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/spares.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {
namespace {

/// Whoever has just started is not to share the processors with its successor.
constexpr std::chrono::milliseconds kPause{50};
/// Where the keeper makes no bare process, it is not asked for ever.
constexpr unsigned kMostFailures = 3;

/// The same but for what it is started for. An installed copy has one executable and one list of
/// entitlements.
bool is_alike(const LaunchSpec& a, const LaunchSpec& b) {
    return a.copy == b.copy && a.bundle_path == b.bundle_path && a.bundle_id == b.bundle_id &&
           a.executable == b.executable && a.stamp == b.stamp && a.server_name == b.server_name;
}

/// Named by every dext; it brings no calls of a family.
constexpr const char* kRuntime = "libDriverKit.so.0";

/// Those of an executable by which the keeper chooses what its process may call; none if nothing is
/// known of it, which would be the calls of every family.
std::vector<std::string> frameworks(const std::vector<std::string>& libraries) {
    if (libraries.empty()) return {};
    std::vector<std::string> found{kRuntime};
    for (const std::string& name : libraries) {
        if (name != kRuntime && name.find("DriverKit.so.") != std::string::npos)
            found.push_back(name);
    }
    std::ranges::sort(found);
    return found;
}

}  // namespace

Spares::Spares(EventLoop& loop, size_t most, Make make)
    : loop_(loop), most_(most), make_(std::move(make)), libraries_{kRuntime} {}

void Spares::begin() {
    launch_later();
}

ProcessPtr Spares::take(const LaunchSpec& wanted) {
    const auto place = std::ranges::find_if(spares_, [&](const auto& entry) {
        return entry.second->usable() && is_alike(entry.second->spec(), wanted);
    });
    if (place != spares_.end()) return spares_.extract(place).mapped();
    libraries_ = frameworks(wanted.libraries);
    launch_later();
    const auto bare = std::ranges::find_if(spares_, [&](const auto& entry) {
        return entry.second->state() == ProcessState::bare && entry.second->pid() > 0 &&
               entry.second->spec().libraries == libraries_;
    });
    return bare == spares_.end() ? nullptr : spares_.extract(bare).mapped();
}

void Spares::refill(const LaunchSpec& like) {
    const auto is_like = [&](const LaunchSpec& other) { return is_alike(like, other); };
    if (most_ == 0 || std::ranges::any_of(wanted_, is_like)) return;
    wanted_.push_back(like);
    wanted_.back().tag = kNoEntry;
    if (wanted_.size() > most_) wanted_.erase(wanted_.begin());
    launch_later();
}

void Spares::launch_later() {
    if (most_ != 0 && !timer_) timer_ = loop_.after(kPause, [this] { launch_wanted(); });
}

void Spares::launch_wanted() {
    timer_.reset();
    for (LaunchSpec& spec : std::exchange(wanted_, {})) {
        size_t usable = 0;
        ProcessPtr oldest;
        bool there = false;
        for (const auto& [number, process] : spares_) {
            if (!process->usable() || process->is_bare()) continue;
            if (!oldest) oldest = process;
            ++usable;
            there = there || is_alike(process->spec(), spec);
        }
        if (there) continue;
        if (usable >= most_) oldest->exit_in_order("a spare process of another driver");
        launch(std::move(spec));
    }
    launch_bare();
}

void Spares::launch(LaunchSpec spec) {
    const ProcessPtr process = make_(std::move(spec));
    spares_.emplace(process->number(), process);
    process->launch();
}

void Spares::launch_bare() {
    if (most_ == 0 || libraries_.empty()) return;
    for (const auto& [number, process] : std::map(spares_)) {
        if (!process->is_bare() || !process->usable()) continue;
        if (process->state() == ProcessState::bare) bare_failed_ = 0;
        if (process->spec().libraries == libraries_) return;
        process->exit_in_order("a bare process for drivers of other families");
    }
    if (bare_failed_ >= kMostFailures) return;
    LaunchSpec spec;
    spec.server_name = spec.bundle_id = "opendext-driver";
    spec.libraries = libraries_;
    launch(std::move(spec));
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
    const auto place = spares_.find(number);
    if (place == spares_.end()) return false;
    if (place->second->is_bare() && place->second->pid() == 0) ++bare_failed_;
    spares_.erase(place);
    return true;
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
