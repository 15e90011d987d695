// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/daemon.h"

#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <thread>
#include <utility>

#include "rpc/realm.h"

namespace opendext::client {
namespace {

/// Between attempts to get a lost connection back.
constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{2000};
/// Somebody may be starting the realm again.
constexpr std::chrono::milliseconds kRealmRestartTime{2000};
/// opendextd answers Hello at once or never.
constexpr std::chrono::milliseconds kHelloTimeout = std::chrono::seconds(20);
/// Of Hello, and of requests whose answer nobody waits for.
constexpr uint64_t kIgnoredSerial = 1;

Error lost(const Error& error) {
    return Error{error.code, error.number,
                 "the connection to opendextd was lost: " + error.message};
}

/// Requests that may be made twice: the first may have been answered to a connection that was lost.
bool may_repeat(const Message& request) {
    switch (static_cast<wire::Kind>(request.kind)) {
        case wire::Kind::match:
        case wire::Kind::get_entry:
        case wire::Kind::get_relatives:
        case wire::Kind::subscribe:  // belongs to its connection and went with it
        case wire::Kind::wait_quiet:
        case wire::Kind::list_extensions:
        case wire::Kind::get_snapshots:
        case wire::Kind::walk:
        case wire::Kind::search:
        case wire::Kind::resolve:
        case wire::Kind::locate:
        case wire::Kind::match_one:
        case wire::Kind::get_class:
        case wire::Kind::read_entries:
        case wire::Kind::get_power:
        // opendextd ends what it opened for a link that does not know of it.
        case wire::Kind::open:
        case wire::Kind::close:
            return true;
        default:
            return false;
    }
}

uint64_t random_number() {
    uint64_t number = 0;
    while (number == 0 && ::getrandom(&number, sizeof number, 0) < 0 && errno == EINTR) {
    }
    return number;
}

}  // namespace

bool has_keeper(const std::filesystem::path& realm) {
    if (realm.empty()) return false;
    pid_t pid = 0;
    std::ifstream(Realm(realm).keeper_pid()) >> pid;
    return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

Daemon& Daemon::instance() {
    static auto& daemon = *new Daemon;  // never destroyed: its thread runs until the process ends
    return daemon;
}

Status Daemon::check(const protocol::Outcome& outcome) {
    if (outcome.io_return == 0) return success();
    return Error::kern(outcome.io_return,
                       outcome.reason.empty() ? "opendextd refused the request" : outcome.reason);
}

Daemon::Greeting Daemon::greeting() {
    if (session_ == 0) session_ = random_number();
    Greeting greeting{last_realm_, session_, {}};
    for (const auto& [connection, died] : connections_) greeting.connections.push_back(connection);
    return greeting;
}

Result<std::shared_ptr<Daemon::Link>> Daemon::connect(const std::string& option,
                                                      const Greeting& greeting) {
    // While the keeper of the last link lives, its opendextd comes back; another realm would not
    // do.
    const Realm realm = has_keeper(greeting.realm) ? Realm(greeting.realm) : Realm::select(option);
    Result<Socket> socket = Socket::connect(realm.socket());
    if (!socket.ok())
        return std::move(socket).error().in("no realm is up in " + realm.root().string());
    auto link = std::make_shared<Link>();
    link->socket = std::move(socket).value();
    link->process = ::getpid();
    OD_TRY(link->socket.send(encode(wire::Hello{wire::kVersion, program_invocation_short_name,
                                                greeting.session, greeting.connections},
                                    kIgnoredSerial)));
    const Message answer = OD_TRY(link->socket.receive_within(kHelloTimeout));
    link->welcome = OD_TRY(parse<wire::Welcome>(answer));
    if (!answer.fds.empty()) {
        // Without them more is asked; that is all.
        Result<std::shared_ptr<ChangeView>> changes = ChangeView::map(answer.fds.front());
        if (changes.ok()) link->changes = std::move(changes).value();
    }
    return link;
}

Result<std::shared_ptr<Daemon::Link>> Daemon::connected(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [this] { return !connecting_; });
    if (link_ != nullptr && link_->process != ::getpid()) {
        // After fork: threads, subscriptions and connections stayed with the parent.
        link_.reset();
        pending_.clear();
        subscriptions_.clear();
        connections_.clear();
        session_ = 0;
    }
    if (link_ != nullptr) return link_;
    connecting_ = true;
    const Greeting hello = greeting();
    const std::string option = realm_;
    lock.unlock();
    // An opendextd that was there a moment ago, or has a keeper, is being restarted.
    const bool was_there = was_connected_;
    const auto since = std::chrono::steady_clock::now();
    const auto worth_waiting = [&] {
        const auto waited = std::chrono::steady_clock::now() - since;
        const bool kept =
            has_keeper(hello.realm.empty() ? Realm::select(option).root() : hello.realm);
        return waited < (kept        ? kRestartTime
                         : was_there ? kRealmRestartTime
                                     : std::chrono::milliseconds(0));
    };
    Result<std::shared_ptr<Link>> made = connect(option, hello);
    while (!made.ok() && worth_waiting()) {
        std::this_thread::sleep_for(kFirstPause);
        made = connect(option, hello);
    }
    lock.lock();
    connecting_ = false;
    was_connected_ = made.ok();
    changed_.notify_all();
    if (!made.ok()) return made;
    take_link(*made);
    start_reader(link_);
    return link_;
}

void Daemon::take_link(const std::shared_ptr<Link>& link) {
    link_ = link;
    last_realm_ = link->welcome.realm;
    for (const uint64_t connection : link->welcome.lost) {
        const auto found = connections_.find(connection);
        if (found == connections_.end()) continue;
        link->ended.push_back(std::move(found->second));
        connections_.erase(found);
    }
    subscribe_again(link);
}

void Daemon::start_reader(const std::shared_ptr<Link>& link) {
    // The program's signals are for its own threads.
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    std::thread(&Daemon::read, this, link).detach();
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

Result<Message> Daemon::exchange(Message request, std::chrono::milliseconds timeout,
                                 const std::function<void(const Message&)>& on_answer) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        Attempt attempt = exchange_once(request, timeout, on_answer);
        const bool again = attempt.end == Attempt::End::undelivered ||
                           (attempt.end == Attempt::End::lost && may_repeat(request));
        if (!again || std::chrono::steady_clock::now() >= deadline)
            return std::move(attempt.answer);
    }
}

