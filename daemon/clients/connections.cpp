// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/connections.h"

#include <cstdio>
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/entitlements/policy.h"
#include "daemon/io_return.h"
#include "daemon/outcome.h"
#include "rpc/channel.h"
#include "rpc/probe.h"

namespace opendext::daemon {

namespace client = protocol::client;
namespace driver = protocol::driver;

namespace {
/// Objects of one driver process, of which each connection is one: it takes one of the 4096
/// descriptors that the process may have (keeper/prepared/sandbox.cpp), and a thread.
constexpr size_t kProcessObjects = 3000;
}  // namespace

std::string_view to_string(OpenState state) {
    switch (state) {
        case OpenState::waiting_for_closes:
            return "waiting for closes";
        case OpenState::asking_driver:
            return "asking driver";
        case OpenState::attaching:
            return "attaching";
        case OpenState::connected:
            return "connected";
    }
    return "unknown";
}

UserClientConnections::UserClientConnections(Context& context, Lifecycle& lifecycle, Died died)
    : context_(context),
      lifecycle_(lifecycle),
      died_(std::move(died)),
      programs_(context.loop, [this](int32_t pid) { program_ended(pid); }) {
    describe_connections();
    context_.registry.observe([this](Event event, const Entry& entry) {
        if (event == Event::inactive) user_client_inactive(entry);
        if (event == Event::detached) user_client_gone(entry.id);
    });
}

/// What a program may have meant: the nearest entry that can be opened, on what stands on `entry`
/// or on what that stands on. "" if there is none.
std::string UserClientConnections::nearest_to_open(const Entry& entry) const {
    constexpr std::string_view kProgramsUse = "OpenDextProgramsUse";
    const auto in_words = [&](const Entry& one) -> std::string {
        const Value* call = one.property(kProgramsUse);
        const Instance* instance = lifecycle_.find(one.id);
        const bool by_call = call != nullptr && call->string() != nullptr;
        if (one.activity != Activity::active ||
            (!by_call && (instance == nullptr || instance->state != InstanceState::registered)))
            return "";
        char id[24];
        std::snprintf(id, sizeof id, "0x%llx", static_cast<unsigned long long>(one.id));
        return "; the nearest entry that can be opened is " + one.name + " (" + one.class_name() +
               ", " + id + ")" + (by_call ? ", with " + *call->string() : "");
    };
    std::vector<EntryId> level = entry.clients;
    while (!level.empty()) {
        std::vector<EntryId> below;
        for (const EntryId id : level) {
            const Entry* one = context_.registry.find(id);
            if (one == nullptr) continue;
            if (std::string words = in_words(*one); !words.empty()) return words;
            below.insert(below.end(), one->clients.begin(), one->clients.end());
        }
        level = std::move(below);
    }
    for (const Entry* above = context_.registry.find(entry.provider()); above != nullptr;
         above = context_.registry.find(above->provider())) {
        if (std::string words = in_words(*above); !words.empty()) return words;
    }
    return "";
}

Status UserClientConnections::check_target(EntryId id) const {
    const Entry* entry = context_.registry.find(id);
    if (entry == nullptr) return Error::kern(kIOReturnNoDevice, "the service is gone");
    const Instance* instance = lifecycle_.find(id);
    if (instance == nullptr) {
        return Error::kern(kIOReturnUnsupported,
                           entry->name + " has no driver process that could be opened: class " +
                               entry->class_name() + " has no user client" +
                               nearest_to_open(*entry));
    }
    if (entry->activity != Activity::active) {
        return Error::kern(kIOReturnNotReady, entry->name + " is being terminated");
    }
    if (instance->state != InstanceState::registered) {
        return Error::kern(kIOReturnNotReady,
                           entry->name + " is " + std::string(to_string(instance->state)) +
                               ": it can be opened after its driver called RegisterService");
    }
    if (const size_t objects = instance->process->objects.size(); objects >= kProcessObjects) {
        return Error::kern(kIOReturnNoResources,
                           entry->name + " has no room for more: its process has " +
                               std::to_string(objects) +
                               " objects, connections of programs among them");
    }
    return success();
}

/// Tells the program, and whoever looks for the line of the program or of the driver in the log.
void UserClientConnections::refuse(const ClientIdentity& identity, EntryId id, uint32_t type,
                                   const Done& done, client::DriverOutcome outcome) {
    client::Opened refused;
    refused.outcome = outcome;
    const Entry* entry = context_.registry.find(id);
    refusals_kept_.push_back(
        {identity,
         {entry == nullptr ? "" : entry->name, id, type, outcome.io_return, outcome.reason, 0},
         context_.clock.now()});
    if (refusals_kept_.size() > kRefusalsKept) refusals_kept_.pop_front();
    const Instance* instance = lifecycle_.find(id);
    uint64_t skipped = 0;
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    if (!refusals_.take(static_cast<uint64_t>(now_ns), skipped))
        return done(std::move(refused), {});
    LogLine line;
    line.pid = identity.pid;
    line.level = LogLevel::error;
    line.process = identity.program;
    if (instance != nullptr) line.bundle = instance->personality->bundle_id;
    line.category = "open";
    line.message = "IOServiceOpen of " +
                   (entry == nullptr ? "entry " + std::to_string(id) : entry->name) +
                   " is refused: " + Error::kern(outcome.io_return, outcome.reason).text();
    if (skipped > 0) line.message += " (" + std::to_string(skipped) + " more were refused)";
    context_.log.write(std::move(line));
    done(std::move(refused), {});
}

void UserClientConnections::open(uint64_t client, ClientIdentity identity, EntryId entry,
                                 uint32_t type, Done done) {
    Status checked = check_target(entry);
    if (!checked.ok()) return refuse(identity, entry, type, done, outcome_of(checked.error()));
    const uint64_t number = next_++;
    Connection connection;
    connection.client = client;
    connection.service = entry;
    connection.identity = std::move(identity);
    connection.done = std::move(done);
    connection.type = type;
    connection.asked = context_.clock.now();
    connection.closing = closing(entry);
    if (connection.closing.empty()) {
        connections_.emplace(number, std::move(connection));
        return ask_driver(number);
    }
    // A driver may be for one program at a time: whoever closed it, or was told that it was closed,
    // can open it.
    connection.timer = context_.loop.after(context_.deadlines.of(Deadline::earlier_closes),
                                           [this, number] { ask_driver(number); });
    connections_.emplace(number, std::move(connection));
    waiting_.insert(number);
}

std::vector<UserClientConnections::Known> UserClientConnections::known() const {
    std::vector<Known> all;
    const Clock::Time now = context_.clock.now();
    for (const auto& [number, connection] : connections_) {
        const auto age =
            std::chrono::duration_cast<std::chrono::milliseconds>(now - connection.asked);
        all.push_back(
            {connection.client,
             {connection.service, connection.user_client, connection.type,
              std::string(to_string(connection.state)), static_cast<uint64_t>(age.count())},
             &connection.identity});
    }
    return all;
}

std::set<EntryId> UserClientConnections::closing(EntryId service) const {
    std::set<EntryId> ids;
    for (const EntryId id : context_.registry.find(service)->clients) {
        const Entry* entry = context_.registry.find(id);
        if (entry != nullptr && entry->activity != Activity::active &&
            entry->is_kind_of("IOUserUserClient"))
            ids.insert(id);
    }
    return ids;
}

void UserClientConnections::user_client_gone(EntryId id) {
    for (const uint64_t number : waiting_) {
        Connection& connection = connections_.at(number);
        if (connection.closing.erase(id) > 0 && connection.closing.empty())
            context_.loop.post([this, number] { ask_driver(number); });
    }
}

void UserClientConnections::ask_driver(uint64_t number) {
    waiting_.erase(number);
    const auto place = connections_.find(number);
    if (place == connections_.end()) return;  // the client went away meanwhile
    Connection& connection = place->second;
    if (connection.state != OpenState::waiting_for_closes) return;
    connection.timer.reset();
    const EntryId entry = connection.service;
    const Status checked = check_target(entry);
    if (!checked.ok()) return fail(number, checked.error());
    OPENDEXT_PROBE(daemon_open);
    connection.state = OpenState::asking_driver;
    system::IOService__NewUserClient::In in;
    in.type = connection.type;
    in.entitlements.kind = protocol::RefKind::value;
    in.entitlements.value = connection.identity.entitlements;
    lifecycle_.call(system::IOService__NewUserClient::encode(entry, in), {},
                    context_.deadlines.of(Deadline::new_user_client),
                    std::string(to_string(Deadline::new_user_client)),
                    [this, number, entry](Result<CallAnswer> answer) {
                        user_client_made(number, entry, std::move(answer));
                    });
}

Result<EntryId> UserClientConnections::check_user_client(EntryId provider,
                                                         const CallAnswer& answer) const {
    const Entry* entry = context_.registry.find(provider);
    const std::string name = entry == nullptr ? "the driver" : entry->name;
    const auto out = system::IOService__NewUserClient::decode_result(answer.result);
    if (!out.ok() || out->userClient.kind != protocol::RefKind::object) {
        return Error::kern(kIOReturnUnsupported,
                           "NewUserClient of " + name + " returned no object");
    }
    const EntryId id = out->userClient.id;
    const Entry* user_client = context_.registry.find(id);
    const Instance* made = lifecycle_.find(id);
    const Instance* owner = lifecycle_.find(provider);
    if (user_client == nullptr || made == nullptr || owner == nullptr ||
        made->process != owner->process) {
        return Error::kern(kIOReturnUnsupported,
                           "NewUserClient of " + name + " returned an object of somebody else");
    }
    if (!user_client->is_kind_of("IOUserUserClient")) {
        return Error::kern(kIOReturnUnsupported,
                           "NewUserClient of " + name + " returned a " + user_client->class_name() +
                               "; write IOClass IOUserUserClient in its dictionary");
    }
    if (user_client->activity != Activity::active) {
        return Error::kern(kIOReturnOffline, "the user client was terminated at once");
    }
    for (const auto& [number, connection] : connections_) {
        if (connection.user_client == id) {
            return Error::kern(kIOReturnBusy, "NewUserClient of " + name +
                                                  " returned a user client that is in use");
        }
    }
    return id;
}

Status UserClientConnections::check_access(const ClientIdentity& identity, EntryId user_client) {
    if (context_.policy == PolicyMode::off) return success();
    const Instance* instance = lifecycle_.find(user_client);
    const Entry* entry = context_.registry.find(user_client);
    const ClientAccess access{instance->personality->entitlements, identity.entitlements,
                              instance->personality->bundle_id,
                              entry->property("IOServiceDEXTEntitlements"), identity.uid == 0};
    const auto breach = refuse_client(access);
    const std::string who = " (" + identity.program + ")";
    const std::string hint = identity.unseen.empty() ? "" : " (" + identity.unseen + ")";
    if (breach && !lifecycle_.guard().allowed(*breach + who))
        return Error::kern(kIOReturnNotPermitted, *breach + hint);
    // The rule of IOServiceOpen itself comes last.
    const Value* required = entry->property("IOUserClientEntitlements");
    const std::string* name = required == nullptr ? nullptr : required->string();
    if (name == nullptr || identity.entitlements.contains(*name)) return success();
    const std::string lacking = "the program lacks " + *name +
                                ", which IOUserClientEntitlements of the user client asks for";
    if (lifecycle_.guard().allowed(lacking + who)) return success();
    return Error::kern(kIOReturnNotPrivileged, lacking + hint);
}

void UserClientConnections::user_client_made(uint64_t number, EntryId provider,
                                             Result<CallAnswer> answer) {
    const auto place = connections_.find(number);
    if (!answer.ok()) {
        if (place != connections_.end()) fail(number, answer.error());
        return;
    }
    if (const int32_t code = answer->result.io_return; code != 0) {
        client::DriverOutcome outcome =
            driver_outcome(context_.registry, provider, "NewUserClient", code);
        // IOService's own, which a driver that programs can open overrides, returns this.
        if (code == kIOReturnError)
            outcome.reason += ", as it does where a driver does not override it";
        return fail(number, std::move(outcome));
    }
    OPENDEXT_PROBE(daemon_open_answered);
    Result<EntryId> made = check_user_client(provider, answer.value());
    if (place == connections_.end()) {  // the client went away while the driver worked
        if (made.ok()) lifecycle_.terminate(made.value());
        return;
    }
    if (!made.ok()) return fail(number, made.error());
    Connection& connection = place->second;
    connection.user_client = made.value();
    Status access = check_access(connection.identity, connection.user_client);
    if (!access.ok()) return fail(number, access.error());
    context_.registry.set_property(
        connection.user_client, "IOUserClientCreator",
        "pid " + std::to_string(connection.identity.pid) + ", " + connection.identity.program);
    attach(number);
}

void UserClientConnections::attach(uint64_t number) {
    Connection& connection = connections_.at(number);
    Result<UniqueFd> memory = Channel::create_memory();
    if (!memory.ok()) return fail(number, memory.error());
    Result<UniqueFd> copy = memory->duplicate();
    if (!copy.ok()) return fail(number, copy.error());
    Result<std::pair<Socket, Socket>> sides = Socket::pair();
    if (!sides.ok()) return fail(number, sides.error());

    std::vector<UniqueFd> for_driver;
    for_driver.push_back(std::move(memory).value());
    for_driver.push_back(sides->first.take_fd());
    auto for_client = std::make_shared<std::vector<UniqueFd>>();
    for_client->push_back(std::move(copy).value());
    for_client->push_back(sides->second.take_fd());

    connection.state = OpenState::attaching;
    OPENDEXT_PROBE(daemon_attach);
    driver::AttachClient request;
    request.entry = connection.user_client;
    request.connection = number;
    request.client_pid = connection.identity.pid;
    request.client_name = connection.identity.program;
    request.entitlements = connection.identity.entitlements;
    lifecycle_.find(connection.user_client)
        ->process->request(std::move(request), std::move(for_driver),
                           context_.deadlines.of(Deadline::attach_client),
                           std::string(to_string(Deadline::attach_client)),
                           [this, number, for_client](const Result<Message>& reply) {
                               attached(number, *for_client, reply);
                           });
    // The program need not wait for the driver's answer: what it sends waits in the channel. It is
    // told, and the connection recorded, once the driver's end has left: a channel that had not
    // when opendextd died is nobody's.
    const auto tell = [this, number, for_client] {
        const auto place = connections_.find(number);
        if (place != connections_.end() && place->second.state == OpenState::attaching)
            connect(number, *for_client);
    };
    if (!context_.loop.settles()) return context_.loop.post(tell);
    context_.loop.when_settled(
        [this, process = lifecycle_.find(connection.user_client)->process, tell] {
            if (!process->has_unsent()) context_.loop.post(tell);
        });
}

/// The driver process has its end of the channel, or says why not.
void UserClientConnections::attached(uint64_t number, std::vector<UniqueFd>& fds,
                                     const Result<Message>& reply) {
    const auto place = connections_.find(number);
    if (place == connections_.end()) return;
    const Result<driver::Reply> answer =
        reply.ok() ? decode<driver::Reply>(reply.value()) : Result<driver::Reply>(reply.error());
    const bool taken = answer.ok() && answer->io_return == 0;
    const auto why = [&answer] {
        return answer.ok() ? Error::kern(answer->io_return, answer->reason) : answer.error();
    };
    if (place->second.state != OpenState::connected)
        return taken ? connect(number, fds) : fail(number, why());
    // The program has been told. The end of the process ends what its programs have open by itself.
    if (taken || (!reply.ok() && reply.error().code != Errc::timed_out)) return;
    const uint64_t client = place->second.client;
    fail(number, why());
    died_(client, {number, "the driver did not take the connection: " + why().text(),
                   client::RefusedBy::terminated});
}

/// The program gets its end of the channel.
void UserClientConnections::connect(uint64_t number, std::vector<UniqueFd>& fds) {
    Connection& connection = connections_.at(number);
    const Instance* instance = lifecycle_.find(connection.user_client);
    if (instance == nullptr)
        return fail(number, Error::kern(kIOReturnOffline, "the user client is gone"));
    OPENDEXT_PROBE(daemon_attached);
    connection.state = OpenState::connected;
    context_.recorder.touch(Record::connection, number);
    const Done done = std::exchange(connection.done, nullptr);
    client::Opened opened;
    opened.connection = number;
    opened.user_client = connection.user_client;
    opened.driver_pid = instance->process->pid();
    done(std::move(opened), std::move(fds));
}

void UserClientConnections::fail(uint64_t number, const Error& error) {
    fail(number, outcome_of(error));
}

void UserClientConnections::fail(uint64_t number, client::DriverOutcome outcome) {
    const auto place = connections_.find(number);
    if (place == connections_.end()) return;
    Connection failed = std::move(place->second);
    forget(place);
    waiting_.erase(number);
    if (failed.user_client != kNoEntry) lifecycle_.terminate(failed.user_client);
    if (failed.done)
        refuse(failed.identity, failed.service, failed.type, failed.done, std::move(outcome));
}

Status UserClientConnections::close(uint64_t client, uint64_t number) {
    const auto place = connections_.find(number);
    if (place == connections_.end() || place->second.client != client) {
        return Error{Errc::not_found, 0, "there is no connection " + std::to_string(number)};
    }
    end(number);
    return success();
}

void UserClientConnections::end(uint64_t number) {
    const auto place = connections_.find(number);
    OPENDEXT_PROBE(daemon_close);
    const Connection closing = std::move(place->second);
    forget(place);
    waiting_.erase(number);
    if (const Instance* instance = lifecycle_.find(closing.user_client)) {
        instance->process->send(driver::DetachClient{number});
    }
    if (closing.user_client != kNoEntry) lifecycle_.terminate(closing.user_client);
}

std::map<uint64_t, UserClientConnections::Connection>::iterator UserClientConnections::forget(
    std::map<uint64_t, Connection>::iterator connection) {
    context_.recorder.touch(Record::connection, connection->first);
    return connections_.erase(connection);
}

void UserClientConnections::client_gone(uint64_t client) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, connection] : connections_) {
        if (connection.client == client) numbers.push_back(number);
    }
    for (const uint64_t number : numbers) (void)close(client, number).ok();
}

void UserClientConnections::user_client_inactive(const Entry& entry) {
    for (auto place = connections_.begin(); place != connections_.end(); ++place) {
        if (place->second.user_client != entry.id) continue;
        const uint64_t number = place->first;
        OPENDEXT_PROBE(daemon_client_lost);
        const Connection lost = std::move(place->second);
        forget(place);
        const Instance* instance = lifecycle_.find(entry.id);
        const bool crashed = instance != nullptr && instance->end == End::process_died;
        // As the service's own end is told (Subscriptions).
        const auto how =
            lifecycle_.died(entry) ? client::RefusedBy::driver_died : client::RefusedBy::terminated;
        const std::string reason = crashed ? "the driver process died: " + instance->failure_text()
                                   : how == client::RefusedBy::driver_died
                                       ? "the driver died that this one stood on"
                                       : "the driver ended the user client";
        if (instance != nullptr && !crashed) instance->process->send(driver::DetachClient{number});
        if (lost.done) {
            refuse(lost.identity, lost.service, lost.type, lost.done,
                   {{kIOReturnOffline, reason}, how});
        } else {
            died_(lost.client, protocol::client::ConnectionDied{number, reason, how});
        }
        return;
    }
}

}  // namespace opendext::daemon
