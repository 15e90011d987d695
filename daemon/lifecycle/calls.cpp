// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/bundle_files.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/references.h"
#include "daemon/outcome.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace client = protocol::client;
namespace driver = protocol::driver;
using protocol::Invocation;

namespace {

constexpr uint64_t kKernelMethod = uint64_t{1} << 63;  // kIORPCMessageIDKernel
constexpr uint64_t kOneWay = 8;  // flag Oneway (docs/facts/semantics.md section 1)
constexpr uint32_t kMalformedLimit = 16;
constexpr size_t kMaxPending = 1024;  // calls that one process has not answered
constexpr size_t kMaxCreated = 4096;  // objects of one process
constexpr size_t kMaxHeld = 8192;     // calls that wait while the system sleeps

/// What reaches a driver while the system sleeps.
bool passes_sleep(uint64_t msgid) {
    return msgid == system::IOService_SetPowerState::kMsgId ||
           msgid == system::IOService_Stop::kMsgId;
}

/// Methods that only opendextd may call on a driver's object.
bool is_ours(uint64_t msgid) {
    return msgid == system::IOService_Start::kMsgId || msgid == system::IOService_Stop::kMsgId;
}

/// Start and Stop of an object are asked once; a successor of opendextd has to know their replies.
uint64_t serial_of(const Invocation& invocation) {
    if (invocation.msgid == system::IOService_Start::kMsgId)
        return driver::named_serial(driver::Named::start, invocation.object);
    if (invocation.msgid == system::IOService_Stop::kMsgId)
        return driver::named_serial(driver::Named::stop, invocation.object);
    return 0;
}

uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

LogLevel level_of(uint8_t os_log_type) {
    switch (os_log_type) {
        case 0x00:
            return LogLevel::notice;
        case 0x01:
            return LogLevel::info;
        case 0x02:
            return LogLevel::debug;
        case 0x10:
            return LogLevel::error;
        case 0x11:
            return LogLevel::fault;
        default:
            return LogLevel::notice;
    }
}

}  // namespace

ProcessPtr Lifecycle::process_of(const Invocation& invocation) const {
    if (invocation.object == kNoEntry) {  // a call of an action: it is the first reference
        if (invocation.refs.empty() || invocation.refs.front().kind != protocol::RefKind::action)
            return nullptr;
        const ActionTable::Owner* owner = actions_.find(invocation.refs.front().id);
        return owner == nullptr ? nullptr : processes_.find(owner->process);
    }
    const Instance* owner = find(invocation.object);
    return owner == nullptr ? nullptr : owner->process;
}

void Lifecycle::call(Invocation invocation, std::vector<UniqueFd> fds,
                     std::chrono::milliseconds deadline, std::string what, CallDone done) {
    if (!asleep_ || passes_sleep(invocation.msgid)) {
        call_now(std::move(invocation), std::move(fds), deadline, std::move(what), std::move(done));
        return;
    }
    if (held_.size() >= kMaxHeld) {
        if (done) done(Error{Errc::no_space, 0, what + ": too many calls wait for the wake"});
        return;
    }
    // Kept with its descriptors; its deadline begins when it is sent.
    auto kept = std::make_shared<std::vector<UniqueFd>>(std::move(fds));
    held_.emplace_back([this, invocation = std::move(invocation), kept, deadline,
                        what = std::move(what), done = std::move(done)]() mutable {
        call_now(std::move(invocation), std::move(*kept), deadline, std::move(what),
                 std::move(done));
    });
}

void Lifecycle::set_asleep(bool asleep) {
    asleep_ = asleep;
    for (const auto& [number, process] : processes_.all()) {
        if (process->state() == ProcessState::ready) process->send(driver::SystemPower{asleep});
    }
    if (asleep) return;
    for (auto& held : std::exchange(held_, {})) held();
}

void Lifecycle::call_now(Invocation invocation, std::vector<UniqueFd> fds,
                         std::chrono::milliseconds deadline, std::string what, CallDone done) {
    const ProcessPtr process = process_of(invocation);
    if (!process) {
        if (done) done(Error{Errc::not_ready, 0, what + ": no driver process has this object"});
        return;
    }
    introduce(invocation.refs, *process, context_.registry, actions_);
    if (!done) {
        invocation.flags |= kOneWay;
        process->send(driver::Call{std::move(invocation)}, 0, std::move(fds));
        return;
    }
    const uint64_t named = serial_of(invocation);
    process->request(driver::Call{std::move(invocation)}, std::move(fds), deadline, std::move(what),
                     answer_of(*process, std::move(done)), named);
}