Daemon::Attempt Daemon::exchange_once(Message& request, std::chrono::milliseconds timeout,
                                      const std::function<void(const Message&)>& on_answer) {
    std::unique_lock lock(mutex_);
    auto pending = std::make_shared<Pending>();
    pending->on_answer = on_answer;
    Result<std::shared_ptr<Link>> link = connected(lock);
    if (!link.ok()) return {std::move(link).error(), Attempt::End::done};
    pending->link = *link;
    request.serial = next_serial_++;
    pending_.emplace(request.serial, pending);
    lock.unlock();
    const Status sent = pending->link->socket.send(request);
    lock.lock();
    if (!sent.ok()) {
        // Waits for the reader to see it too, so that the next attempt does not take the same link.
        changed_.wait_for(lock, kHelloTimeout, [&] { return pending->done; });
        pending_.erase(request.serial);
        return {lost(sent.error()), Attempt::End::undelivered};
    }
    changed_.wait_for(lock, timeout, [&] { return pending->done; });
    pending_.erase(request.serial);
    return {std::move(pending->answer), pending->lost ? Attempt::End::lost : Attempt::End::done};
}

void Daemon::read(std::shared_ptr<Link> link) {
    while (link != nullptr) {
        for (const auto& tell : std::exchange(link->ended, {})) {
            if (tell) tell({0, "the driver ended while opendextd was away"});
        }
        Result<std::optional<Message>> received = link->socket.receive();
        if (received.ok()) {
            if (received.value()) take(link, std::move(**received));
            continue;
        }
        // Malformed bytes end the connection as its loss does: nothing behind them can be trusted.
        link = drop(link, received.error()) ? reconnect() : nullptr;
    }
}

