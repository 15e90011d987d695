// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/io_return.h"
#include "daemon/outcome.h"
#include "daemon/supervision/queries.h"
#include "rpc/protocol/debug.h"

namespace opendext::daemon {

namespace client = protocol::client;

ClientServer::ClientServer(Context& context, Lifecycle& lifecycle, Matcher& matcher,
                           Catalogue& catalogue, PowerTree& power, std::string realm,
                           int32_t keeper_pid, Limits limits, Hooks hooks)
    : context_(context),
      lifecycle_(lifecycle),
      matcher_(matcher),
      catalogue_(catalogue),
      power_(power),
      realm_(std::move(realm)),
      keeper_pid_(keeper_pid),
      limits_(limits),
      hooks_(std::move(hooks)),
      queries_(context, lifecycle, matcher),
      explainer_(context, matcher, catalogue),
      subscriptions_(
          [this] { return matcher_.match_context(); },
          {[this](std::function<void()> work) { context_.loop.post(std::move(work)); },
           [this](uint64_t to, client::Matched event) { reply(to, 0, std::move(event)); },
           [this](uint64_t to, client::Interest event) { reply(to, 0, event); },
           [this](const Entry& entry) { return lifecycle_.died(entry); }}),
      entitlements_(context.programs,
                    [this](const std::string& complaint) {
                        context_.log.write(LogLevel::error, "entitlements", complaint);
                    }),
      connections_(
          context, lifecycle,
          [this](uint64_t to, client::ConnectionDied event) { reply(to, 0, std::move(event)); }),
      extension_requests_(
          context, catalogue,
          {[this](uint64_t to, client::ExtensionProgress event) { reply(to, 0, std::move(event)); },
           [this](uint64_t to, client::ExtensionChanged event) {
               reply(to, 0, std::move(event));
           }}) {
    context_.registry.observe([this](Event event, const Entry& entry) {
        subscriptions_.on_event(event, entry);
        if (event == Event::busy_changed && !waits_.empty())
            context_.loop.post([this] { check_quiet(); });
    });
}

ClientServer::~ClientServer() {
    if (listener_) ::unlink(path_.c_str());
}

Status ClientServer::listen(const std::filesystem::path& path, mode_t mode) {
    // The keeper holds the realm's lock: whoever listened here before is dead.
    ::unlink(path.c_str());
    path_ = path;
    listener_ = std::make_unique<Listener>(OD_TRY(Listener::bind(path, mode)));
    accepting_ = context_.loop.watch(listener_->fd(), EPOLLIN, [this](uint32_t) { accept(); });
    return success();
}

void ClientServer::stop_listening() {
    if (!listener_) return;
    accepting_.reset();
    listener_.reset();
    ::unlink(path_.c_str());
}

void ClientServer::accept() {
    Result<std::optional<Socket>> accepted = listener_->accept();
    if (!accepted.ok()) {
        context_.log.write(LogLevel::error, "clients", accepted.error().text());
        return;
    }
    if (accepted.value()) add(std::move(*accepted.value()));
}

void ClientServer::add(Socket socket) {
    if (clients_.size() >= limits_.clients) {
        context_.log.write(LogLevel::error, "clients", "refused a client: too many are connected");
        return;
    }
    const uint64_t number = next_++;
    Client client;
    client.number = number;
    const ProgramIdentity program = identify_program(socket);
    client.identity.pid = program.pid;
    client.identity.start_time = program.start_time;
    client.identity.uid = program.uid;
    Grants grants = entitlements_.of(program);
    client.identity.entitlements = std::move(grants.entitlements);
    client.identity.unseen = std::move(grants.unseen);
    client.connection = std::make_unique<Connection>(
        context_.loop, std::move(socket), limits_.queue,
        [this, number](Message message) { received(number, std::move(message)); },
        [this, number](const Error& reason) { closed(number, reason); });
    clients_.emplace(number, std::move(client));
}

ClientServer::Client* ClientServer::find(uint64_t number) {
    const auto client = clients_.find(number);
    return client == clients_.end() ? nullptr : &client->second;
}

void ClientServer::closed(uint64_t number, const Error& reason) {
    context_.debugging.forget(number);
    const auto place = clients_.find(number);
    if (place == clients_.end()) return;
    if (reason.code != Errc::peer_gone) {
        context_.log.write(LogLevel::error, "clients",
                           "client " + place->second.identity.program + "[" +
                               std::to_string(place->second.identity.pid) +
                               "] is dropped: " + reason.text());
    }
    subscriptions_.remove_all(number);
    std::erase_if(waits_, [&](const auto& wait) { return wait.second.client == number; });
    clients_.erase(place);
    connections_.client_gone(number);
    extension_requests_.client_gone(number);
}

void ClientServer::refuse(Client& client, const std::string& reason) {
    client.connection->close();
    // Later: its messages are being delivered just now.
    context_.loop.post([this, number = client.number, reason] {
        closed(number, Error{Errc::malformed, 0, reason});
    });
}

void ClientServer::received(uint64_t number, Message message) {
    Client* client = find(number);
    if (client == nullptr || !client->connection->open()) return;
    if (!client->greeted && message.kind != static_cast<uint32_t>(client::Kind::hello)) {
        return refuse(*client, "the first message was not Hello");
    }
    if (!handle(*client, message)) {
        refuse(*client,
               "message kind " + std::to_string(message.kind) + " is unknown or malformed");
    }
}

void ClientServer::send(uint64_t number, Message message) {
    // What happened before the answer was made is heard before it.
    if (message.serial != 0) subscriptions_.flush();
    if (Client* client = find(number)) client->connection->send(std::move(message));
}

void ClientServer::reply_status(uint64_t number, uint64_t serial, const Status& status) {
    client::Reply answer;
    if (!status.ok()) static_cast<protocol::Outcome&>(answer) = outcome_of(status.error());
    reply(number, serial, std::move(answer));
}

namespace {
Error not_privileged() {
    return Error::kern(kIOReturnNotPrivileged, "only the realm's owner and root may do this");
}

/// Decodes the message as T and gives it to `handle`; false if it is malformed.
template <typename T, typename Handle>
bool with(const Message& message, Handle handle) {
    Result<T> decoded = decode<T>(message);
    if (!decoded.ok()) return false;
    handle(std::move(decoded).value());
    return true;
}
}  // namespace

bool ClientServer::handle(Client& client, Message& message) {
    if (message.kind == static_cast<uint32_t>(client::Kind::family_request)) {
        return with<client::FamilyRequest>(message, [&](auto request) {
            family_request(client, std::move(request), std::move(message.fds), message.serial);
        });
    }
    return handle_registry(client, message) || handle_notifications(client, message) ||
           handle_control(client, message) || handle_system(client, message) ||
           handle_extensions(client, message);
}

bool ClientServer::handle_registry(Client& client, const Message& message) {
    /// Decodes a request and answers it with what the member function says.
    const auto answer = [&]<typename Request, typename Answer>(
                            Answer (RegistryQueries::*query)(const Request&) const) {
        return with<Request>(message, [&](const Request& request) {
            reply(client.number, message.serial, (queries_.*query)(request));
        });
    };
    switch (static_cast<client::Kind>(message.kind)) {
        case client::Kind::match:
            return answer(&RegistryQueries::match);
        case client::Kind::match_one:
            return answer(&RegistryQueries::match_one);
        case client::Kind::get_entry:
            return answer(&RegistryQueries::entry);
        case client::Kind::get_relatives:
            return answer(&RegistryQueries::relatives);
        case client::Kind::read_entries:
            return answer(&RegistryQueries::read_entries);
        case client::Kind::walk:
            return answer(&RegistryQueries::walk);
        case client::Kind::search:
            return answer(&RegistryQueries::search);
        case client::Kind::resolve:
            return answer(&RegistryQueries::resolve);
        case client::Kind::locate:
            return answer(&RegistryQueries::locate);
        case client::Kind::get_class:
            return answer(&RegistryQueries::class_of);
        case client::Kind::explain:
            return with<client::Explain>(message, [&](auto request) {
                reply(client.number, message.serial, explainer_.explain(request));
            });
        case client::Kind::get_activity:
            return with<client::GetActivity>(message,
                                             [&](auto) { get_activity(client, message.serial); });
        case client::Kind::get_snapshots:
            return with<client::GetSnapshots>(message, [&](auto request) {
                send(client.number, queries_.snapshots(request, message.serial));
            });
        default:
            return false;
    }
}

bool ClientServer::handle_notifications(Client& client, const Message& message) {
    const uint64_t serial = message.serial;
    switch (static_cast<client::Kind>(message.kind)) {
        case client::Kind::hello:
            return with<client::Hello>(message,
                                       [&](auto request) { hello(client, request, serial); });
        case client::Kind::subscribe:
            return with<client::Subscribe>(
                message, [&](auto request) { subscribe(client, std::move(request), serial); });
        case client::Kind::unsubscribe:
            return with<client::Unsubscribe>(message, [&](auto request) {
                subscriptions_.remove(client.number, request.subscription);
            });
        case client::Kind::set_properties:
            return with<client::SetProperties>(
                message, [&](auto request) { set_properties(client, std::move(request), serial); });
        case client::Kind::wait_quiet:
            return with<client::WaitQuiet>(
                message, [&](auto request) { wait_quiet(client, request, serial); });
        default:
            return false;
    }
}

bool ClientServer::handle_control(Client& client, const Message& message) {
    const uint64_t number = client.number;
    const uint64_t serial = message.serial;
    const auto done = [this, number, serial](const Status& status) {
        reply_status(number, serial, status);
    };
    const auto administer = [&](auto action) {
        if (may_administer(client)) {
            action();
        } else {
            done(not_privileged());
        }
    };
    switch (static_cast<client::Kind>(message.kind)) {
        case client::Kind::open:
            return with<client::Open>(message, [&](auto request) {
                if (client.waits >= limits_.waits) {
                    client::Opened refused;
                    refused.outcome = {{kIOReturnNoResources, "too many opens at a time"}, {}};
                    return reply(number, serial, std::move(refused));
                }
                ++client.waits;
                connections_.open(
                    number, client.identity, request.entry, request.type,
                    [this, number, serial](client::Opened opened, std::vector<UniqueFd> fds) {
                        if (Client* waiting = find(number)) --waiting->waits;
                        reply(number, serial, std::move(opened), std::move(fds));
                    });
            });
        case client::Kind::close:
            return with<client::Close>(message, [&](auto request) {
                done(connections_.close(number, request.connection));
            });
        case client::Kind::install:
            return with<client::Install>(message, [&](auto request) {
                administer([&] { catalogue_.install(request.bundle_path, done, request.request); });
            });
        case client::Kind::uninstall:
            return with<client::Uninstall>(message, [&](auto request) {
                administer([&] { catalogue_.uninstall(request.bundle_id, done, request.request); });
            });
        case client::Kind::list_extensions:
            return with<client::ListExtensions>(message, [&](auto) {
                reply(number, serial, client::Extensions{catalogue_.list()});
            });
        case client::Kind::stop_realm:
            return with<client::StopRealm>(message, [&](auto) {
                administer([&] { hooks_.stop_realm([done] { done(success()); }); });
            });
        default:
            return false;
    }
}

bool ClientServer::handle_system(Client& client, const Message& message) {
    const uint64_t number = client.number;
    const uint64_t serial = message.serial;
    switch (static_cast<client::Kind>(message.kind)) {
        case client::Kind::set_power:
            return with<client::SetPower>(message, [&](auto request) {
                const auto done = [this, number, serial](const Status& status) {
                    reply_status(number, serial, status);
                };
                if (!may_administer(client)) {
                    return done(not_privileged());
                }
                power_.set_asleep(request.asleep, done);
            });
        case client::Kind::get_power:
            return with<client::GetPower>(message,
                                          [&](auto) { reply(number, serial, power_.describe()); });
        case client::Kind::get_supervision:
            return with<client::GetSupervision>(message, [&](auto) {
                reply(number, serial, supervision_is(matcher_.supervisor(), context_.registry));
            });
        case client::Kind::lift_quarantine:
            return with<client::LiftQuarantine>(message, [&](auto request) {
                client::QuarantineLifted answer;
                if (may_administer(client)) {
                    answer =
                        lift_quarantine(matcher_.supervisor(), context_.registry, request.name);
                } else {
                    answer.outcome = outcome_of(not_privileged());
                }
                reply(number, serial, std::move(answer));
            });
        case client::Kind::debug_next:
            return with<client::DebugNext>(message, [&](auto request) {
                client::DebugWaiting answer;
                answer.outcome = outcome_of(not_privileged());
                if (!may_administer(client)) return reply(number, serial, std::move(answer));
                context_.debugging.wait_for(
                    number, request.name, [this, number, serial](int32_t pid) {
                        reply(number, serial, client::DebugWaiting{{}, pid});
                    });
            });
        case client::Kind::report:
            return with<client::Report>(message,
                                        [&](auto request) { report(client, request, serial); });
        case client::Kind::developer_mode:
            return with<client::DeveloperMode>(message, [&](auto request) {
                client::DeveloperModeIs answer;
                if (request.set && !may_administer(client)) {
                    answer.outcome = {kIOReturnNotPrivileged,
                                      "only the realm's owner and root may do this"};
                } else if (request.set) {
                    const Status status = catalogue_.set_developer_mode(request.on);
                    if (!status.ok()) answer.outcome = outcome_of(status.error());
                }
                answer.on = catalogue_.developer_mode();
                reply(number, serial, std::move(answer));
            });
        default:
            return false;
    }
}

bool ClientServer::handle_extensions(Client& client, const Message& message) {
    const uint64_t number = client.number;
    const uint64_t serial = message.serial;
    switch (static_cast<client::Kind>(message.kind)) {
        case client::Kind::request_extension: {
            bool accepted = false;
            return with<client::RequestExtension>(
                       message,
                       [&](auto request) {
                           accepted = extension_requests_.submit(
                               {number, client.identity, may_administer(client)}, request);
                       }) &&
                   accepted;
        }
        case client::Kind::answer_replacement:
            return with<client::AnswerReplacement>(message, [&](auto answer) {
                extension_requests_.answer(number, answer.request, answer.replace);
            });
        case client::Kind::approve_extension:
            return with<client::ApproveExtension>(message, [&](auto request) {
                reply_status(number, serial,
                             may_administer(client)
                                 ? extension_requests_.approve(request.bundle_id, request.allow)
                                 : not_privileged());
            });
        case client::Kind::approval:
            return with<client::Approval>(message, [&](auto request) {
                client::ApprovalIs answer;
                const auto mode = approval_mode(request.mode);
                Status status = success();
                if (!request.mode.empty() && !may_administer(client)) {
                    status = not_privileged();
                } else if (!request.mode.empty() && !mode) {
                    status = Error{Errc::invalid, 0,
                                   request.mode + " is none of automatic, ask and deny"};
                } else if (mode) {
                    status = extension_requests_.set_approval(*mode);
                }
                if (!status.ok()) answer.outcome = outcome_of(status.error());
                answer.mode = std::string(to_string(extension_requests_.approval()));
                reply(number, serial, std::move(answer));
            });
        case client::Kind::watch_extensions:
            return with<client::WatchExtensions>(message, [&](auto request) {
                extension_requests_.watch(number, request.watch);
                reply(number, serial, client::Extensions{catalogue_.list()});
            });
        default:
            return false;
    }
}

void ClientServer::get_activity(Client& client, uint64_t serial) {
    const uint64_t number = client.number;
    if (client.waits >= limits_.waits) {
        client::ActivityIs refused;
        refused.outcome = {kIOReturnNoResources, "too many requests at a time"};
        return reply(number, serial, std::move(refused));
    }
    ++client.waits;
    examine_drivers(context_.clock, lifecycle_.processes(),
                    [this, number, serial](DriverAnswers inside) {
                        if (Client* waiting = find(number)) --waiting->waits;
                        reply(number, serial, activity(std::move(inside)));
                    });
}

client::ActivityIs ClientServer::activity(DriverAnswers inside) const {
    std::map<uint64_t, client::ClientActivity> clients;
    for (const auto& [number, client] : clients_) {
        const ClientIdentity& identity = client.identity;
        clients[number] = {identity.pid,
                           identity.uid,
                           identity.program,
                           true,
                           identity.entitlements,
                           identity.unseen,
                           static_cast<uint32_t>(client.waits),
                           {},
                           {}};
    }
    return ActivityReader(context_, lifecycle_, matcher_, connections_)
        .read(std::move(clients), std::move(inside));
}

void ClientServer::report(Client& client, const client::Report& request, uint64_t serial) {
    const uint64_t number = client.number;
    const auto refuse_report = [&](int32_t io_return, std::string reason) {
        client::Reported refused;
        refused.outcome = {io_return, std::move(reason)};
        reply(number, serial, std::move(refused));
    };
    if (client.waits >= limits_.waits)
        return refuse_report(kIOReturnNoResources, "too many requests at a time");
    // Others than the realm's owner see what the driver has published for everybody.
    const Entry* entry = context_.registry.find(request.entry);
    const Value* open = entry == nullptr ? nullptr : entry->property("IOReportLegendPublic");
    const bool shown = open != nullptr && open->boolean() != nullptr && *open->boolean();
    if (entry != nullptr && !shown && !may_administer(client)) {
        return refuse_report(kIOReturnNotPrivileged,
                             "the reports of " + entry->name + " are not public");
    }
    ++client.waits;
    lifecycle_.report(request, [this, number, serial](Result<client::Reported> reported) {
        if (Client* waiting = find(number)) --waiting->waits;
        client::Reported answer;
        if (reported.ok()) {
            answer = std::move(reported).value();
        } else {
            answer.outcome = outcome_of(reported.error());
        }
        reply(number, serial, std::move(answer));
    });
}

void ClientServer::family_request(Client& client, client::FamilyRequest request,
                                  std::vector<UniqueFd> fds, uint64_t serial) {
    const uint64_t number = client.number;
    const auto refuse_request = [&](int32_t io_return, std::string reason) {
        reply(number, serial, client::FamilyAnswer{{io_return, std::move(reason)}, {}});
    };
    if (client.waits >= limits_.waits)
        return refuse_request(kIOReturnNoResources, "too many requests at a time");
    const Entry* entry = nullptr;
    if (request.entry != kNoEntry) {
        entry = context_.registry.find(request.entry);
        if (entry == nullptr) return refuse_request(kIOReturnNotFound, "there is no such entry");
        request.class_name = entry->class_name();
    }
    const std::vector<std::string> classes =
        entry != nullptr ? entry->classes : context_.classes.chain(request.class_name);
    const ClientIdentity& identity = client.identity;
    ProgramRequest asked{request.entry,
                         request.class_name,
                         request.what,
                         std::move(request.arguments),
                         std::move(fds),
                         {identity.pid, identity.uid, identity.program, identity.entitlements},
                         [this, number, serial](Result<ProgramAnswer> result) {
                             if (Client* waiting = find(number)) --waiting->waits;
                             client::FamilyAnswer answer;
                             if (!result.ok()) {
                                 answer.outcome = outcome_of(result.error());
                                 return reply(number, serial, std::move(answer));
                             }
                             answer.result = std::move(result->result);
                             reply(number, serial, std::move(answer), std::move(result->fds));
                         }};
    ++client.waits;
    if (lifecycle_.families().program_request(classes, asked)) return;
    --client.waits;
    refuse_request(kIOReturnUnsupported,
                   request.class_name + " has no request \"" + request.what + "\"");
}

bool ClientServer::may_administer(const Client& client) const {
    return client.identity.uid == 0 || client.identity.uid == ::geteuid();
}

void ClientServer::hello(Client& client, const client::Hello& hello, uint64_t serial) {
    if (hello.version != client::kVersion) {
        return reply_status(client.number, serial,
                            Error{Errc::unsupported, 0,
                                  "opendextd speaks version " + std::to_string(client::kVersion) +
                                      ", the program " + std::to_string(hello.version) +
                                      "; install both from the same build"});
    }
    client.greeted = true;
    client.identity.program = hello.program.substr(0, 256);
    client.identity.session = hello.session;
    client::Welcome welcome;
    welcome.lost = connections_.claim(client.number, client.identity, hello.connections);
    welcome.root = context_.registry.root();
    welcome.realm = realm_;
    welcome.daemon_pid = ::getpid();
    welcome.keeper_pid = keeper_pid_;
    // Without them a program asks more often; that is all.
    std::vector<UniqueFd> fds;
    if (const ChangeBoard* changes = context_.registry.changes()) {
        Result<UniqueFd> counters = changes->duplicate();
        if (counters.ok()) fds.push_back(std::move(counters).value());
    }
    reply(client.number, serial, std::move(welcome), std::move(fds));
}

void ClientServer::subscribe(Client& client, client::Subscribe request, uint64_t serial) {
    client::Entries entries;
    entries.generation = context_.registry.generation();
    if (request.type > client::Subscription::interest) {
        entries.outcome = {kIOReturnBadArgument, "unknown kind of subscription"};
    } else if (subscriptions_.contains(client.number, request.subscription)) {
        entries.outcome = {kIOReturnBadArgument, "the subscription number is in use"};
    } else if (subscriptions_.count(client.number) >= limits_.subscriptions) {
        entries.outcome = {kIOReturnNoResources, "too many subscriptions"};
    } else if (request.type == client::Subscription::interest &&
               context_.registry.find(request.entry) == nullptr) {
        entries.outcome = {kIOReturnNotFound, "there is no such entry"};
    } else {
        entries.ids = subscriptions_.add(client.number, std::move(request));
    }
    reply(client.number, serial, std::move(entries));
}

void ClientServer::set_properties(Client& client, client::SetProperties request, uint64_t serial) {
    const uint64_t number = client.number;
    const Instance* instance = lifecycle_.find(request.entry);
    const Entry* entry = context_.registry.find(request.entry);
    if (entry == nullptr) {
        return reply_status(number, serial, Error{Errc::not_found, 0, "there is no such entry"});
    }
    if (const Dictionary* properties = request.properties.dictionary();
        instance == nullptr && properties != nullptr) {
        const auto& identity = client.identity;
        if (const auto status = lifecycle_.families().set_properties(
                *entry, *properties, {identity.pid, identity.uid})) {
            return status->ok() ? reply(number, serial, client::PropertiesSet{})
                                : reply_status(number, serial, *status);
        }
    }
    if (instance == nullptr || !instance->running()) {
        return reply_status(number, serial,
                            Error::kern(kIOReturnUnsupported, "the entry takes no properties"));
    }
    if (request.properties.dictionary() == nullptr) {
        return reply_status(number, serial,
                            Error::kern(kIOReturnBadArgument, "properties must be a dictionary"));
    }
    lifecycle_.set_properties_from_outside(
        request.entry, std::move(*request.properties.dictionary()),
        [this, number, serial](client::DriverOutcome outcome) {
            reply(number, serial, client::PropertiesSet{std::move(outcome)});
        });
}

void ClientServer::message_clients(EntryId id, uint32_t message, uint64_t argument) {
    subscriptions_.message(id, message, argument);
}

bool ClientServer::quiet(EntryId id) const {
    const Entry* entry = context_.registry.find(id == kNoEntry ? context_.registry.root() : id);
    if (entry != nullptr && entry->busy > 0) return false;
    return id != kNoEntry || hooks_.processes_quiet();
}

void ClientServer::wait_quiet(Client& client, const client::WaitQuiet& request, uint64_t serial) {
    if (quiet(request.entry)) return reply_status(client.number, serial, success());
    if (client.waits >= limits_.waits) {
        return reply_status(client.number, serial,
                            Error{Errc::no_space, 0, "too many waits at a time"});
    }
    ++client.waits;
    const uint64_t number = next_wait_++;
    QuietWait wait{client.number, serial, request.entry, nullptr};
    wait.timer = context_.loop.after(std::chrono::milliseconds(request.timeout_ms), [this, number] {
        const auto place = waits_.find(number);
        if (place == waits_.end()) return;
        const QuietWait late = std::move(place->second);
        waits_.erase(place);
        if (Client* waiting = find(late.client)) --waiting->waits;
        reply_status(late.client, late.serial,
                     Error{Errc::timed_out, 0, "something is still being started or stopped"});
    });
    waits_.emplace(number, std::move(wait));
}

void ClientServer::check_quiet() {
    for (auto place = waits_.begin(); place != waits_.end();) {
        if (!quiet(place->second.entry)) {
            ++place;
            continue;
        }
        const QuietWait over = std::move(place->second);
        place = waits_.erase(place);
        if (Client* waiting = find(over.client)) --waiting->waits;
        reply_status(over.client, over.serial, success());
    }
}

}  // namespace opendext::daemon
