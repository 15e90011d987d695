// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/connection.h"

#include <IOKit/IOKitLib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include "iokit/client/daemon.h"
#include "iokit/client/program_memory.h"
#include "iokit/client/reason.h"
#include "rpc/probe.h"
#include "rpc/protocol/memory_part.h"

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// What a driver says, or does not, tells neither death from termination nor why; opendextd does,
/// soon after.
constexpr std::chrono::seconds kDeathNotice{2};
constexpr std::string_view kEndedWithoutWord = "the other side ended";

/// How often this process is the child of a fork.
std::atomic<uint32_t> forks = 0;

uint32_t count_forks() {
    static const bool counting = [] {
        ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
        return true;
    }();
    (void)counting;
    return forks.load(std::memory_order_relaxed);
}

Result<std::unique_ptr<Channel>> attach(std::vector<UniqueFd> fds) {
    // The system leaves out what a process at its limit has no numbers for.
    if (fds.size() != 2) {
        return Error::kern(kIOReturnNoResources,
                           "the program has too many open files for another connection; raise "
                           "RLIMIT_NOFILE (ulimit -n)");
    }
    return Channel::attach(std::move(fds[0]), Socket(std::move(fds[1])), Channel::Side::client);
}

bool is_eventfd(int fd) {
    std::array<char, 32> kind{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), kind.data(), kind.size());
    return length > 0 &&
           std::string_view(kind.data(), static_cast<size_t>(length)) == "anon_inode:[eventfd]";
}

}  // namespace

Connection::Connection(Identity identity, std::unique_ptr<Channel> channel)
    : HandleObject(kKind),
      identity_(identity),
      channel_(std::move(channel)),
      forks_(count_forks()),
      arena_([this](uint32_t number, uint64_t size, const UniqueFd& memory) -> Status {
          Message message = encode(uc::Arena{number, size});
          message.fds.push_back(OD_TRY(memory.duplicate()));
          return channel_->send(message);
      }),
      replies_(*channel_, [this](Frame& frame) { receive_other(frame); }),
      completions_(*channel_, [this](Frame& frame) { receive_other(frame); }) {}

Connection::~Connection() {
    close();
    // In a child of fork() nothing may be told to the driver: it serves the parent.
    if (forked()) (void)channel_.release();
}

kern_return_t Connection::open(uint64_t service, uint32_t type,
                               std::shared_ptr<Connection>& connection) {
    std::vector<UniqueFd> fds;
    const auto opened =
        Daemon::instance().ask<wire::Opened>(wire::Open{service, type}, Daemon::kTimeout, &fds);
    if (!opened.ok()) return fail(opened.error());
    if (opened->outcome.io_return != kIOReturnSuccess) return finish(opened->outcome);
    OPENDEXT_PROBE(client_opened);
    auto channel = attach(std::move(fds));
    if (!channel.ok()) {
        Daemon::instance().forget_connection(opened->connection);
        (void)Daemon::instance().request<wire::Reply>(wire::Close{opened->connection});
        return fail(channel.error());
    }
    connection = std::make_shared<Connection>(
        Identity{opened->connection, opened->user_client, service}, std::move(channel).value());
    Daemon::instance().watch_connection(opened->connection, [weak = connection->weak_from_this()](
                                                                const wire::ConnectionDied& died) {
        if (const auto self = weak.lock()) self->driver_died(died.reason, origin_of(died.how));
    });
    return kIOReturnSuccess;
}

bool Connection::forked() const {
    return forks.load(std::memory_order_relaxed) != forks_;
}

kern_return_t Connection::check() const {
    if (!forked()) return kIOReturnSuccess;
    return fail(kIOReturnNotOpen,
                "the connection belongs to the process that this one was forked from; open the "
                "service again");
}

kern_return_t Connection::status() {
    if (const kern_return_t code = check(); code != kIOReturnSuccess) return code;
    if (!closed_ && !channel_->closed()) return kIOReturnSuccess;
    // A closed channel takes nothing and says why.
    const Status sent = channel_->send(Message{});
    return failed(sent.ok() ? Error{Errc::peer_gone, 0, "the connection ended"} : sent.error());
}

void Connection::released() {
    if (forked()) return;
    close();
    OPENDEXT_PROBE(client_closed);
    // Waits until opendextd has begun to close the driver's side; its Stop may still run. A failure
    // means that opendextd has forgotten the connection already.
    (void)Daemon::instance().request<wire::Reply>(wire::Close{identity_.connection});
}

