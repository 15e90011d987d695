// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/connection.h"

#include <cstring>
#include <utility>

#include "rpc/probe.h"
#include "runtime/dispatch/blocking.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"
#include "runtime/service/service_ivars.h"
#include "runtime/user_client/external_call.h"

namespace opendext::runtime {
namespace uc = protocol::user_client;

namespace {
thread_local uint32_t t_client_cpu = 0;
}  // namespace

uint32_t ClientConnection::client_cpu() {
    return t_client_cpu;
}

/// On the thread that serves: before that thread waits for something that may take another message
/// of the client, another thread serves in its place.
class ClientConnection::HandOver final : public BlockingHook {
  public:
    explicit HandOver(ClientConnection& connection) : connection_(connection) {}
    void about_to_block() override {
        if (std::exchange(handed_over_, true)) return;
        start_thread("user client",
                     make_task([self = connection_.shared_from_this()] { self->serve(); }));
    }
    [[nodiscard]] bool handed_over() const { return handed_over_; }

  private:
    ClientConnection& connection_;
    bool handed_over_ = false;
};

/// A call in line for the queue.
class ClientConnection::LaterCall final : public Task {
  public:
    LaterCall(std::shared_ptr<ClientConnection> connection, ExternalCall call)
        : call_(std::move(call)), connection_(std::move(connection)) {}
    void run() override { call_.run(*connection_, connection_->client_, nullptr); }
    [[nodiscard]] Call call() const override {
        return {connection_->client_name_, entry_of(connection_->client_), call_.selector()};
    }

    ExternalCall call_;

