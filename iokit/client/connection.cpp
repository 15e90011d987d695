// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/connection.h"

#include <IOKit/IOKitLib.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <utility>

#include "iokit/client/daemon.h"
#include "iokit/client/program_memory.h"
#include "iokit/client/reason.h"
#include "rpc/protocol/memory_part.h"

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// Calls what the program has given with the call, in the form for that number of arguments.
void call_back(const std::vector<uint64_t>& reference, IOReturn status,
               const std::vector<uint64_t>& arguments) {
    void* function = reinterpret_cast<void*>(reference[kIOAsyncCalloutFuncIndex]);
    void* refcon = reinterpret_cast<void*>(reference[kIOAsyncCalloutRefconIndex]);
    if (function == nullptr) return;
    std::vector<void*> words;
    for (const uint64_t argument : arguments) words.push_back(reinterpret_cast<void*>(argument));
    switch (words.size()) {
        case 0:
            return reinterpret_cast<IOAsyncCallback0>(function)(refcon, status);
        case 1:
            return reinterpret_cast<IOAsyncCallback1>(function)(refcon, status, words[0]);
        case 2:
            return reinterpret_cast<IOAsyncCallback2>(function)(refcon, status, words[0], words[1]);
        default:
            return reinterpret_cast<IOAsyncCallback>(function)(refcon, status, words.data(),
                                                               static_cast<uint32_t>(words.size()));
    }
}

bool is_eventfd(int fd) {
    std::array<char, 32> kind{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), kind.data(), kind.size());
    return length > 0 &&
           std::string_view(kind.data(), static_cast<size_t>(length)) == "anon_inode:[eventfd]";
}

}  // namespace

Result<std::shared_ptr<Connection>> Connection::open(uint64_t service, uint32_t type) {
    std::vector<UniqueFd> fds;
    const auto opened = OD_TRY(Daemon::instance().request<wire::Opened>(wire::Open{service, type},
                                                                        Daemon::kTimeout, &fds));
    if (fds.size() != 2) return Error{Errc::malformed, 0, "opendextd sent no channel"};
    auto channel = OD_TRY(
        Channel::attach(std::move(fds[0]), Socket(std::move(fds[1])), Channel::Side::client));
    auto connection = std::make_shared<Connection>(
        Identity{opened.connection, opened.user_client, service}, std::move(channel));
    Daemon::instance().watch_connection(
        opened.connection, [weak = connection->weak_from_this()](std::string reason) {
            if (const auto self = weak.lock()) {
                self->channel_->close(reason.empty() ? "the driver ended" : std::move(reason));
                self->end_memory();
            }
        });
    return connection;
}

Connection::~Connection() {
    close();
}

void Connection::released() {
    close();
    // Waits until the driver's side is closed, so that what it held can be opened again. A failure
    // means that opendextd has forgotten the connection already.
    (void)Daemon::instance().request<wire::Reply>(wire::Close{identity_.connection});
}

void Connection::close() {
    std::map<uint64_t, std::shared_ptr<DriverMemory>> unmapped;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        closed_ = true;
        unmapped.swap(mappings_);
        completions_.clear();
    }
    Daemon::instance().forget_connection(identity_.connection);
    channel_->close("the application closed the connection");
    for (const auto& [address, memory] : unmapped) {
        DriverMemories::instance().remove(address);
        memory->end();
    }
}

kern_return_t Connection::gone(const Error& error) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return fail(kIOReturnNotOpen, "the connection is closed");
    }
    if (error.code != Errc::peer_gone) return fail(error, OPENDEXT_ORIGIN_LIBRARY);
    return fail(kIOReturnNotResponding, error.message, OPENDEXT_ORIGIN_DRIVER_DIED);
}

void Connection::hand_on(std::unique_lock<std::mutex>& lock, Message message) {
    if (static_cast<uc::Kind>(message.kind) == uc::Kind::async) {
        lock.unlock();
        complete(message);
        lock.lock();
        return;
    }
    if (static_cast<uc::Kind>(message.kind) == uc::Kind::released) {
        lock.unlock();
        forget(message);
        lock.lock();
        return;
    }
    if (static_cast<uc::Kind>(message.kind) == uc::Kind::copy_memory) {
        lock.unlock();
        give_memory(message);
        lock.lock();
        return;
    }
    const auto found = waiters_.find(message.serial);
    if (found == waiters_.end()) return;  // an answer that nobody waits for
    Waiter& waiter = *found->second;
    waiters_.erase(found);
    waiter.answer = std::move(message);
    waiter.done = true;
    waiter.changed.notify_one();
}