void Connection::close() {
    if (forked() || closed_.exchange(true)) return;
    std::map<uint64_t, std::shared_ptr<DriverMemory>> unmapped;
    {
        const std::lock_guard lock(mutex_);
        unmapped.swap(mappings_);
        death_known_.notify_all();
    }
    Daemon::instance().forget_connection(identity_.connection);
    completions_.close();
    channel_->close("the application closed the connection");
    for (const auto& [address, memory] : unmapped) {
        DriverMemories::instance().remove(address);
        memory->end(OPENDEXT_ORIGIN_DRIVER_DIED);
    }
}

void Connection::driver_died(std::string reason, opendext_origin how) {
    if (reason.empty()) reason = "the driver ended";
    {
        const std::lock_guard lock(mutex_);
        death_ = reason;
        how_ = how;
        death_known_.notify_all();
        for (const auto& [address, memory] : mappings_) memory->end(how);
    }
    channel_->close(std::move(reason));
}

Outcome Connection::gone(const std::string& reason) {
    std::unique_lock lock(mutex_);
    if (reason == kEndedWithoutWord || reason == uc::kUserClientEnded) {
        death_known_.wait_for(lock, kDeathNotice, [this] { return !death_.empty() || closed_; });
    }
    if (closed_) return {kIOReturnNotOpen, OPENDEXT_ORIGIN_LIBRARY, "the connection is closed"};
    if (death_.empty()) {  // waited for once
        death_ = reason;
        if (reason == uc::kUserClientEnded) how_ = OPENDEXT_ORIGIN_TERMINATED;
    }
    return {kIOReturnNotResponding, how_, death_};
}

kern_return_t Connection::failed(const Error& error) {
    // A driver that wrote what cannot be right has ended the connection as one that is gone.
    if (error.code != Errc::peer_gone && error.code != Errc::malformed)
        return fail(error, OPENDEXT_ORIGIN_LIBRARY);
    Outcome outcome = gone(error.message);
    return fail(outcome.code, std::move(outcome.reason), outcome.origin);
}

void Connection::receive_other(Frame& frame) {
    if (frame.kind() == static_cast<uint16_t>(uc::Kind::slot_freed)) {
        uc::SlotFreed slot;
        Status freed = uc::parse_struct(frame.bytes(), slot);
        if (freed.ok()) freed = arena_.freed(slot);
        if (!freed.ok()) channel_->close("the driver sent: " + freed.error().message);
        return;
    }
    if (frame.kind() != static_cast<uint16_t>(uc::Kind::copy_memory)) {
        return channel_->close("the driver sent a message of unknown kind " +
                               std::to_string(frame.kind()));
    }
    const Message message = frame.message();
    frame.done();
    OPENDEXT_PROBE(client_memory);
    const Result<uc::CopyMemory> request = decode<uc::CopyMemory>(message);
    if (!request.ok()) return channel_->close("the driver's request for memory does not parse");
    (void)channel_->send(ProgramMemory::instance().answer(*request, message.serial));
}