Requests::Done Lifecycle::answer_of(DriverProcess& process, CallDone done) {
    return [this, answerer = &process, done = std::move(done)](Result<Message> reply) {
        if (!reply.ok()) {
            const Error error = std::move(reply).error();
            if (error.code == Errc::timed_out) answerer->hung(error.text());
            return done(error);
        }
        Result<driver::CallResult> result = decode<driver::CallResult>(reply.value());
        if (!result.ok()) {
            nonsense(*answerer, "answered a call with something else");
            return done(Error::kern(kIOReturnIPCError, "the driver's answer is malformed"));
        }
        CallAnswer answer{std::move(result->result), std::move(reply->fds)};
        const Status checked =
            accept_references(answer.result.refs, answer.fds, *answerer, actions_);
        if (!checked.ok()) {
            nonsense(*answerer, "answer: " + checked.error().text());
            return done(Error::kern(kIOReturnIPCError, "the driver's answer is malformed"));
        }
        done(std::move(answer));
    };
}

void Lifecycle::nonsense(DriverProcess& process, std::string_view what) {
    LogLine line;
    line.level = LogLevel::error;
    line.pid = process.pid();
    line.bundle = process.spec().bundle_id;
    line.process = process.spec().server_name;
    line.subsystem = "opendext";
    line.category = "protocol";
    line.message = "the driver process sent nonsense: " + std::string(what);
    context_.log.write(std::move(line));
    if (++process.malformed >= kMalformedLimit)
        process.kill("sent nonsense " + std::to_string(process.malformed) + " times");
}

void Lifecycle::message(DriverProcess& process, Message message) {
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::call:
            driver_call(process, std::move(message));
            return;
        case driver::Kind::create:
            create(process, message);
            return;
        case driver::Kind::drop:
            drop(process, message);
            return;
        case driver::Kind::log:
            log_line(process, message);
            return;
        case driver::Kind::call_result:
            unclaimed(process, message);
            return;
        case driver::Kind::open_file:
            if (const Status answered = answer_open_file(process, message); !answered.ok())
                nonsense(process, answered.error().text());
            return;
        case driver::Kind::attach_interrupt:
        case driver::Kind::detach_interrupt:
            interrupt_message(process, message);
            return;
        case driver::Kind::panic_log:
            keep_panic_log(process, std::move(message));
            return;
        case driver::Kind::crashed:
            if (const auto wrong = context_.crashes.crashing(process, std::move(message)))
                nonsense(process, *wrong);
            return;
        default:
            if (watch_message(process, message)) return;
            nonsense(process, "message kind " + std::to_string(message.kind));
            return;
    }
}

bool Lifecycle::watch_message(DriverProcess& process, const Message& message) {
    const auto with = [&]<typename T>(std::type_identity<T>, auto handle) {
        Result<T> request = decode<T>(message);
        if (request.ok()) {
            handle(std::move(request).value());
        } else {
            nonsense(process, request.error().text());
        }
        return true;
    };
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::watch:
            return with(std::type_identity<driver::Watch>(), [&](driver::Watch request) {
                const Status status = watches_.watch(process, std::move(request));
                driver::Reply reply;
                if (!status.ok()) {
                    reply.io_return = static_cast<int32_t>(status.error().number);
                    reply.reason = status.error().message;
                }
                process.send(std::move(reply), message.serial);
            });
        case driver::Kind::unwatch:
            return with(std::type_identity<driver::Unwatch>(),
                        [&](auto request) { watches_.unwatch(process, request.source); });
        case driver::Kind::arm:
            return with(std::type_identity<driver::Arm>(),
                        [&](auto request) { watches_.arm(process, request.source); });
        case driver::Kind::next_notification:
            return with(std::type_identity<driver::NextNotification>(), [&](auto request) {
                driver::Notification next = watches_.next(process, request.source);
                introduce(next.service, process, context_.registry, actions_);
                process.send(std::move(next), message.serial);
            });
        default:
            return false;
    }
}

Responder Lifecycle::responder(DriverProcess& process, uint64_t serial, bool one_way) {
    return Responder([this, weak = process.weak_from_this(), serial, one_way](CallAnswer answer) {
        const ProcessPtr caller = weak.lock();
        if (one_way || !caller || caller->state() != ProcessState::ready) return;
        introduce(answer.result.refs, *caller, context_.registry, actions_);
        caller->send(driver::CallResult{std::move(answer.result)}, serial, std::move(answer.fds));
    });
}