void Connection::fail_all(const Error& reason) {
    for (const auto& [serial, waiter] : waiters_) {
        waiter->answer = reason;
        waiter->done = true;
        waiter->changed.notify_one();
    }
    waiters_.clear();
}

bool Connection::receive_one(std::unique_lock<std::mutex>& lock) {
    receiving_ = true;
    lock.unlock();
    Result<Message> received = channel_->receive();
    lock.lock();
    receiving_ = false;
    receiver_free_.notify_one();
    if (received.ok()) {
        hand_on(lock, std::move(received).value());
    } else {
        fail_all(received.error());
    }
    return received.ok();
}

Result<Message> Connection::exchange(Message request) {
    Waiter waiter;
    std::unique_lock lock(mutex_);
    const uint64_t serial = next_serial_++;
    request.serial = serial;
    waiters_.emplace(serial, &waiter);
    lock.unlock();
    const Status sent = channel_->send(request);
    lock.lock();
    if (!sent.ok() && !waiter.done) {
        waiters_.erase(serial);
        return sent.error();
    }
    while (!waiter.done) {
        if (receiving_ || receiver_thread_) {
            waiter.changed.wait(lock);
        } else {
            receive_one(lock);
        }
    }
    // Who received until now has what it wanted: another one that waits goes on with it.
    if (!receiving_ && !receiver_thread_ && !waiters_.empty())
        waiters_.begin()->second->changed.notify_one();
    return std::move(waiter.answer);
}

void Connection::start_receiver() {
    {
        const std::lock_guard lock(mutex_);
        if (receiver_thread_ || closed_) return;
        receiver_thread_ = true;
    }
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);  // the program's signals are for its own threads
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    std::thread([self = shared_from_this()] {
        std::unique_lock lock(self->mutex_);
        // A caller that receives just now ends with its own answer, and leaves it to us.
        self->receiver_free_.wait(lock, [&] { return !self->receiving_; });
        while (self->receive_one(lock)) {
        }
        self->receiver_thread_ = false;
    }).detach();
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

uint64_t Connection::remember(const Completion& completion) {
    const std::lock_guard lock(mutex_);
    completions_.emplace(next_completion_, completion);
    return next_completion_++;
}

void Connection::forget(const Message& message) {
    const Result<uc::Released> released = decode<uc::Released>(message);
    if (!released.ok() || released->async_reference.empty()) return;
    const std::lock_guard lock(mutex_);
    completions_.erase(released->async_reference[0]);
}

void Connection::give_memory(const Message& message) {
    const Result<uc::CopyMemory> request = decode<uc::CopyMemory>(message);
    if (!request.ok()) {
        channel_->close("the driver's request for memory does not parse");
        return;
    }
    (void)channel_->send(ProgramMemory::instance().answer(*request, message.serial));
}

bool Connection::closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void Connection::complete(const Message& message) {
    Result<uc::Async> async = decode<uc::Async>(message);
    if (!async.ok() || async->async_reference.empty() ||
        async->arguments.size() > uc::kMaxAsyncArguments)
        return;
    Completion completion;
    {
        // The driver gives back only a number: what is called is what the program has given us.
        const std::lock_guard lock(mutex_);
        const auto found = completions_.find(async->async_reference[0]);
        if (found == completions_.end()) return;
        completion = found->second;
    }
    const std::shared_ptr<Port> port = completion.port.lock();
    if (port == nullptr || completion.reference.size() < kIOAsyncCalloutCount) return;
    const bool posted =
        port->post([weak = weak_from_this(), reference = std::move(completion.reference),
                    status = async->status, arguments = std::move(async->arguments)] {
            // Once the program has closed the connection, its context may be gone.
            const auto self = weak.lock();
            if (self != nullptr && !self->closed()) call_back(reference, status, arguments);
        });
    if (!posted) channel_->close("the application does not run its notification port");
}

kern_return_t Connection::call(const Arguments& arguments, Results& results) {
    if (arguments.completion == nullptr) return call(arguments, results, 0);
    const uint64_t token = remember(*arguments.completion);
    start_receiver();
    const kern_return_t code = call(arguments, results, token);
    if (code != kIOReturnSuccess) {
        const std::lock_guard lock(mutex_);
        completions_.erase(token);
    }
    return code;
}