bool Daemon::drop(const std::shared_ptr<Link>& link, const Error& reason) {
    const std::lock_guard lock(mutex_);
    link->lost = true;
    if (link->changes != nullptr) link->changes->end();
    ::shutdown(link->socket.fd(), SHUT_RDWR);
    const bool ours = link_ == link;
    if (ours) link_.reset();
    for (auto& [serial, pending] : pending_) {
        if (pending->link != link || pending->done) continue;
        pending->answer = lost(reason);
        pending->lost = true;
        pending->done = true;
    }
    const bool again = ours && wanted();
    // From here until reconnect() is through, requests wait for it instead of making a second
    // connection.
    if (again) connecting_ = true;
    changed_.notify_all();
    return again;
}

std::shared_ptr<Daemon::Link> Daemon::reconnect() {
    std::chrono::milliseconds pause = kFirstPause;
    for (;;) {
        Greeting hello;
        std::string option;
        {
            const std::lock_guard lock(mutex_);
            if (!wanted()) {
                connecting_ = false;
                changed_.notify_all();
                return nullptr;
            }
            hello = greeting();
            option = realm_;
        }
        Result<std::shared_ptr<Link>> made = connect(option, hello);
        if (!made.ok()) {
            {
                // Requests of the time in between fail with the reason instead of waiting.
                std::unique_lock lock(mutex_);
                connecting_ = false;
                changed_.notify_all();
                lock.unlock();
                std::this_thread::sleep_for(pause);
                lock.lock();
                if (link_ != nullptr || connecting_)
                    return nullptr;  // a request was quicker; it subscribes again
                connecting_ = true;
            }
            pause = std::min(pause * 2, kLongestPause);
            continue;
        }
        const std::lock_guard lock(mutex_);
        take_link(*made);
        connecting_ = false;
        changed_.notify_all();
        return link_;
    }
}

void Daemon::subscribe_again(const std::shared_ptr<Link>& link) {
    for (const auto& [id, subscribed] : subscriptions_) {
        if (!subscribed.established) continue;  // its own request is under way
        auto pending = std::make_shared<Pending>();
        pending->link = link;
        pending->on_answer = [listener = subscribed.listener](const Message& message) {
            const auto to = listener.lock();
            if (to == nullptr) return;
            const Result<wire::Entries> entries = decode<wire::Entries>(message);
            if (entries.ok()) to->existing(*entries, true);
        };
        const uint64_t serial = next_serial_++;
        pending_.emplace(serial, pending);
        // A failure shows when the reader goes on.
        (void)link->socket.send(encode(subscribed.content, serial), Socket::Wait::dont_block);
    }
}

void Daemon::take(const std::shared_ptr<Link>& link, Message message) {
    if (message.serial == 0) return deliver(message);
    std::shared_ptr<Pending> pending;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pending_.find(message.serial);
        if (found != pending_.end() && found->second->link == link && !found->second->done)
            pending = found->second;
    }
    if (pending == nullptr) {
        // The late answer to a request that timed out. What it opened is of no use to anybody.
        const Result<wire::Opened> opened = decode<wire::Opened>(message);
        if (opened.ok() && opened->outcome.io_return == 0) {
            (void)link->socket.send(encode(wire::Close{opened->connection}, kIgnoredSerial),
                                    Socket::Wait::dont_block);
        }
        return;
    }
    if (pending->on_answer) pending->on_answer(message);
    const Result<wire::Opened> opened = decode<wire::Opened>(message);
    const std::lock_guard lock(mutex_);
    // From this moment on it is ours, whenever opendextd asks.
    if (opened.ok() && opened->outcome.io_return == 0)
        connections_.try_emplace(opened->connection, nullptr);
    pending_.erase(message.serial);
    pending->answer = std::move(message);
    pending->done = true;
    changed_.notify_all();
}

std::shared_ptr<Listener> Daemon::listener_of(uint64_t subscription) {
    const std::lock_guard lock(mutex_);
    const auto found = subscriptions_.find(subscription);
    return found == subscriptions_.end() ? nullptr : found->second.listener.lock();
}

