// SPDX-License-Identifier: Apache-2.0
#include "iokit/tests/fake_daemon.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace opendext::fakes {

using namespace protocol::client;

namespace {

constexpr int32_t kNotFound = static_cast<int32_t>(0xe00002f0);
constexpr uint32_t kServiceIsTerminated = 0xe0000010;
constexpr uint32_t kServicePropertyChange = 0xe0000130;

std::filesystem::path temporary_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "opendext-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name;
}

}  // namespace

FakeDaemon::FakeDaemon() : directory_(temporary_directory()), realm_(directory_ / "realm") {
    if (!realm_.create().ok()) std::abort();
    changes_ = std::move(ChangeBoard::create()).value();
    nodes_[kRoot] = Node{Spec{"Root", {"IORegistryEntry"}, {}, "", 4}, 0, {}};
    start();
}

FakeDaemon::~FakeDaemon() {
    stop();
    std::filesystem::remove_all(directory_);
}

void FakeDaemon::start() {
    stopping_ = false;
    std::filesystem::remove(realm_.socket());
    listener_ =
        std::make_unique<Listener>(std::move(Listener::bind(realm_.socket(), 0600)).value());
    listen_thread_ = std::thread(&FakeDaemon::listen, this);
}

void FakeDaemon::stop() {
    if (!listen_thread_.joinable()) return;
    stopping_ = true;
    listen_thread_.join();
    listener_.reset();
    std::filesystem::remove(realm_.socket());
    std::vector<std::unique_ptr<Client>> clients;
    std::map<uint64_t, UserClient> user_clients;
    {
        const std::lock_guard lock(mutex_);
        clients.swap(clients_);
        user_clients.swap(user_clients_);
    }
    for (auto& [id, user_client] : user_clients) {
        user_client.channel->close("the realm ended");
        user_client.thread.join();
    }
    for (const auto& client : clients) {
        ::shutdown(client->socket.fd(), SHUT_RDWR);
        client->thread.join();
    }
}

void FakeDaemon::listen() {
    while (!stopping_) {
        pollfd waiter{listener_->fd(), POLLIN, 0};
        ::poll(&waiter, 1, 10);
        auto accepted = listener_->accept();
        if (!accepted.ok() || !accepted.value()) continue;
        const std::lock_guard lock(mutex_);
        clients_.push_back(std::make_unique<Client>());
        Client& client = *clients_.back();
        client.socket = std::move(**accepted);
        client.thread = std::thread(&FakeDaemon::serve, this, std::ref(client));
    }
}

void FakeDaemon::serve(Client& client) {
    for (;;) {
        auto received = client.socket.receive();
        if (!received.ok()) return;
        const std::lock_guard lock(mutex_);
        answer(client, **received);
        log_.push_back(std::move(**received));
    }
}

void FakeDaemon::send(Client& client, Message reply, uint64_t serial) {
    reply.serial = serial;
    if (tamper) reply = tamper(std::move(reply));
    (void)client.socket.send(reply);
}

bool FakeDaemon::matches(const Node& node, uint64_t id, const Dictionary& matching) const {
    return std::all_of(matching.begin(), matching.end(), [&](const auto& rule) {
        const auto& [key, value] = rule;
        if (key == "IOProviderClass") {
            return std::find(node.spec.classes.begin(), node.spec.classes.end(), *value.string()) !=
                   node.spec.classes.end();
        }
        if (key == "IONameMatch") return value == Value(node.spec.name);
        if (key == "IORegistryEntryID") return value == Value(id);
        const Value* own = find(node.spec.properties, key);
        return own != nullptr && *own == value;
    });
}

std::vector<uint64_t> FakeDaemon::all_matching(const Dictionary& matching) const {
    std::vector<uint64_t> ids;
    for (const auto& [id, node] : nodes_) {
        if ((node.spec.flags & kEntryRegistered) != 0 && matches(node, id, matching))
            ids.push_back(id);
    }
    return ids;
}