kern_return_t Connection::call(const Arguments& arguments, Results& results, uint64_t completion) {
    if (arguments.scalars.size() > uc::kMaxScalars || results.scalar_count > uc::kMaxScalars) {
        return fail(kIOReturnBadArgument, "more than 16 scalars");
    }
    uc::Call call;
    call.selector = arguments.selector;
    call.scalars.assign(arguments.scalars.begin(), arguments.scalars.end());
    call.has_structure = arguments.has_structure;
    call.scalar_output_count = results.scalar_count;
    std::vector<UniqueFd> fds;
    Mapping output;
    if (arguments.structure.size() <= uc::kMaxInbandStructure) {
        call.structure.assign(arguments.structure.begin(), arguments.structure.end());
    } else {
        Result<UniqueFd> memory = make_sealed_memory("opendext-input", arguments.structure.size());
        if (!memory.ok()) return fail(memory.error());
        const auto mapping =
            Mapping::map(memory->get(), 0, arguments.structure.size(), Mapping::Access::read_write);
        if (!mapping.ok()) return fail(mapping.error());
        std::memcpy(mapping->data(), arguments.structure.data(), arguments.structure.size());
        call.input_memory_length = arguments.structure.size();
        fds.push_back(std::move(memory).value());
    }
    if (results.structure_size <= uc::kMaxInbandStructure) {
        call.structure_output_size = results.structure_size;
    } else {
        Result<UniqueFd> memory = make_sealed_memory("opendext-output", results.structure_size);
        if (!memory.ok()) return fail(memory.error());
        Result<Mapping> mapping =
            Mapping::map(memory->get(), 0, results.structure_size, Mapping::Access::read_write);
        if (!mapping.ok()) return fail(mapping.error());
        output = std::move(mapping).value();
        call.output_memory_length = results.structure_size;
        fds.push_back(std::move(memory).value());
    }
    if (completion != 0) {
        call.async_reference.assign(uc::kMaxAsyncReference, 0);
        call.async_reference[0] = completion;
    }
    Message request = encode(std::move(call));
    request.fds = std::move(fds);
    const Result<Message> answer = exchange(std::move(request));
    if (!answer.ok()) return gone(answer.error());
    const Result<uc::CallResult> result = decode<uc::CallResult>(*answer);
    if (!result.ok()) {
        channel_->close("the driver's answer does not parse");
        return fail(kIOReturnNotResponding, "the driver's answer does not parse");
    }
    if (result->io_return != kIOReturnSuccess) {
        return fail(result->io_return,
                    result->reason.empty() ? "the driver refused the call" : result->reason,
                    OPENDEXT_ORIGIN_DRIVER);
    }
    if (result->scalars.size() > results.scalar_count ||
        result->structure.size() > results.structure_size ||
        result->output_memory_used > output.size()) {
        return fail(kIOReturnBadArgument, "the driver's answer is larger than the caller's room");
    }
    std::copy(result->scalars.begin(), result->scalars.end(), results.scalars);
    results.scalar_count = static_cast<uint32_t>(result->scalars.size());
    if (output.size() > 0 && result->structure.empty()) {
        std::memcpy(results.structure, output.data(), result->output_memory_used);
        results.structure_size = result->output_memory_used;
    } else {
        std::copy(result->structure.begin(), result->structure.end(), results.structure);
        results.structure_size = result->structure.size();
    }
    return kIOReturnSuccess;
}

kern_return_t Connection::map(uint32_t type, IOOptionBits options, uint64_t* address,
                              uint64_t* size) {
    Result<Message> answer = exchange(encode(uc::MapMemory{type, options}));
    if (!answer.ok()) return gone(answer.error());
    const Result<uc::Mapped> mapped = decode<uc::Mapped>(*answer);
    if (!mapped.ok()) return fail(kIOReturnNotResponding, "the driver's answer does not parse");
    if (mapped->io_return != kIOReturnSuccess) {
        return fail(mapped->io_return,
                    mapped->reason.empty() ? "the driver has no such memory" : mapped->reason,
                    OPENDEXT_ORIGIN_DRIVER);
    }
    if (answer->fds.size() < (mapped->data_queue ? 2U : 1U))
        return fail(kIOReturnVMError, "the driver sent no memory");
    const auto parts =
        protocol::checked_parts({0, mapped->offset, mapped->length}, mapped->more, answer->fds);
    if (!parts.ok()) return fail(kIOReturnVMError, "the driver's memory is smaller than it says");
    auto memory = std::make_shared<DriverMemory>();
    memory->type = type;
    memory->writable = (mapped->options & 1) == 0 && (options & kIOMapReadOnly) == 0;
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
    if (mapped->data_queue) {
        // Written to by this program: no pipe, which could end it with a signal.
        if (!is_eventfd(answer->fds.back().get()))
            return fail(kIOReturnVMError, "the driver's data queue has no eventfd for a bell");
        memory->bell = std::move(answer->fds.back());
    }
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
    memory->end();
    return kIOReturnSuccess;
}

void Connection::end_memory() {
    const std::lock_guard lock(mutex_);
    for (const auto& [address, memory] : mappings_) memory->end();
}

}  // namespace opendext::client
