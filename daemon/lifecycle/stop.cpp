// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/crashes/crash_report.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/references.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

namespace {
/// The object's class and what it was started for, for the log.
std::string name_of(const Instance& instance) {
    return (instance.created ? "an object made by " : "") + instance.personality->user_class;
}
}  // namespace

void Lifecycle::terminate_by_driver(EntryId id) {
    Instance* instance = find(id);
    if (instance != nullptr && !termination_.in_progress(id)) {
        instance->left = true;
        instance->failure = Error{Errc::not_ready, 0, "it called Terminate"};
    }
    termination_.terminate(id);
}

void Lifecycle::register_service(EntryId id) {
    Instance* instance = find(id);
    if (instance == nullptr) {
        context_.registry.register_service(id);
        if (const Entry* entry = context_.registry.find(id)) families_.registered(*entry);
        return;
    }
    if (!instance->running()) {
        // Before Start has succeeded it is deferred; of an object that is going it means nothing.
        if (instance->state <= InstanceState::starting) instance->registration_pending = true;
        return;
    }
    if (!instance->family_started) {
        // An object of Create(): its Start runs in the process without us; this is the first we
        // hear of it.
        instance->family_started = true;
        families_.started(context_.registry, id, [this, id](const Status& status) {
            Instance* created = find(id);
            if (created == nullptr) return;
            if (status.ok()) {
                if (created->running()) carry_out_registration(*created);
            } else {
                log(*created, LogLevel::error, "start fail: " + status.error().text());
                context_.loop.post([this, id] { termination_.terminate(id); });
            }
        });
        return;
    }
    carry_out_registration(*instance);
}

void Lifecycle::carry_out_registration(Instance& instance) {
    const EntryId id = instance.entry;
    log(instance, LogLevel::info, "registered: " + name_of(instance));
    OPENDEXT_PROBE(daemon_register);
    instance.registration_pending = false;
    instance.state = InstanceState::registered;
    context_.registry.register_service(id);
    if (const Entry* entry = context_.registry.find(id)) families_.registered(*entry);
}

void Lifecycle::stop(EntryId id, bool provider_active) {
    Instance* instance = find(id);
    if (instance == nullptr) {  // no process: there is nobody to ask
        termination_.stopped(id);
        return;
    }
    switch (instance->state) {
        case InstanceState::attached:
        case InstanceState::failed:
        case InstanceState::dead:
        case InstanceState::detached:
            termination_.stopped(id);
            return;
        case InstanceState::waiting_for_process:
            fail(*instance, Error{Errc::not_ready, 0, "the provider went away"});
            return;
        case InstanceState::instantiating:
        case InstanceState::starting:
            instance->stop_requested = true;
            return;
        case InstanceState::started:
        case InstanceState::registered:
            send_stop(*instance, provider_active);
            return;
        case InstanceState::stopping:
            return;
    }
}

void Lifecycle::send_stop(Instance& instance, bool provider_active) {
    // A sleeping driver is not waited for.
    provider_active = provider_active && !asleep_;
    OPENDEXT_PROBE(daemon_stop);
    instance.state = InstanceState::stopping;
    log(instance, LogLevel::info, "stop: " + name_of(instance));
    const EntryId id = instance.entry;
    system::IOService_Stop::In in;
    in.provider = object_reference(instance.provider);
    await_stop(instance, provider_active);
    // The reply has no deadline of its own: the one armed above ends the whole handshake.
    call(system::IOService_Stop::encode(id, in), {}, std::chrono::hours(24),
         std::string(to_string(Deadline::stop)),
         [this, id](const Result<CallAnswer>& answer) { stop_returned(id, answer); });
}

void Lifecycle::await_stop(Instance& instance, bool provider_active) {
    const EntryId id = instance.entry;
    const Deadline deadline = provider_active ? Deadline::stop : Deadline::stop_unplugged;
    const std::string what =
        std::string(to_string(deadline)) + " of " + instance.personality->user_class;
    instance.countdown = instance.process->countdown(
        deadline, [this, id, provider_active, what] { stop_overdue(id, provider_active, what); });
}

void Lifecycle::stop_returned(EntryId id, const Result<CallAnswer>& answer) {
    Instance* stopping = find(id);
    if (stopping == nullptr || stopping->state != InstanceState::stopping) return;
    OPENDEXT_PROBE(daemon_stop_returned);
    stopping->stop_replied = true;
    // Any error, and a process that is gone, completes the stop without super::Stop.
    const bool failed = !answer.ok() || answer.value().result.io_return != 0;
    if (failed || stopping->super_stopped) finish_stop(*stopping);
}

void Lifecycle::stop_overdue(EntryId id, bool provider_active, const std::string& what) {
    Instance* late = find(id);
    if (late == nullptr || late->state != InstanceState::stopping) return;
    const std::string text = what + " did not finish in time";
    if (provider_active) {
        late->process->hung(text);  // its end completes the stop
    } else {
        log(*late, LogLevel::error, text + "; detached without it");
        finish_stop(*late);
    }
}

void Lifecycle::super_stopped(EntryId id) {
    Instance* instance = find(id);
    if (instance == nullptr) return;
    instance->super_stopped = true;
    OPENDEXT_PROBE(daemon_super_stopped);
    if (instance->state == InstanceState::stopping && instance->stop_replied)
        finish_stop(*instance);
}

