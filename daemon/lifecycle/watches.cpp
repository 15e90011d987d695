// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/watches.h"

#include <algorithm>

#include "daemon/io_return.h"
#include "daemon/lifecycle/references.h"

namespace opendext::daemon {

namespace driver = protocol::driver;
using driver::WatchKind;

namespace {

// kIOServiceNotificationType…
constexpr uint32_t kTerminated = 0;
constexpr uint32_t kMatched = 1;

constexpr std::string_view kPublishKey = "IODriverKitPublishEntitlementsKey";
constexpr const char* kAllowsPublish = "com.apple.private.driverkit.allows-publish";

}  // namespace

DriverWatches::DriverWatches(Context& context, StateItems& items, PolicyGuard& guard, Hooks hooks)
    : context_(context), items_(items), guard_(guard), hooks_(std::move(hooks)) {
    describe_records();
    context_.registry.observe([this](Event event, const Entry& entry) { on_event(event, entry); });
    items_.on_change([this](const std::string& name) {
        for (auto& [key, watch] : watches_) {
            if (watch.items.contains(name)) tell_if_changed(key, watch);
        }
    });
}

bool DriverWatches::visible(const DriverProcess& process, const Entry& entry) {
    const Instance* owner = hooks_.instance(entry.id);
    if (owner != nullptr && owner->personality->server_name == process.spec().server_name)
        return true;
    const Value* wanted = entry.property(kPublishKey);
    if (wanted == nullptr) return false;  // published to nobody
    const std::string where = "notifications of " + entry.name + ": ";
    if (owner != nullptr && !owner->personality->entitlements.contains(kAllowsPublish) &&
        !guard_.allowed(where + owner->personality->bundle_id + " lacks " + kAllowsPublish)) {
        return false;
    }
    const auto missing = missing_entitlement(wanted, process.spec().entitlements);
    return !missing || guard_.allowed(where + process.spec().bundle_id + " lacks " + *missing);
}

Status DriverWatches::watch(DriverProcess& process, driver::Watch request) {
    const Key key{process.number(), request.source};
    const auto from = watches_.lower_bound({process.number(), 0});
    const auto to = watches_.lower_bound({process.number() + 1, 0});
    if (static_cast<size_t>(std::distance(from, to)) >= kMaxOfProcess)
        return Error::kern(kIOReturnNoResources, "too many sources of one process");
    if (watches_.contains(key))
        return Error::kern(kIOReturnBadArgument, "the source has this number already");
    touch(key);
    Watch watch;
    watch.kind = request.kind;
    if (request.kind == WatchKind::items) {
        const StateItems::Caller caller{process.spec().bundle_id, process.spec().entitlements};
        for (const std::string& name : request.items) {
            if (!items_.may_watch(name, caller))
                return Error::kern(kIOReturnNotPermitted, "state item " + name);
            watch.items.emplace(name, 0);
        }
        watches_.emplace(key, std::move(watch));
        return success();
    }
    if (request.kind != WatchKind::services)
        return Error::kern(kIOReturnBadArgument, "there is nothing of this kind to watch");
    watch.matching = std::move(request.matching);
    Watch& added = watches_.emplace(key, std::move(watch)).first->second;
    const MatchContext context = hooks_.context();
    for (const EntryId id : context_.registry.all()) {
        const Entry* entry = context_.registry.find(id);
        if (!entry->service || !entry->matched || entry->activity != Activity::active) continue;
        if (match(*entry, added.matching, context).matches && visible(process, *entry))
            add(key, added, kMatched, id);
    }
    return success();
}

void DriverWatches::on_event(Event event, const Entry& entry) {
    if (event != Event::first_matched && event != Event::inactive) return;
    // What was never announced does not end for anybody.
    if (!entry.service || (event == Event::inactive && !entry.matched)) return;
    const MatchContext context = hooks_.context();
    for (auto& [key, watch] : watches_) {
        if (watch.kind != WatchKind::services) continue;
        const ProcessPtr process = hooks_.process(key.first);
        if (!process || !match(entry, watch.matching, context).matches ||
            !visible(*process, entry)) {
            continue;
        }
        add(key, watch, event == Event::inactive ? kTerminated : kMatched, entry.id);
    }
}

void DriverWatches::add(const Key& key, Watch& watch, uint32_t type, EntryId entry) {
    if (watch.waiting.size() >= kMaxWaiting) {
        watch.waiting.pop_front();
        if (!std::exchange(watch.overflow_said, true)) {
            const ProcessPtr process = hooks_.process(key.first);
            context_.log.write(LogLevel::error, "notifications",
                               (process ? process->spec().bundle_id : std::string("a driver")) +
                                   " does not take its service notifications; the oldest are lost");
        }
    }
    touch(key);
    watch.waiting.emplace_back(type, entry);
    if (!std::exchange(watch.told, true)) tell(key);
}

void DriverWatches::tell(const Key& key) {
    if (const ProcessPtr process = hooks_.process(key.first))
        process->send(driver::SourceReady{key.second});
}

DriverWatches::Watch* DriverWatches::find(const DriverProcess& process, uint64_t source,
                                          WatchKind kind) {
    const auto found = watches_.find({process.number(), source});
    return found == watches_.end() || found->second.kind != kind ? nullptr : &found->second;
}

void DriverWatches::unwatch(const DriverProcess& process, uint64_t source) {
    watches_.erase({process.number(), source});
    touch({process.number(), source});
}

void DriverWatches::arm(const DriverProcess& process, uint64_t source) {
    Watch* watch = find(process, source, WatchKind::items);
    if (watch == nullptr) return;
    touch({process.number(), source});
    watch->armed = true;
    tell_if_changed({process.number(), source}, *watch);
}

void DriverWatches::tell_if_changed(const Key& key, Watch& watch) {
    if (!watch.armed) return;
    bool changed = false;
    for (auto& [name, told] : watch.items) {
        const uint64_t now = items_.generation(name);
        changed = changed || now != told;
        told = now;
    }
    if (!changed) return;
    watch.armed = false;
    touch(key);
    tell(key);
}

driver::Notification DriverWatches::next(const DriverProcess& process, uint64_t source) {
    driver::Notification answer;
    Watch* watch = find(process, source, WatchKind::services);
    if (watch == nullptr) {
        answer.outcome = {kIOReturnBadArgument, "there is no such source"};
        return answer;
    }
    touch({process.number(), source});
    if (watch->waiting.empty()) {
        watch->told = false;
        return answer;
    }
    const auto [type, entry] = watch->waiting.front();
    watch->waiting.pop_front();
    answer.type = type;
    answer.service.push_back(object_reference(entry));
    return answer;
}

void DriverWatches::process_gone(uint64_t process) {
    const auto first = watches_.lower_bound({process, 0});
    const auto last = watches_.lower_bound({process + 1, 0});
    for (auto watch = first; watch != last; ++watch) touch(watch->first);
    watches_.erase(first, last);
}

}  // namespace opendext::daemon
