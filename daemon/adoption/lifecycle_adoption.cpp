// SPDX-License-Identifier: Apache-2.0
// How the objects of drivers pass from one opendextd to the next.
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/adoption/records.h"
#include "daemon/lifecycle/lifecycle.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

void Lifecycle::describe_instances() {
    items_.record(context_.recorder);
    actions_.record(context_.recorder);
    describe_panic_logs();
    context_.recorder.describe(Record::instance,
                               [this](uint64_t id, uint64_t) -> std::vector<uint8_t> {
                                   const Instance* instance = std::as_const(*this).find(id);
                                   if (instance == nullptr) return {};
                                   return record_of(record(*instance));
                               });
}

records::Instance Lifecycle::record(const Instance& instance) {
    records::Instance record;
    record.provider = instance.provider;
    record.state = instance.state;
    record.process = instance.process ? instance.process->number() : 0;
    record.created = instance.created;
    record.registration_pending = instance.registration_pending;
    record.stop_requested = instance.stop_requested;
    record.stop_replied = instance.stop_replied;
    record.super_stopped = instance.super_stopped;
    record.start_returned = instance.start_returned;
    record.family_started = instance.family_started;
    record.start_finished = instance.start_finished;
    record.left = instance.left;
    record.end = instance.end;
    if (instance.failure) {
        record.failure = instance.failure->message;
        record.failure_code = instance.failure->code;
        record.failure_number = instance.failure->number;
    }
    if (instance.created) return record;
    const Personality& personality = *instance.personality;
    record.bundle_id = personality.bundle_id;
    record.bundle_path = personality.bundle_path;
    record.executable = personality.executable;
    record.personality = personality.name;
    record.table = personality.table;
    record.entitlements = personality.entitlements;
    return record;
}

void Lifecycle::restore(EntryId id, records::Instance record, PersonalityPtr personality,
                        std::function<void(Status)> outcome) {
    auto instance = std::make_unique<Instance>();
    instance->entry = id;
    instance->provider = record.provider;
    instance->state = record.state;
    instance->personality = std::move(personality);
    instance->created = record.created;
    instance->process = processes_.find(record.process);
    instance->registration_pending = record.registration_pending;
    instance->stop_requested = record.stop_requested;
    instance->stop_replied = record.stop_replied;
    instance->super_stopped = record.super_stopped;
    instance->start_returned = record.start_returned;
    instance->family_started = record.family_started;
    instance->start_finished = record.start_finished;
    instance->left = record.left;
    instance->end = record.end;
    if (!record.failure.empty())
        instance->failure =
            Error{record.failure_code, record.failure_number, std::move(record.failure)};
    if (instance->process) instance->process->objects.insert(id);
    if (!instance->start_finished) instance->outcome = std::move(outcome);
    instances_.emplace(id, std::move(instance));
    context_.recorder.touch(Record::instance, id);
}

void Lifecycle::restore_tables(const Ledger& ledger, uint64_t first_number) {
    items_.restore(ledger);
    watches_.restore(ledger);
    actions_.restore(ledger, first_number,
                     [this](uint64_t process) { return processes_.find(process) != nullptr; });
}

void Lifecycle::resume(EntryId id) {
    Instance* instance = find(id);
    if (instance == nullptr) return;
    if (!instance->process || !instance->process->usable()) {
        // Its process is gone, or was still on its way up: that cannot be taken over.
        if (instance->process) return;  // its end is about to be told
        if (instance->state == InstanceState::stopping) return finish_stop(*instance);
        if (instance->state == InstanceState::failed || instance->state == InstanceState::dead)
            return termination_.terminate(id);
        fail(*instance, Error{Errc::peer_gone, 0,
                              "opendextd died while the driver process was being started"});
        return;
    }
    DriverProcess& process = *instance->process;
    switch (instance->state) {
        case InstanceState::attached:
        case InstanceState::waiting_for_process:
            process.when_ready([this, id](const Status& status) { process_ready(id, status); });
            break;
        case InstanceState::instantiating:
            process.await(driver::named_serial(driver::Named::instantiate, id),
                          context_.deadlines.of(Deadline::instantiate),
                          std::string(to_string(Deadline::instantiate)),
                          [this, id](const Result<Message>& reply) {
                              instantiated(id, reply, StartSent::unknown);
                          });
            break;
        case InstanceState::starting:
            if (instance->start_returned) {
                begin_family_start(*instance);
                break;
            }
            process.await(driver::named_serial(driver::Named::start, id),
                          context_.deadlines.of(Deadline::start),
                          std::string(to_string(Deadline::start)),
                          answer_of(process, [this, id](Result<CallAnswer> answer) {
                              start_returned(id, std::move(answer));
                          }));
            break;
        case InstanceState::started:
            // A registration whose families were still at work begins again.
            if (instance->created && instance->family_started) {
                instance->family_started = false;
                context_.loop.post([this, id] { register_service(id); });
            }
            break;
        case InstanceState::registered:
            break;
        case InstanceState::stopping:
            await_stop(*instance, false);
            if (instance->stop_replied && instance->super_stopped) return finish_stop(*instance);
            process.await(driver::named_serial(driver::Named::stop, id), std::chrono::hours(24),
                          std::string(to_string(Deadline::stop)),
                          answer_of(process, [this, id](const Result<CallAnswer>& answer) {
                              stop_returned(id, answer);
                          }));
            break;
        case InstanceState::failed:
        case InstanceState::dead:
        case InstanceState::detached:
            context_.loop.post([this, id] { termination_.terminate(id); });
            break;
    }
}

/// The answer to a call of a predecessor. A user client that it made is nobody's: the program that
/// wanted to open it asks again.
void Lifecycle::unclaimed(const DriverProcess& process, const Message& message) {
    const Result<driver::CallResult> result = decode<driver::CallResult>(message);
    if (!result.ok()) return;
    for (const protocol::Ref& ref : result->result.refs) {
        const Entry* entry = context_.registry.find(ref.id);
        if (ref.kind == protocol::RefKind::object && process.objects.contains(ref.id) &&
            entry != nullptr && entry->is_kind_of("IOUserUserClient") &&
            entry->property("IOUserClientCreator") == nullptr) {
            termination_.terminate(ref.id);
        }
    }
}

void Lifecycle::resume_terminations() {
    for (const EntryId id : context_.registry.all()) {
        const Entry* entry = context_.registry.find(id);
        if (entry != nullptr && entry->activity != Activity::active) termination_.terminate(id);
    }
}

}  // namespace opendext::daemon