  private:
    const std::shared_ptr<ClientConnection> connection_;
};

void ClientConnection::examine(protocol::driver::Examined& to) const {
    const uint64_t entry = entry_of(client_);
    const uint64_t running = running_.load(std::memory_order_relaxed);
    const Channel::PeerState waiting = channel_->peer_state(Lane::replies);
    // One that does not sleep has its answer in a moment.
    if (running != 0 && waiting.sleeps_since != 0 && to.calls.size() < to.kMost) {
        const auto executor = executor_of(client_, kIOUserClientQueueNameExternalMethod);
        to.calls.push_back({client_name_, entry, running - 1,
                            executor == nullptr ? "" : executor->name(), true,
                            age_ms(waiting.sleeps_since)});
    }
    for (const auto& [lane, sender] :
         {std::pair(Lane::replies, &replies_), {Lane::events, &events_}}) {
        const LaneSender::Kept kept = sender->kept();
        if (kept.messages == 0 || to.lags.size() >= to.kMost) continue;
        to.lags.push_back({client_name_, entry, lane == Lane::replies,
                           channel_->peer_state(lane).unread, kept.messages, kept.age_ms});
    }
}

ClientConnection::ClientConnection(IOUserClient* client, std::unique_ptr<Channel> channel,
                                   std::string client_name)
    : client_(client),
      channel_(std::move(channel)),
      client_name_(std::move(client_name)),
      replies_(*channel_, Lane::replies, *this),
      events_(*channel_, Lane::events, *this) {
    client_->retain();
}

ClientConnection::~ClientConnection() {
    client_->release();
}

void ClientConnection::fail(const Error& error) {
    // Said once, however much the driver still sends. A channel that finds what cannot be right in
    // the shared memory closes itself before it tells.
    const bool closed = channel_->closed();
    if (error.code == Errc::malformed || (!closed && error.code != Errc::peer_gone)) {
        log(LogType::error, "connection of %s ends: %s", client_name_.c_str(),
            error.text().c_str());
    }
    if (!closed) channel_->close(error.text());
}

void ClientConnection::serve() {
    HandOver hand_over(*this);
    Serving serving;
    std::optional<Executor::Claimed>& claim = serving.claim;
    while (!hand_over.handed_over()) {
        if (claim && (queue_->wanted() || !channel_->ready(Lane::calls))) claim.reset();
        auto frame = channel_->receive(Lane::calls);
        if (!frame.ok()) [[unlikely]] {
            fail(frame.error());
            close(frame.error().text());
            return;
        }
        handle(*frame, serving);
    }
}

const std::shared_ptr<Executor>& ClientConnection::queue(Serving& serving) {
    const uint32_t changes = client_->IOService::ivars->queue_changes.load();
    if (queue_changes_ != changes) [[unlikely]] {
        serving.claim.reset();
        queue_ = executor_of(client_, kIOUserClientQueueNameExternalMethod);
        queue_changes_ = changes;
    }
    return queue_;
}

void ClientConnection::close(const std::string& reason) {
    channel_->close(reason);
    const std::lock_guard lock(state_mutex_);
    closed_ = true;
    state_changed_.notify_all();
}

void ClientConnection::set_asleep(bool asleep) {
    const std::lock_guard lock(state_mutex_);
    asleep_.store(asleep);
    state_changed_.notify_all();
}

void ClientConnection::wait_while_asleep() {
    std::unique_lock lock(state_mutex_);
    state_changed_.wait(lock, [this] { return !asleep_.load() || closed_; });
}

Result<Message> ClientConnection::request(Message message) {
    about_to_block();
    std::unique_lock lock(state_mutex_);
    const uint64_t serial = next_serial_++;
    std::optional<Message>& answer = requests_[serial];
    lock.unlock();
    message.serial = serial;
    unasked().send(std::move(message));
    lock.lock();
    state_changed_.wait_for(lock, kRequestDeadline, [&] { return answer.has_value() || closed_; });
    std::optional<Message> taken = std::move(answer);
    requests_.erase(serial);
    if (taken) return std::move(*taken);
    if (closed_) return Error{Errc::peer_gone, 0, "the client is gone"};
    return Error{Errc::timed_out, 0, "the client did not answer"};
}

void ClientConnection::answered(Message message) {
    const std::lock_guard lock(state_mutex_);
    const auto found = requests_.find(message.serial);
    if (found == requests_.end()) return;  // nobody waits any more
    found->second = std::move(message);
    state_changed_.notify_all();
}

void ClientConnection::handle(Frame& frame, Serving& serving) {
    const auto kind = static_cast<uc::Kind>(frame.kind());
    if (kind == uc::Kind::invoke && !asleep_.load(std::memory_order_relaxed)) [[likely]]
        return call(frame, serving);
    serving.claim.reset();
    if (kind == uc::Kind::memory_copied) return answered(frame.message());
    wait_while_asleep();
    if (kind == uc::Kind::invoke) return call(frame, serving);
    if (kind == uc::Kind::map_memory) return map_memory(frame, serving);
    if (kind == uc::Kind::arena) {
        Message message = frame.message();
        const auto arena = decode<uc::Arena>(message);
        if (!arena.ok()) return fail(arena.error());
        if (message.fds.size() != 1) return fail({Errc::malformed, 0, "an arena without memory"});
        const Status added = arenas_.add(*arena, std::move(message.fds.front()));
        if (!added.ok()) fail(added.error());
        return;
    }
    if (kind == uc::Kind::events_bell) {
        std::vector<UniqueFd> fds = frame.take_fds();
        if (fds.size() != 1 || !channel_->set_bell(Lane::events, std::move(fds.front())))
            fail({Errc::malformed, 0, "a second bell for events, or none"});
        return;
    }
    fail({Errc::malformed, 0, "unknown message kind " + std::to_string(frame.kind())});
}

void ClientConnection::call(Frame& frame, Serving& serving) {
    std::optional<Executor::Claimed>& claim = serving.claim;
    ExternalCall call(frame.serial());
    const Status taken = call.take(frame, *this, arenas_);
    if (!taken.ok()) [[unlikely]]
        return fail(taken.error());
    frame.done();
    OPENDEXT_PROBE(driver_call);
    t_client_cpu = channel_->peer_cpu(Lane::calls);
    if (call.is_asynchronous()) [[unlikely]]
        has_events_.store(true);
    const std::shared_ptr<Executor>& executor = queue(serving);
    if (executor == nullptr) [[unlikely]]
        return fail({Errc::invalid, 0, "the user client has no queue"});
    if (!claim && !executor->methods_parallel() && executor->try_claim()) claim.emplace(executor);
    if (claim) [[likely]]
        return call.run(*this, client_, &serving.cache);  // idle: on this thread
    auto later = std::make_unique<LaterCall>(shared_from_this(), std::move(call));
    ExternalCall& waiting = later->call_;
    TaskPtr task = std::move(later);
    if (executor->async_method(std::move(task)) == Executor::Outcome::cancelled) {
        waiting.refuse(*this, kIOReturnOffline,
                       "the driver has cancelled the queue of the user client");
    }
}

void ClientConnection::map_memory(Frame& frame, Serving& serving) {
    const uint64_t serial = frame.serial();
    const auto request = decode<uc::MapMemory>(frame.message());
    frame.done();
    if (!request.ok()) return fail(request.error());
    const auto queue = queue_name_of(client_->meta, IOUserClient_CopyClientMemoryForType_ID);
    const auto executor = queue ? executor_of(client_, *queue) : nullptr;
    TaskPtr task = make_task([self = shared_from_this(), type = request->type, serial] {
        self->reply(client_memory(self->client_, type, serial));
    });
    // On the queue of the calls, which would wait for it anyway, and idle: on this thread, as
    // calls.
    if (executor != nullptr && executor == this->queue(serving) && !executor->methods_parallel() &&
        executor->try_claim())
        return executor->run_claimed(std::move(task));
    // Else never waited for here: what runs on that queue may wait for the client's next message.
    if (executor == nullptr) return ThreadPool::shared().submit(std::move(task));
    if (executor->async_method(std::move(task)) != Executor::Outcome::cancelled) return;
    uc::Mapped refused;
    refused.io_return = kIOReturnOffline;
    refused.reason = "the driver has cancelled the queue of the user client";
    reply(encode(std::move(refused), serial));
}

void ClientConnection::answer(uint64_t serial, const uc::OutcomeFrame& outcome,
                              const uint64_t* scalars) {
    OPENDEXT_PROBE(driver_answer);
    replies_.send(uc::Kind::outcome, serial, uc::outcome_frame_size(outcome),
                  [&](std::span<std::byte> to) { uc::write_outcome(to, outcome, scalars); });
}

void ClientConnection::complete(const uc::CompletionHeader& header, const uint64_t* arguments) {
    OPENDEXT_PROBE(driver_completion);
    t_client_cpu = channel_->peer_cpu(Lane::events);
    events_.pace();
    events_.send(uc::Kind::completion, 0, uc::completion_frame_size(header.argument_count),
                 [&](std::span<std::byte> to) { uc::write_completion(to, header, arguments); });
}

void ClientConnection::completion_released(uint64_t word) {
    const uc::CompletionReleased released{word};
    events_.send(uc::Kind::completion_released, 0, sizeof released,
                 [&](std::span<std::byte> to) { memcpy(to.data(), &released, sizeof released); });
}

void ClientConnection::slot_freed(const uc::SlotFreed& slot) {
    unasked().send(uc::Kind::slot_freed, 0, sizeof slot,
                   [&](std::span<std::byte> to) { memcpy(to.data(), &slot, sizeof slot); });
}

void ClientConnection::one_way_failed(uint64_t selector, kern_return_t result) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(failures_mutex_);
    ++failures_;
    if (now - failures_told_ < std::chrono::seconds(1)) return;
    failures_told_ = now;
    log(LogType::error, "%llu one-way calls of %s failed, the last with selector %llu: 0x%x",
        static_cast<unsigned long long>(failures_), client_name_.c_str(),
        static_cast<unsigned long long>(selector), static_cast<unsigned>(result));
    failures_ = 0;
}

}  // namespace opendext::runtime
