// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/references.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

std::string_view to_string(InstanceState state) {
    switch (state) {
        case InstanceState::attached:
            return "attached";
        case InstanceState::waiting_for_process:
            return "waiting for process";
        case InstanceState::instantiating:
            return "instantiating";
        case InstanceState::starting:
            return "starting";
        case InstanceState::started:
            return "started";
        case InstanceState::registered:
            return "registered";
        case InstanceState::stopping:
            return "stopping";
        case InstanceState::failed:
            return "failed";
        case InstanceState::dead:
            return "dead";
        case InstanceState::detached:
            return "detached";
    }
    return "unknown";
}

Lifecycle::Lifecycle(Context& context, Families& families, Hooks hooks)
    : context_(context),
      families_(families),
      hooks_(std::move(hooks)),
      termination_(context.registry,
                   {[this](EntryId id, bool provider_active) { stop(id, provider_active); },
                    [this](EntryId id) { detached(id); }}),
      processes_(context,
                 {[this](DriverProcess& process, Message m) { message(process, std::move(m)); },
                  [this](DriverProcess& process) { server_ready(process); },
                  [this](DriverProcess& process, const ExitReport& report) {
                      process_gone(process, report);
                  }}),
      actions_([this](uint64_t owner, uint64_t number) {
          if (const ProcessPtr process = processes_.find(owner))
              process->send(driver::Drop{number});
      }),
      interrupts_(context, families, [this](uint64_t number) { return processes_.find(number); }),
      guard_(context.log, context.policy),
      items_(guard_),
      watches_(context, items_, guard_,
               {[this] {
                    return MatchContext{context_.registry,
                                        [this](const Entry& nub, const Dictionary& table) {
                                            return families_.match(nub, table);
                                        }};
                },
                [this](EntryId id) { return find(id); },
                [this](uint64_t number) { return processes_.find(number); }}) {
    describe_instances();
    context_.registry.observe([this](Event event, const Entry& entry) {
        if (event == Event::inactive) families_.terminating(entry);
        if (event != Event::detached) return;
        const Instance* instance = find(entry.id);
        interrupts_.entry_gone(entry.id);
        families_.ended(entry, instance == nullptr ? End::terminated : instance->end);
        for (const auto& [number, process] : processes_.all()) process->known.erase(entry.id);
    });
}

const Instance* Lifecycle::find(EntryId id) const {
    const auto instance = instances_.find(id);
    return instance == instances_.end() ? nullptr : instance->second.get();
}

Instance* Lifecycle::find(EntryId id) {
    const Instance* instance = std::as_const(*this).find(id);
    // Whoever asks like this is about to change it.
    if (instance != nullptr) context_.recorder.touch(Record::instance, id);
    return const_cast<Instance*>(instance);
}

void Lifecycle::log(const Instance& instance, LogLevel level, const std::string& text) {
    LogLine line;
    line.level = level;
    line.pid = instance.process ? instance.process->pid() : 0;
    line.bundle = instance.personality->bundle_id;
    line.process = instance.personality->server_name;
    line.subsystem = "opendext";
    line.category = "lifecycle";
    line.message = text;
    context_.log.write(std::move(line));
}

std::string Lifecycle::state_text(const Entry& entry) const {
    if (const Instance* instance = find(entry.id)) return std::string(to_string(instance->state));
    if (const TerminationState* state = termination_.state(entry.id))
        return std::string(to_string(*state));
    return entry.registered ? "registered" : "attached";
}

std::vector<EntryId> Lifecycle::instances_of(const std::string& bundle_id) const {
    std::vector<EntryId> found;
    for (const auto& [id, instance] : instances_) {
        if (instance->personality->bundle_id == bundle_id && !instance->created)
            found.push_back(id);
    }
    return found;
}

std::optional<Error> Lifecycle::check_entitlements(const Personality& personality,
                                                   const Entry& object) {
    if (context_.policy == PolicyMode::off) return {};
    const Entry* provider = context_.registry.find(object.provider());
    const std::pair<const Entry*, const char*> checks[] = {{provider, "provider"},
                                                           {&object, "family"}};
    for (const auto& [entry, word] : checks) {
        if (entry == nullptr) continue;
        const auto missing = missing_entitlement(entry->property("IOServiceDEXTEntitlements"),
                                                 personality.entitlements);
        if (!missing) continue;
        const std::string text = std::string(word) +
                                 " entitlements check failed: " + personality.bundle_id +
                                 " lacks " + *missing + " (asked for by " + entry->name + ")";
        if (context_.policy == PolicyMode::strict) return Error::kern(kIOReturnNotPermitted, text);
        if (said_.insert(text).second) {
            context_.log.write(LogLevel::notice, "entitlements", text + "; allowed in dev mode");
        }
    }
    return {};
}