void Lifecycle::driver_call(DriverProcess& process, Message message) {
    Result<driver::Call> decoded = decode<driver::Call>(message);
    if (!decoded.ok()) return nonsense(process, decoded.error().text());
    OPENDEXT_PROBE(daemon_call);
    Invocation& invocation = decoded->invocation;
    const bool one_way = (invocation.flags & kOneWay) != 0;
    const Responder respond = responder(process, message.serial, one_way);
    const Status checked = accept_references(invocation.refs, message.fds, process, actions_);
    if (!checked.ok()) {
        nonsense(process, "call: " + checked.error().text());
        return respond(kIOReturnBadArgument);
    }
    const EntryId target = invocation.object;
    if (target == kNoEntry)
        return relay(process, std::move(invocation), std::move(message.fds), respond);
    const bool own = process.owns(target);
    if (!own && !process.known.contains(target)) {
        nonsense(process, "a call on an object that it was never told of");
        return respond(kIOReturnNotPermitted);
    }
    const Entry* entry = context_.registry.find(target);
    if (entry == nullptr) return respond(kIOReturnOffline);

    if (own || (invocation.msgid & kKernelMethod) != 0 || find(target) == nullptr) {
        KernelCall call{std::move(invocation), std::move(message.fds), own, process.number(),
                        respond};
        if (!families_.call(*entry, call)) respond(kIOReturnUnsupported);
        return;
    }
    relay(process, std::move(invocation), std::move(message.fds), respond);
}

void Lifecycle::relay(DriverProcess& from, Invocation invocation, std::vector<UniqueFd> fds,
                      Responder respond) {
    if (is_ours(invocation.msgid)) {
        nonsense(from, "a call of Start or Stop on an object of another process");
        return respond(kIOReturnNotPermitted);
    }
    if (invocation.object != kNoEntry) {
        const Instance* object = find(invocation.object);
        if (object == nullptr || (!object->running() && object->state != InstanceState::stopping)) {
            return respond(kIOReturnNotReady);
        }
    }
    const ProcessPtr owner = process_of(invocation);
    if (owner && owner->pending() >= kMaxPending) return respond(kIOReturnNoResources);
    if ((invocation.flags & kOneWay) != 0) {
        call(std::move(invocation), std::move(fds), {}, "relayed call", {});
        return;
    }
    call(std::move(invocation), std::move(fds), context_.deadlines.of(Deadline::relayed_call),
         std::string(to_string(Deadline::relayed_call)), [respond](Result<CallAnswer> answer) {
             if (answer.ok()) return respond(std::move(answer).value());
             switch (answer.error().code) {
                 case Errc::timed_out:
                     return respond(kIOReturnTimeout);
                 case Errc::peer_gone:
                     return respond(kIOReturnOffline);
                 case Errc::kern:
                     return respond(static_cast<int32_t>(answer.error().number));
                 default:
                     return respond(kIOReturnNotReady);
             }
         });
}

void Lifecycle::set_properties_from_outside(EntryId id, Dictionary properties,
                                            std::function<void(client::DriverOutcome)> done) {
    Instance* instance = find(id);
    if (instance == nullptr || !instance->running())
        return done(outcome_of(Error::kern(kIOReturnNotReady, "it is not running")));
    system::IOService_UserSetProperties::In in;
    in.properties.kind = protocol::RefKind::value;
    in.properties.value = std::move(properties);
    call(system::IOService_UserSetProperties::encode(id, in), {},
         context_.deadlines.of(Deadline::set_properties),
         std::string(to_string(Deadline::set_properties)),
         [this, id, done = std::move(done)](const Result<CallAnswer>& answer) {
             if (!answer.ok()) return done(outcome_of(answer.error()));
             done(driver_outcome(context_.registry, id, "SetProperties", answer->result.io_return));
         });
}

void Lifecycle::create(DriverProcess& process, const Message& message) {
    const Result<driver::Create> request = decode<driver::Create>(message);
    if (!request.ok()) return nonsense(process, request.error().text());
    Result<driver::Created> created = create_object(process, request.value());
    OPENDEXT_PROBE(daemon_create);
    if (created.ok()) {
        process.send(std::move(created).value(), message.serial);
        return;
    }
    driver::Created refusal;
    refusal.outcome.io_return = static_cast<int32_t>(created.error().number);
    refusal.outcome.reason = created.error().message;
    process.send(std::move(refusal), message.serial);
}