void Connection::start_completions() {
    {
        const std::lock_guard lock(mutex_);
        if (receives_completions_ || closed_) return;
        receives_completions_ = true;
    }
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);  // the program's signals are for its own threads
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    std::thread([self = shared_from_this()] { self->completions_.run(); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

kern_return_t Connection::completions_descriptor(int& descriptor) {
    const std::lock_guard lock(mutex_);
    if (!bell_) {
        if (receives_completions_) {
            return fail(kIOReturnBusy,
                        "a thread takes the completions of this connection already; ask for the "
                        "descriptor before the first asynchronous call");
        }
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
            return fail(Error::system("no socket for the completions"));
        bell_.reset(ends[0]);
        Message message;
        message.kind = static_cast<uint32_t>(uc::Kind::events_bell);
        message.fds.emplace_back(ends[1]);
        if (const Status sent = channel_->send(message); !sent.ok()) {
            bell_.reset();
            return fail(sent.error());
        }
        receives_completions_ = true;
    }
    descriptor = bell_.get();
    return kIOReturnSuccess;
}

kern_return_t Connection::dispatch() {
    if (!bell_) {
        return fail(kIOReturnNotReady,
                    "completions of this connection are not taken by the program; ask for the "
                    "descriptor first");
    }
    std::array<char, 64> rings;  // one for each time that it was armed
    const ssize_t rung = ::recv(bell_.get(), rings.data(), rings.size(), MSG_DONTWAIT);
    bool open = completions_.dispatch();
    if (open && rung == 0) {
        // Nobody is there to ring any more. Whoever polls the descriptor must not do so in vain
        // until the watch of peers has come to it.
        channel_->peer_ended();
        open = completions_.dispatch();
    }
    return open ? kIOReturnSuccess : status();
}

Result<Message> Connection::exchange(Message request) {
    Message answer;
    Pending pending;
    pending.message = &answer;
    Waiter waiter;
    request.serial = replies_.add(pending, waiter, true);
    const Status sent = channel_->send(request);
    if (!sent.ok()) {
        replies_.drop(pending, waiter);
        return sent.error();
    }
    replies_.wait(waiter);
    if (pending.outcome.code != kIOReturnSuccess)
        return Error{Errc::peer_gone, 0, pending.outcome.reason};
    return answer;
}

kern_return_t Connection::map(uint32_t type, IOOptionBits options, uint64_t* address,
                              uint64_t* size) {
    Result<Message> answer = exchange(encode(uc::MapMemory{type, options}));
    if (!answer.ok()) return failed(answer.error());
    OPENDEXT_PROBE(client_mapped);
    const Result<uc::Mapped> mapped = decode<uc::Mapped>(*answer);
    if (!mapped.ok()) {
        channel_->close("the driver's answer does not parse");
        return fail(kIOReturnNotResponding, "the driver's answer does not parse",
                    OPENDEXT_ORIGIN_DRIVER);
    }
    const auto wrong = [](const char* reason) {
        return fail(kIOReturnVMError, reason, OPENDEXT_ORIGIN_DRIVER);
    };
    if (mapped->io_return != kIOReturnSuccess) {
        return fail(mapped->io_return,
                    mapped->reason.empty() ? "the driver has no such memory" : mapped->reason,
                    OPENDEXT_ORIGIN_DRIVER);
    }
    if (answer->fds.size() < (mapped->data_queue ? 2U : 1U))
        return wrong("the driver sent no memory");
    const auto parts =
        protocol::checked_parts({0, mapped->offset, mapped->length}, mapped->more, answer->fds);
    if (!parts.ok()) return wrong("the driver's memory is smaller than it says");
    auto memory = std::make_shared<DriverMemory>();
    memory->type = type;
    memory->writable = (mapped->options & 1) == 0 && (options & kIOMapReadOnly) == 0;
    if (mapped->data_queue) {
        // Written to by this program: no pipe, which could end it with a signal.
        if (!is_eventfd(answer->fds.back().get()))
            return wrong("the driver's data queue has no eventfd for a bell");
        memory->bell = std::move(answer->fds.back());
    }
    std::vector<MemorySpan> spans;
    for (const protocol::MemoryPart& part : *parts) {
        spans.push_back(
            {answer->fds[part.fd_index].get(), part.offset, part.length, memory->writable});
        memory->length += part.length;
    }
    MappedRange::Options where;
    if ((options & kIOMapAnywhere) == 0) where.fixed_address = *address;
    Result<MappedRange> mapping = MappedRange::map(spans, where);
    if (!mapping.ok()) {
        return fail(mapping.error().code == Errc::exists ? kIOReturnNoSpace : kIOReturnVMError,
                    mapping.error().text());
    }
    memory->range = std::move(mapping).value();
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(kIOReturnNotOpen, "the connection is closed");
    mappings_.emplace(memory->address(), memory);
    *address = memory->address();
    if (size != nullptr) *size = memory->length;
    DriverMemories::instance().add(std::move(memory));
    return kIOReturnSuccess;
}

kern_return_t Connection::unmap(uint32_t type, uint64_t address) {
    std::shared_ptr<DriverMemory> memory;
    {
        const std::lock_guard lock(mutex_);
        const auto found = mappings_.find(address);
        if (found == mappings_.end() || found->second->type != type) {
            return fail(kIOReturnBadArgument, "no memory of this type is mapped there");
        }
        memory = std::move(found->second);
        mappings_.erase(found);
    }
    DriverMemories::instance().remove(address);
    memory->end(OPENDEXT_ORIGIN_DRIVER_DIED);
    return kIOReturnSuccess;
}

}  // namespace opendext::client