void Lifecycle::start(const Candidate& candidate, EntryId nub,
                      std::function<void(Status)> outcome) {
    const auto refuse = [&](Error error) {
        context_.loop.post([outcome, error = std::move(error)] { outcome(Error{error}); });
    };
    const Entry* provider = context_.registry.find(nub);
    if (provider == nullptr || provider->activity != Activity::active) {
        return refuse(Error{Errc::not_ready, 0, "the provider is going away"});
    }
    const Personality& personality = *candidate.personality;
    const ClassTable::Known* kernel_class = context_.classes.find(personality.kernel_class);
    if (kernel_class == nullptr || !kernel_class->declaration.for_drivers) {
        return refuse(Error{
            Errc::unsupported, 0,
            "IOClass " + personality.kernel_class +
                (kernel_class == nullptr ? " is no class of this system; is its family installed?"
                                         : " is not for drivers")});
    }
    Registry::Spec spec;
    spec.provider = nub;
    spec.classes = context_.classes.chain(personality.kernel_class);
    spec.name = personality.user_class;
    spec.properties = context_.classes.default_properties(spec.classes);
    for (const auto& [key, value] : personality.table) spec.properties.insert_or_assign(key, value);
    spec.properties.insert_or_assign("CFBundleIdentifier", personality.bundle_id);
    spec.properties.insert_or_assign("IOMatchCategory", personality.category);
    spec.properties.insert_or_assign("IOMatchedPersonality", personality.table);
    if (!candidate.name_matched.empty()) {
        spec.properties.insert_or_assign("IONameMatched", candidate.name_matched);
    }
    const std::string* provider_server = nullptr;
    if (const Instance* below = find(nub)) provider_server = &below->personality->server_name;

    const EntryId id = context_.registry.add(std::move(spec)).id;
    auto owned = std::make_unique<Instance>();
    Instance& instance = *owned;
    instance.entry = id;
    instance.provider = nub;
    instance.personality = candidate.personality;
    instance.outcome = std::move(outcome);
    instances_.emplace(id, std::move(owned));
    context_.recorder.touch(Record::instance, id);
    if (const Entry* entry = context_.registry.find(id)) families_.attached(*entry);

    const Entry* entry = context_.registry.find(id);
    if (auto refused = check_entitlements(personality, *entry))
        return fail(instance, std::move(*refused));
    Result<ProcessPtr> process = processes_.acquire(personality, id, provider_server);
    if (!process.ok()) return fail(instance, std::move(process).error());
    instance.process = std::move(process).value();
    instance.state = InstanceState::waiting_for_process;
    instance.process->when_ready([this, id](const Status& status) { process_ready(id, status); });
}

void Lifecycle::fail(Instance& instance, Error error) {
    if (error.code == Errc::peer_gone) instance.end = End::process_died;
    if (instance.end != End::process_died) instance.end = End::start_failed;
    instance.state = InstanceState::failed;
    instance.failure = std::move(error);
    log(instance, LogLevel::error,
        "start fail: " + instance.personality->user_class + " of " + instance.personality->label() +
            ": " + instance.failure_text());
    const EntryId id = instance.entry;
    if (termination_.in_progress(id)) {
        termination_.stopped(id);
    } else {
        // Later: whoever asked for the start must not see its end before start() returns.
        context_.loop.post([this, id] { termination_.terminate(id); });
    }
}

void Lifecycle::process_ready(EntryId id, const Status& status) {
    Instance* instance = find(id);
    if (instance == nullptr || instance->state != InstanceState::waiting_for_process) return;
    if (!status.ok()) return fail(*instance, Error{status.error()});
    const std::string& user_class = instance->personality->user_class;
    if (!instance->process->has_class(user_class)) {
        return fail(*instance, Error{Errc::not_found, 0,
                                     "no user class found: " + instance->personality->executable +
                                         " has no class " + user_class +
                                         " (IOUserClass); it must be defined in an .iig file"});
    }
    OPENDEXT_PROBE(daemon_instantiate);
    instance->state = InstanceState::instantiating;
    context_.registry.set_property(id, "IOUserServerTag", instance->process->spec().tag);
    context_.registry.set_user_classes(id, instance->process->class_chain(user_class));
    publish_objects(*instance->process);
    driver::Instantiate request{id, user_class};
    const StartSent sent = asleep_ ? StartSent::no : StartSent::yes;
    if (sent == StartSent::yes) {
        request.start_serial = driver::named_serial(driver::Named::start, id);
        request.start = start_call(*instance);
        introduce(request.start.refs, *instance->process, context_.registry, actions_);
    }
    instance->process->request(
        std::move(request), {}, context_.deadlines.of(Deadline::instantiate),
        std::string(to_string(Deadline::instantiate)),
        [this, id, sent](const Result<Message>& reply) { instantiated(id, reply, sent); },
        driver::named_serial(driver::Named::instantiate, id));
}