Entry FakeDaemon::entry(uint64_t id, bool with_properties) const {
    Entry entry;
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) {
        entry.outcome = {kNotFound, "the entry is gone"};
        return entry;
    }
    const Spec& spec = found->second.spec;
    entry.id = id;
    entry.name = spec.name;
    entry.location = spec.location;
    entry.class_name = spec.classes.front();
    entry.classes = spec.classes;
    entry.flags = spec.flags;
    entry.busy = spec.busy;
    entry.retain_count = spec.retain_count;
    entry.generation = generation_;
    if (with_properties) entry.properties = spec.properties;
    entry.state = spec.state;
    entry.server_pid = spec.server_pid;
    return entry;
}

void FakeDaemon::open(Client& client, const Message& request) {
    const auto wanted = decode<Open>(request);
    Opened opened;
    opened.outcome = open_outcome;
    if (!nodes_.contains(wanted->entry)) opened.outcome = {{kNotFound, "the entry is gone"}, {}};
    if (opened.outcome.io_return != 0) return send(client, encode(opened), request.serial);
    opened.connection = next_connection_++;
    opened.user_client = wanted->entry + 0x1000;
    opened.driver_pid = ::getpid();
    UniqueFd memory = std::move(Channel::create_memory()).value();
    auto ends = std::move(Socket::pair()).value();
    UserClient& user_client = user_clients_[opened.connection];
    user_client.owner = &client;
    user_client.channel = std::move(Channel::attach(std::move(memory.duplicate()).value(),
                                                    std::move(ends.second), Channel::Side::driver))
                              .value();
    user_client.thread = std::thread([channel = user_client.channel.get(), run = driver] {
        for (;;) {
            Result<Message> call = channel->receive();
            if (!call.ok()) return;
            if (run) run(*channel, std::move(call).value());
        }
    });
    Message reply = encode(opened);
    reply.fds.push_back(std::move(memory));
    reply.fds.push_back(ends.first.take_fd());
    send(client, std::move(reply), request.serial);
}

void FakeDaemon::end_user_client(uint64_t id, const std::string& reason) {
    auto node = user_clients_.extract(id);
    if (node.empty()) return;
    node.mapped().channel->close(reason);
    node.mapped().thread.join();
}

void FakeDaemon::answer(Client& client, const Message& request) {
    if (answer_query(client, request)) return;
    switch (static_cast<Kind>(request.kind)) {
        case Kind::hello: {
            Message welcome =
                encode(Welcome{kRoot, realm_.root().string(), ::getpid(), ::getpid(), {}});
            welcome.fds.push_back(std::move(changes_->duplicate()).value());
            return send(client, std::move(welcome), request.serial);
        }
        case Kind::match: {
            const auto match = decode<Match>(request);
            std::vector<uint64_t> ids = all_matching(match->matching);
            if (match->limit != 0 && ids.size() > match->limit) ids.resize(match->limit);
            return send(client, encode(Entries{{}, ids, generation_}), request.serial);
        }
        case Kind::get_entry: {
            const auto get = decode<GetEntry>(request);
            return send(client, encode(entry(get->id, get->with_properties)), request.serial);
        }
        case Kind::get_relatives: {
            const auto get = decode<GetRelatives>(request);
            Entries entries;
            entries.generation = generation_;
            const auto found = nodes_.find(get->id);
            if (found == nodes_.end()) {
                entries.outcome = {kNotFound, "the entry is gone"};
            } else if (get->plane == "IOService") {
                if (!get->parents) {
                    entries.ids = found->second.children;
                } else if (found->second.parent != 0) {
                    entries.ids = {found->second.parent};
                }
            }
            return send(client, encode(entries), request.serial);
        }
        case Kind::subscribe: {
            const auto subscribe = decode<Subscribe>(request);
            Entries entries;
            if (subscribe->type == Subscription::interest) {
                if (!nodes_.contains(subscribe->entry))
                    entries.outcome = {kNotFound, "the entry is gone"};
            } else if (subscribe->type != Subscription::terminate) {
                entries.ids = all_matching(subscribe->matching);
            }
            client.subscriptions.push_back(*subscribe);
            return send(client, encode(entries), request.serial);
        }
        case Kind::unsubscribe:
            std::erase_if(client.subscriptions, [&](const Subscribe& own) {
                return own.subscription == decode<Unsubscribe>(request)->subscription;
            });
            return;
        case Kind::open:
            return open(client, request);
        case Kind::close:
            end_user_client(decode<Close>(request)->connection,
                            "the application closed the connection");
            return send(client, encode(Reply{}), request.serial);
        case Kind::set_properties: {
            const auto set = decode<SetProperties>(request);
            for (const auto& [key, value] : *set->properties.dictionary()) {
                nodes_[set->entry].spec.properties.insert_or_assign(key, value);
            }
            changes_->entry_changed(set->entry);
            return send(client, encode(PropertiesSet{}), request.serial);
        }
        case Kind::list_extensions:
            return send(client, encode(Extensions{extensions}), request.serial);
        case Kind::wait_quiet:
            return send(client, encode(Reply{}), request.serial);
        default: {
            Reply refused;
            refused.io_return = static_cast<int32_t>(0xe00002c7);
            refused.reason = "the fake daemon does not do that";
            return send(client, encode(refused), request.serial);
        }
    }
}