void Lifecycle::finish_stop(Instance& instance) {
    instance.countdown.reset();
    instance.state = InstanceState::dead;
    termination_.stopped(instance.entry);
}

void Lifecycle::detached(EntryId id) {
    const auto place = instances_.find(id);
    if (place == instances_.end()) return;
    const std::unique_ptr<Instance> instance = std::move(place->second);
    instances_.erase(place);
    OPENDEXT_PROBE(daemon_detached);
    context_.recorder.touch(Record::instance, id);
    instance->countdown.reset();
    const bool failed = instance->state == InstanceState::failed;
    instance->state = InstanceState::detached;
    if (instance->process) {
        if (instance->process->usable()) instance->process->send(driver::Drop{id});
        log(*instance, LogLevel::info, "detached: " + name_of(*instance));
        processes_.release(*instance->process, id);
        publish_objects(*instance->process);
    }
    const auto outcome = std::exchange(instance->outcome, nullptr);
    hooks_.detached(*instance);
    if (outcome) {
        Error error = instance->failure.value_or(Error{Errc::not_ready, 0, "detached"});
        if (failed && instance->end == End::process_died) error.code = Errc::peer_gone;
        outcome(std::move(error));
    }
}

void Lifecycle::process_gone(DriverProcess& process, const ExitReport& report) {
    OPENDEXT_PROBE(daemon_process_gone);
    const std::vector<EntryId> objects(process.objects.begin(), process.objects.end());
    const bool clean = report.clean();
    std::string crash;
    if (clean) {
        context_.crashes.forget(process);
    } else {
        crash = report_crash(process, report);
    }
    LogLine line;
    line.level = clean ? LogLevel::info : LogLevel::error;
    line.pid = process.pid();
    line.bundle = process.spec().bundle_id;
    line.process = process.spec().server_name;
    line.subsystem = "opendext";
    line.category = clean ? "process" : "crash";
    line.message = process.spec().server_name + "[" + std::to_string(process.pid()) + "] of " +
                   process.spec().bundle_id + (clean ? " ended: " : " died: ") + report.text();
    if (!crash.empty()) line.message += "; report: opendext crash show " + crash;
    context_.log.write(std::move(line));
    actions_.process_gone(process.number());
    watches_.process_gone(process.number());
    interrupts_.process_gone(process);
    forget_panic_logs(process);
    hooks_.process_gone(process);

    for (const EntryId id : objects) {
        if (Instance* instance = find(id)) object_lost_process(*instance, process, report);
    }
    // An object goes with its provider where that died too; only the lowest ones are named here.
    for (const EntryId id : objects) {
        if (find(id) != nullptr) termination_.terminate(id);
    }
    if (process.server != kNoEntry) termination_.terminate(process.server);
}

bool Lifecycle::died(const Entry& entry) const {
    for (const Entry* each = &entry; each != nullptr;
         each = context_.registry.find(each->provider())) {
        const Instance* instance = find(each->id);
        if (instance != nullptr && instance->end == End::process_died) return true;
    }
    return false;
}

std::string Lifecycle::report_crash(const DriverProcess& process, const ExitReport& end) {
    CrashReport report;
    report.end = end;
    for (const EntryId id : process.objects) {
        const Instance* instance = find(id);
        const Entry* entry = context_.registry.find(id);
        if (instance == nullptr || entry == nullptr) continue;
        const std::string& name =
            entry->user_classes.empty() ? entry->name : entry->user_classes.front();
        CrashReport::Object& object = report.objects.emplace_back();
        object.id = id;
        object.class_name = name;
        object.state = to_string(instance->state);
        object.personality = instance->personality->name;
        if (const Entry* provider = context_.registry.find(instance->provider)) {
            object.provider = {provider->id, provider->class_name(), provider->name,
                               short_properties(provider->properties)};
        }
    }
    for (const PanicLog& each : process.panic_logs) {
        if (auto attachment = read_panic_log(each))
            report.panic_logs.push_back(std::move(*attachment));
    }
    return context_.crashes.write(process, std::move(report));
}

void Lifecycle::object_lost_process(Instance& instance, const DriverProcess& process,
                                    const ExitReport& report) {
    if (instance.state == InstanceState::stopping) return finish_stop(instance);
    if (instance.state == InstanceState::failed || instance.state == InstanceState::dead) return;
    if (!instance.running())
        return fail(instance,
                    Error{Errc::peer_gone, 0, "the driver process died: " + report.text()});
    instance.end = End::process_died;
    instance.left = report.left();
    instance.failure =
        Error{Errc::peer_gone, 0, instance.left ? "it called exit(0)" : report.text()};
    instance.state = InstanceState::dead;
    const Instance* provider = find(instance.provider);
    if (provider == nullptr || !provider->process || provider->process.get() == &process ||
        !provider->running()) {
        return;
    }
    system::IOService_ClientCrashed::In in;
    in.client = object_reference(instance.entry);
    call(system::IOService_ClientCrashed::encode(instance.provider, in), {},
         context_.deadlines.of(Deadline::client_crashed),
         std::string(to_string(Deadline::client_crashed)), [](const Result<CallAnswer>&) {});
}

}  // namespace opendext::daemon
