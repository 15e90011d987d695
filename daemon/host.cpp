// SPDX-License-Identifier: Apache-2.0
#include "daemon/host.h"

#include <utility>

namespace opendext::daemon {

std::vector<EntryId> Host::left(std::string_view class_name) const {
    std::vector<EntryId> ids;
    if (!link_.adopts) return ids;
    context_.registry.visit_class(class_name, [&](const Entry& entry) {
        if (entry.activity == Activity::active) ids.push_back(entry.id);
        return true;
    });
    return ids;
}

Result<EntryId> Host::publish(NewEntry entry) {
    const Entry* provider = context_.registry.find(entry.provider);
    if (provider == nullptr) return Error{Errc::not_found, 0, "publish: there is no such provider"};
    if (provider->activity != Activity::active) {
        return Error{Errc::not_ready, 0,
                     "publish: the provider " + provider->name + " is being terminated"};
    }
    Registry::Spec spec;
    spec.provider = entry.provider;
    spec.classes = context_.classes.chain(entry.class_name);
    if (spec.classes.empty()) {
        return Error{Errc::invalid, 0, "publish: class " + entry.class_name + " was not declared"};
    }
    spec.name = std::move(entry.name);
    spec.location = std::move(entry.location);
    spec.properties = context_.classes.default_properties(spec.classes);
    for (auto& [key, value] : entry.properties)
        spec.properties.insert_or_assign(key, std::move(value));
    const EntryId id = context_.registry.add(std::move(spec)).id;
    if (entry.register_now) lifecycle_.register_service(id);
    return id;
}

void Host::set_property(EntryId id, std::string key, Value value) {
    const Entry* entry = context_.registry.find(id);
    const bool resource =
        id == link_.user_resources && entry != nullptr && entry->property(key) == nullptr;
    context_.registry.set_property(id, std::move(key), std::move(value));
    // IOResourceMatch may have waited for it.
    if (resource && entry->registered) lifecycle_.register_service(id);
}

void Host::terminate(EntryId id) {
    // Later: a family may ask for it while the registry is announcing something about the same
    // entry.
    context_.loop.post([this, id] { lifecycle_.terminate(id); });
}

void Host::call(protocol::Invocation invocation, std::vector<UniqueFd> fds,
                std::chrono::milliseconds deadline, std::string_view deadline_name,
                std::function<void(Result<CallAnswer>)> done) {
    if (!done) {
        lifecycle_.call(std::move(invocation), std::move(fds), deadline, std::string(deadline_name),
                        {});
        return;
    }
    // An error that is known at once is told later, so that a family never hears of it inside its
    // own call.
    lifecycle_.call(
        std::move(invocation), std::move(fds), deadline, std::string(deadline_name),
        [this, done = std::move(done)](Result<CallAnswer> answer) {
            if (answer.ok()) {
                done(std::move(answer));
                return;
            }
            context_.loop.post([done, error = std::move(answer).error()] { done(Error{error}); });
        });
}

std::vector<std::pair<std::string, Dictionary>> Host::held_before(std::string_view prefix) const {
    std::vector<std::pair<std::string, Dictionary>> found;
    if (link_.held == nullptr) return found;
    for (auto item = link_.held->lower_bound(std::string(prefix));
         item != link_.held->end() && item->first.starts_with(prefix); ++item)
        found.emplace_back(item->first, item->second.properties);
    return found;
}

int32_t Host::process_of(EntryId id) const {
    const Instance* instance = lifecycle_.find(id);
    if (instance == nullptr || !instance->process) return 0;
    const ProcessState state = instance->process->state();
    return state >= ProcessState::hung_up ? 0 : instance->process->pid();
}

void Host::log(LogLevel level, EntryId about, std::string_view text) {
    LogLine line;
    line.level = level;
    line.process = "opendextd";
    line.subsystem = "opendext";
    line.category = family_;
    line.message = std::string(text);
    if (const Instance* instance = lifecycle_.find(about))
        line.bundle = instance->personality->bundle_id;
    context_.log.write(std::move(line));
}

}  // namespace opendext::daemon