void Daemon::deliver(const Message& event) {
    // An event that does not parse, or that this version does not know, is dropped: it carries
    // nothing that others need.
    switch (static_cast<wire::Kind>(event.kind)) {
        case wire::Kind::matched: {
            const Result<wire::Matched> matched = decode<wire::Matched>(event);
            if (!matched.ok()) return;
            if (const auto listener = listener_of(matched->subscription))
                listener->matched(*matched);
            return;
        }
        case wire::Kind::interest: {
            const Result<wire::Interest> interest = decode<wire::Interest>(event);
            if (!interest.ok()) return;
            if (const auto listener = listener_of(interest->subscription))
                listener->interest(*interest);
            return;
        }
        case wire::Kind::connection_died: {
            const Result<wire::ConnectionDied> died = decode<wire::ConnectionDied>(event);
            if (!died.ok()) return;
            OnDeath tell;
            {
                const std::lock_guard lock(mutex_);
                const auto found = connections_.find(died->connection);
                if (found == connections_.end()) return;
                tell = std::move(found->second);
                connections_.erase(found);
            }
            if (tell) tell(*died);
            return;
        }
        default:
            return;
    }
}

Result<uint64_t> Daemon::subscribe(wire::Subscribe content, std::weak_ptr<Listener> listener) {
    uint64_t id = 0;
    {
        const std::lock_guard lock(mutex_);
        id = next_subscription_++;
        content.subscription = id;
        subscriptions_.emplace(id, Subscribed{content, listener});
    }
    Result<Message> answer =
        exchange(encode(content), kTimeout, [listener](const Message& message) {
            const auto to = listener.lock();
            if (to == nullptr) return;
            const Result<wire::Entries> entries = decode<wire::Entries>(message);
            if (entries.ok() && entries->outcome.io_return == 0) to->existing(*entries, false);
        });
    Status status = success();
    if (!answer.ok()) {
        status = std::move(answer).error();
    } else if (Result<wire::Entries> entries = parse<wire::Entries>(*answer); !entries.ok()) {
        status = std::move(entries).error();
    }
    const std::lock_guard lock(mutex_);
    if (status.ok()) {
        const auto made = subscriptions_.find(id);
        if (made != subscriptions_.end()) made->second.established = true;
        return id;
    }
    subscriptions_.erase(id);
    return std::move(status).error();
}

void Daemon::unsubscribe(uint64_t subscription) {
    std::shared_ptr<Link> link;
    {
        const std::lock_guard lock(mutex_);
        if (subscriptions_.erase(subscription) == 0) return;
        link = link_;
    }
    if (link != nullptr && link->process == ::getpid()) {
        (void)link->socket.send(encode(wire::Unsubscribe{subscription}), Socket::Wait::dont_block);
    }
}

void Daemon::watch_connection(uint64_t connection, OnDeath died) {
    const std::lock_guard lock(mutex_);
    connections_[connection] = std::move(died);
}

void Daemon::forget_connection(uint64_t connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
}

void Daemon::set_realm(std::string directory) {
    const std::lock_guard lock(mutex_);
    realm_ = std::move(directory);
    // The reader of the old connection sees its end and tells who waits.
    if (link_ != nullptr) ::shutdown(link_->socket.fd(), SHUT_RDWR);
    if (link_ != nullptr && link_->changes != nullptr) link_->changes->end();
    link_.reset();
    was_connected_ = false;
    last_realm_.clear();
    subscriptions_.clear();
    connections_.clear();
}

Result<Message> Daemon::request_message(Message request) {
    Message answer = OD_TRY(exchange(std::move(request), kTimeout));
    if (answer.kind == static_cast<uint32_t>(wire::Kind::outcome)) {
        OD_TRY(parse<wire::Reply>(answer));
        return Error{Errc::malformed, 0, "opendextd gave no answer"};
    }
    return answer;
}

Result<std::shared_ptr<const ChangeView>> Daemon::changes() {
    std::unique_lock lock(mutex_);
    return std::shared_ptr<const ChangeView>(OD_TRY(connected(lock))->changes);
}

std::string Daemon::realm() {
    const std::lock_guard lock(mutex_);
    return realm_;
}

Result<uint64_t> Daemon::root() {
    std::unique_lock lock(mutex_);
    return OD_TRY(connected(lock))->welcome.root;
}

}  // namespace opendext::client
