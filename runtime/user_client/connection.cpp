// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/connection.h"

#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/service/service_ivars.h"
#include "runtime/user_client/connections.h"
#include "runtime/user_client/external_call.h"
#include "runtime/user_client/user_client_ivars.h"

namespace opendext::runtime {
namespace uc = protocol::user_client;

namespace {
/// The connection that this thread receives for.
thread_local const ClientConnection* t_serving = nullptr;
}  // namespace

ClientConnection::ClientConnection(IOUserClient* client, std::unique_ptr<Channel> channel,
                                   std::string client_name)
    : client_(client), channel_(std::move(channel)), client_name_(std::move(client_name)) {
    client_->retain();
}

ClientConnection::~ClientConnection() {
    client_->release();
}

void ClientConnection::failed(const Error& error) {
    if (channel_->closed()) return;  // said once, however much the driver still sends
    if (error.code != Errc::peer_gone) {
        log(LogType::error, "connection of %s ends: %s", client_name_.c_str(),
            error.text().c_str());
    }
    channel_->close(error.text());
}

void ClientConnection::send(Message message) {
    std::unique_lock lock(outbox_mutex_);
    if (!sender_runs_) {
        auto sent = channel_->try_send(message);
        if (sent) return;
        if (sent.error().code != Errc::no_space) {
            lock.unlock();
            failed(sent.error());
            return;
        }
    }
    // A driver must not wait for a client: its queue serves others too.
    outbox_bytes_ += message.body.size() + sizeof message;
    const bool too_much = outbox_bytes_ > kMaxOutboxBytes;
    if (!too_much) outbox_.push_back(std::move(message));
    const bool start = !sender_runs_ && !too_much;
    if (start) sender_runs_ = true;
    lock.unlock();
    if (start) {
        start_thread("client sender",
                     make_task([self = shared_from_this()] { self->send_outbox(); }));
    } else if (too_much) {
        failed({Errc::no_space, 0, "the client does not read its messages"});
    }
}

void ClientConnection::send_outbox() {
    std::unique_lock lock(outbox_mutex_);
    while (!outbox_.empty()) {
        const Message message = std::move(outbox_.front());
        outbox_.pop_front();
        outbox_bytes_ -= message.body.size() + sizeof message;
        lock.unlock();
        auto sent = channel_->send(message);
        if (!sent) failed(sent.error());
        lock.lock();
        if (!sent) {
            outbox_.clear();
            outbox_bytes_ = 0;
        }
    }
    sender_runs_ = false;
}

void ClientConnection::serve() {
    t_serving = this;
    // A request from within a call has another thread serve in the place of this one.
    while (t_serving == this) {
        auto message = channel_->receive();
        if (!message) {
            if (message.error().code != Errc::peer_gone) {
                log(LogType::error, "connection of %s ends: %s", client_name_.c_str(),
                    message.error().text().c_str());
            }
            close(message.error().text());
            return;
        }
        if (message->kind == static_cast<uint32_t>(uc::Kind::memory_copied)) {
            answered(std::move(*message));
            continue;
        }
        wait_while_asleep();
        handle(std::move(*message));
    }
}

void ClientConnection::close(const std::string& reason) {
    channel_->close(reason);
    const std::lock_guard lock(state_mutex_);
    closed_ = true;
    state_changed_.notify_all();
}

void ClientConnection::set_asleep(bool asleep) {
    const std::lock_guard lock(state_mutex_);
    asleep_ = asleep;
    state_changed_.notify_all();
}

void ClientConnection::wait_while_asleep() {
    std::unique_lock lock(state_mutex_);
    state_changed_.wait(lock, [this] { return !asleep_ || closed_; });
}

Result<Message> ClientConnection::request(Message message) {
    if (t_serving == this) {
        // This thread runs a call of the client: somebody else has to receive the answer.
        t_serving = nullptr;
        start_thread("user client", make_task([self = shared_from_this()] { self->serve(); }));
    }
    std::unique_lock lock(state_mutex_);
    const uint64_t serial = next_serial_++;
    Waiter& waiter = waiters_[serial];
    lock.unlock();
    message.serial = serial;
    send(std::move(message));
    lock.lock();
    state_changed_.wait_for(lock, kRequestDeadline,
                            [&] { return waiter.answer.has_value() || closed_; });
    auto answer = std::move(waiter.answer);
    waiters_.erase(serial);
    if (answer) return std::move(*answer);
    if (closed_) return Error{Errc::peer_gone, 0, "the client is gone"};
    return Error{Errc::timed_out, 0, "the client did not answer"};
}

void ClientConnection::answered(Message message) {
    const std::lock_guard lock(state_mutex_);
    const auto found = waiters_.find(message.serial);
    if (found == waiters_.end()) return;  // nobody waits any more
    found->second.answer = std::move(message);
    state_changed_.notify_all();
}

void ClientConnection::handle(Message message) {
    if (message.kind == static_cast<uint32_t>(uc::Kind::call)) {
        auto request = decode<uc::Call>(message);
        if (!request) {
            channel_->close("malformed call: " + request.error().text());
            return;
        }
        call(*request, message.serial, std::move(message.fds));
        return;
    }
    if (message.kind == static_cast<uint32_t>(uc::Kind::map_memory)) {
        auto request = decode<uc::MapMemory>(message);
        if (!request) {
            channel_->close("malformed request for memory: " + request.error().text());
            return;
        }
        map_memory(*request, message.serial);
        return;
    }
    channel_->close("unknown message kind " + std::to_string(message.kind));
}

void ClientConnection::call(const uc::Call& request, uint64_t serial, std::vector<UniqueFd> fds) {
    const auto executor = executor_of(client_, kIOUserClientQueueNameExternalMethod);
    if (executor == nullptr) {
        channel_->close("the user client has no queue");
        return;
    }
    auto run = [self = shared_from_this(), serial](const uc::Call& call,
                                                   std::vector<UniqueFd> descriptors) {
        auto result = run_external_call(self, self->client_, call, std::move(descriptors));
        if (!result) {
            log(LogType::error, "connection of %s ends: %s", self->client_name_.c_str(),
                result.error().text().c_str());
            self->channel_->close(result.error().text());
            return;
        }
        self->send(encode(std::move(result->answer), serial));
    };
    if (!executor->methods_parallel() && executor->try_claim()) {  // idle: on this thread
        executor->run_claimed(make_task([&] { run(request, std::move(fds)); }));
        return;
    }
    const auto outcome = executor->async_method(make_task(
        [run, request, fds = std::move(fds)]() mutable { run(request, std::move(fds)); }));
    if (outcome == Executor::Outcome::cancelled) {
        uc::CallResult refused;
        refused.io_return = kIOReturnOffline;
        refused.reason = "the driver has cancelled the queue of the user client";
        send(encode(std::move(refused), serial));
    }
}

void ClientConnection::map_memory(const uc::MapMemory& request, uint64_t serial) {
    uc::Mapped answer;
    Message message;
    std::vector<UniqueFd> fds;
    uint64_t options = request.options;
    IOMemoryDescriptor* memory = nullptr;
    answer.io_return = client_->CopyClientMemoryForType(request.type, &options, &memory);
    if (answer.io_return == kIOReturnSuccess && memory == nullptr) {
        answer.io_return = kIOReturnError;
        answer.reason = "CopyClientMemoryForType gave no memory";
    }
    if (answer.io_return == kIOReturnSuccess) {
        const auto parts = to_parts(memory, fds);
        if (!parts) {
            answer.io_return = kIOReturnUnsupported;
            answer.reason = parts.error().text();
        } else {
            answer.options = options;
            answer.offset = parts->front().offset;
            answer.length = parts->front().length;
            answer.more.assign(parts->begin() + 1, parts->end());
            const auto& bell = memory->IOMemoryDescriptor::ivars->data_queue_bell;
            auto rung = bell != nullptr ? bell->duplicate() : Error{Errc::not_found, 0, ""};
            answer.data_queue = rung.ok();
            if (rung.ok()) fds.push_back(std::move(rung).value());
        }
    }
    OSSafeReleaseNULL(memory);
    message = encode(std::move(answer), serial);
    message.fds = std::move(fds);
    send(std::move(message));
}

Connections::Connections() = default;
Connections::~Connections() {
    close_all("the driver process ends");
}

Status Connections::attach(IOUserClient* client, const protocol::driver::AttachClient& request,
                           UniqueFd memory, Socket side_socket) {
    auto channel =
        OD_TRY(Channel::attach(std::move(memory), std::move(side_socket), Channel::Side::driver));
    const std::string name = request.client_name + "[" + std::to_string(request.client_pid) + "]";
    {
        const std::lock_guard lock(client->IOUserClient::ivars->mutex);
        client->IOUserClient::ivars->entitlements = request.entitlements;
    }
    auto connection = std::make_shared<ClientConnection>(client, std::move(channel), name);
    {
        const std::lock_guard lock(mutex_);
        if (!connections_.emplace(request.connection, connection).second) {
            return Error{Errc::exists, 0, "the connection is attached already"};
        }
        connection->set_asleep(asleep_);
    }
    {
        const std::lock_guard lock(client->IOUserClient::ivars->mutex);
        client->IOUserClient::ivars->connection = connection;
    }
    start_thread("user client",
                 make_task([connection = std::move(connection)] { connection->serve(); }));
    return success();
}

void Connections::close(uint64_t number, const std::string& reason) {
    std::shared_ptr<ClientConnection> connection;
    {
        const std::lock_guard lock(mutex_);
        const auto found = connections_.find(number);
        if (found == connections_.end()) return;
        connection = std::move(found->second);
        connections_.erase(found);
    }
    connection->close(reason);
}

void Connections::set_asleep(bool asleep) {
    const std::lock_guard lock(mutex_);
    asleep_ = asleep;
    for (const auto& [number, connection] : connections_) connection->set_asleep(asleep);
}

void Connections::close_all(const std::string& reason) {
    std::map<uint64_t, std::shared_ptr<ClientConnection>> all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(connections_);
    }
    for (const auto& [number, connection] : all) connection->close(reason);
}

}  // namespace opendext::runtime