Result<driver::Created> Lifecycle::create_object(DriverProcess& process,
                                                 const driver::Create& request) {
    const Instance* creator = find(request.provider);
    const Entry* provider = context_.registry.find(request.provider);
    if (creator == nullptr || provider == nullptr || creator->process.get() != &process) {
        return Error::kern(kIOReturnUnsupported,
                           "Create: the provider must be the calling object itself");
    }
    if (provider->activity != Activity::active) {
        return Error::kern(kIOReturnNotReady, "Create: the provider is being terminated");
    }
    if (process.objects.size() >= kMaxCreated) {
        return Error::kern(kIOReturnNoResources, "Create: the process has too many objects");
    }
    const Value* named = provider->property(request.properties_key);
    const Dictionary* table = named == nullptr ? nullptr : named->dictionary();
    if (table == nullptr) {
        return Error::kern(
            kIOReturnBadArgument,
            "Create: " + provider->name + " has no dictionary property " + request.properties_key);
    }
    const std::string* kernel_class = find_string(*table, "IOClass");
    if (kernel_class == nullptr) {
        return Error::kern(kIOReturnBadArgument,
                           "Create: " + request.properties_key + " has no string IOClass");
    }
    const ClassTable::Known* known = context_.classes.find(*kernel_class);
    if (known == nullptr || !known->declaration.for_drivers) {
        return Error::kern(kIOReturnUnsupported, "Create: " + request.properties_key +
                                                     "/IOClass: no class " + *kernel_class);
    }
    const std::string* user_class = find_string(*table, "IOUserClass");
    if (user_class == nullptr || !process.has_class(*user_class)) {
        return Error::kern(
            kIOReturnUnsupported,
            "Create: " + request.properties_key + "/IOUserClass " +
                (user_class == nullptr ? "is missing"
                                       : *user_class + " is no class of the process"));
    }
    Registry::Spec spec;
    spec.provider = request.provider;
    spec.classes = context_.classes.chain(*kernel_class);
    spec.name = *user_class;
    spec.properties = context_.classes.default_properties(spec.classes);
    for (const auto& [key, value] : *table) spec.properties.insert_or_assign(key, value);
    spec.properties.insert_or_assign("CFBundleIdentifier", creator->personality->bundle_id);
    spec.properties.insert_or_assign("IOUserServerName", creator->personality->server_name);
    auto instance = std::make_unique<Instance>();
    instance->provider = request.provider;
    instance->personality = creator->personality;
    instance->created = true;
    instance->process = creator->process;
    instance->state = InstanceState::started;
    instance->start_finished = true;

    const EntryId id = context_.registry.add(std::move(spec)).id;
    instance->entry = id;
    instances_.emplace(id, std::move(instance));
    context_.recorder.touch(Record::instance, id);
    process.objects.insert(id);
    context_.registry.set_user_classes(id, process.class_chain(*user_class));
    if (const Entry* entry = context_.registry.find(id)) families_.attached(*entry);
    publish_objects(process);

    driver::Created created;
    created.entry = id;
    created.user_class = *user_class;
    created.kernel_class = *kernel_class;
    return created;
}

void Lifecycle::drop(DriverProcess& process, const Message& message) {
    const Result<driver::Drop> drop = decode<driver::Drop>(message);
    if (!drop.ok()) return nonsense(process, drop.error().text());
    const EntryId id = drop.value().entry;
    if ((id & ActionTable::kForeignAction) != 0) return actions_.drop(process.number(), id);
    process.known.erase(id);
    // The process lets an object of its own go: one of Create() whose Start failed.
    Instance* instance = process.objects.contains(id) ? find(id) : nullptr;
    if (instance == nullptr || !instance->created || !instance->running()) return;
    instance->state = InstanceState::failed;
    instance->failure = Error{Errc::not_ready, 0, "the process released it"};
    termination_.terminate(id);
}

void Lifecycle::interrupt_message(DriverProcess& process, const Message& message) {
    if (static_cast<driver::Kind>(message.kind) == driver::Kind::detach_interrupt) {
        const Result<driver::DetachInterrupt> detach = decode<driver::DetachInterrupt>(message);
        if (!detach.ok()) return nonsense(process, detach.error().text());
        // One of a nub that has ended is forgotten already.
        (void)interrupts_.detach(process, detach->handle);
        return;
    }
    const Result<driver::AttachInterrupt> attach = decode<driver::AttachInterrupt>(message);
    if (!attach.ok()) return nonsense(process, attach.error().text());
    interrupts_.attach(process, attach.value(), message.serial);
}

void Lifecycle::log_line(DriverProcess& process, const Message& message) {
    Result<driver::Log> said = decode<driver::Log>(message);
    if (!said.ok()) return nonsense(process, said.error().text());
    uint64_t skipped = 0;
    LogLine line;
    line.pid = process.pid();
    line.bundle = process.spec().bundle_id;
    line.process = process.spec().server_name;
    if (!process.log_budget.take(monotonic_ns(), skipped)) return;
    if (skipped > 0) {
        LogLine note = line;
        note.level = LogLevel::error;
        note.subsystem = "opendext";
        note.category = "log";
        note.message =
            std::to_string(skipped) + " lines of this driver were left out: it logs too fast";
        context_.log.write(std::move(note));
    }
    line.level = level_of(said->type);
    line.time_ns = said->time_ns;
    line.subsystem = std::move(said->subsystem);
    line.category = std::move(said->category);
    line.message = std::move(said->text);
    process.recent.line(line);
    context_.log.write(std::move(line));
    // Before it counts as seen to: an opendextd that is killed loses no line of a driver.
    context_.log.flush();
}

}  // namespace opendext::daemon