void FakeDaemon::add(uint64_t id, uint64_t parent, Spec spec) {
    const std::lock_guard lock(mutex_);
    if (parent == 0) parent = kRoot;
    nodes_[parent].children.push_back(id);
    nodes_[id] = Node{std::move(spec), parent, {}};
    ++generation_;
    changes_->entry_changed(id);
    changes_->tree_changed();
    for (const auto& client : clients_) {
        for (const Subscribe& own : client->subscriptions) {
            const bool comes = own.type == Subscription::publish ||
                               own.type == Subscription::matched ||
                               own.type == Subscription::first_match;
            if (comes && matches(nodes_[id], id, own.matching))
                send(*client, encode(Matched{own.subscription, {id}}), 0);
        }
    }
}

void FakeDaemon::remove(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const Node node = nodes_[id];
    std::erase(nodes_[node.parent].children, id);
    nodes_.erase(id);
    ++generation_;
    changes_->entry_changed(id);
    changes_->tree_changed();
    for (const auto& client : clients_) {
        for (const Subscribe& own : client->subscriptions) {
            if (own.type == Subscription::terminate && matches(node, id, own.matching)) {
                send(*client, encode(Matched{own.subscription, {id}}), 0);
            }
            if (own.type == Subscription::interest && own.entry == id) {
                send(*client, encode(Interest{own.subscription, id, kServiceIsTerminated, 0}), 0);
            }
        }
    }
}

void FakeDaemon::set_property(uint64_t id, const std::string& key, Value value) {
    const std::lock_guard lock(mutex_);
    nodes_[id].spec.properties.insert_or_assign(key, std::move(value));
    changes_->entry_changed(id);
    for (const auto& client : clients_) {
        for (const Subscribe& own : client->subscriptions) {
            if (own.type == Subscription::interest && own.entry == id) {
                send(*client, encode(Interest{own.subscription, id, kServicePropertyChange, 0}), 0);
            }
        }
    }
}

void FakeDaemon::kill_drivers(const std::string& reason, RefusedBy how) {
    std::map<uint64_t, UserClient> dead;
    {
        const std::lock_guard lock(mutex_);
        dead.swap(user_clients_);
        for (const auto& [id, user_client] : dead) {
            send(*user_client.owner, encode(ConnectionDied{id, reason, how}), 0);
        }
    }
    // The channel is not closed by this side, as after a SIGKILL: the client learns of it from
    // opendextd.
    for (auto& [id, user_client] : dead) user_client.thread.join();
}

std::vector<Message> FakeDaemon::received(Kind kind) {
    const std::lock_guard lock(mutex_);
    std::vector<Message> result;
    for (const Message& message : log_) {
        if (message.kind != static_cast<uint32_t>(kind)) continue;
        Message copy;
        copy.kind = message.kind;
        copy.serial = message.serial;
        copy.body = message.body;
        result.push_back(std::move(copy));
    }
    return result;
}

size_t FakeDaemon::open_connections() {
    const std::lock_guard lock(mutex_);
    return user_clients_.size();
}

}  // namespace opendext::fakes