void Lifecycle::instantiated(EntryId id, const Result<Message>& message, StartSent start) {
    Instance* instance = find(id);
    if (instance == nullptr || instance->state != InstanceState::instantiating) return;
    if (!message.ok()) {
        // A process that hangs in init() is of no use to anybody; its end is the object's.
        if (message.error().code == Errc::timed_out)
            return instance->process->hung(message.error().text());
        return fail(*instance, Error{message.error()});
    }
    const Result<driver::Reply> reply = decode<driver::Reply>(message.value());
    if (!reply.ok()) return fail(*instance, Error{reply.error()});
    if (reply.value().io_return != 0) {
        return fail(*instance,
                    Error::kern(reply.value().io_return, "init: " + reply.value().reason));
    }
    if (instance->stop_requested && start == StartSent::no)
        return fail(*instance, Error{Errc::not_ready, 0, "the provider went away"});
    call_start(*instance, start);
}

protocol::Invocation Lifecycle::start_call(const Instance& instance) {
    system::IOService_Start::In in;
    in.provider = object_reference(instance.provider);
    return system::IOService_Start::encode(instance.entry, in);
}

/// The process takes the same call once: one that a predecessor may have sent can be sent again.
void Lifecycle::call_start(Instance& instance, StartSent sent) {
    OPENDEXT_PROBE(daemon_start);
    instance.state = InstanceState::starting;
    const EntryId id = instance.entry;
    const auto deadline = context_.deadlines.of(Deadline::start);
    const std::string what(to_string(Deadline::start));
    auto done = [this, id](Result<CallAnswer> answer) { start_returned(id, std::move(answer)); };
    if (sent != StartSent::yes)
        return call(start_call(instance), {}, deadline, what, std::move(done));
    instance.process->await(driver::named_serial(driver::Named::start, id), deadline, what,
                            answer_of(*instance.process, std::move(done)));
}

void Lifecycle::start_returned(EntryId id, Result<CallAnswer> answer) {
    Instance* instance = find(id);
    if (instance == nullptr || instance->state != InstanceState::starting) return;
    if (!answer.ok()) {
        // Its process is about to be ended for it (call_now); that is the end of the object too.
        if (answer.error().code == Errc::timed_out) return;
        return fail(*instance, Error{answer.error()});
    }
    if (answer->result.io_return != 0) {
        return fail(*instance, Error::kern(answer->result.io_return, "Start returned an error"));
    }
    log(*instance, LogLevel::info, "start ok: " + instance->personality->user_class);
    instance->start_returned = true;
    OPENDEXT_PROBE(daemon_start_returned);
    begin_family_start(*instance);
}

void Lifecycle::begin_family_start(Instance& instance) {
    const EntryId id = instance.entry;
    instance.countdown = instance.process->countdown(Deadline::family_start, [this, id] {
        families_started(id,
                         Error{Errc::timed_out, 0, "the family did not finish the start in time"});
    });
    families_.started(context_.registry, id,
                      [this, id](const Status& status) { families_started(id, status); });
}

void Lifecycle::families_started(EntryId id, const Status& status) {
    Instance* instance = find(id);
    if (instance == nullptr || instance->state != InstanceState::starting) return;
    instance->countdown.reset();
    OPENDEXT_PROBE(daemon_started);
    instance->state = InstanceState::started;
    instance->start_finished = true;
    instance->family_started = true;
    const auto outcome = std::exchange(instance->outcome, nullptr);
    if (!status.ok()) {
        // The driver believes that it runs: it gets Stop like any other.
        instance->failure = status.error();
        log(*instance, LogLevel::error, "start fail: " + instance->failure_text());
        instance->end = End::start_failed;
        if (instance->stop_requested) {
            send_stop(*instance, false);
        } else {
            context_.loop.post([this, id] { termination_.terminate(id); });
        }
        if (outcome) outcome(Error{status.error()});
        return;
    }
    if (instance->stop_requested) {
        send_stop(*instance, false);
    } else if (instance->registration_pending) {
        carry_out_registration(*instance);
    }
    if (outcome) outcome(success());
}

}  // namespace opendext::daemon
