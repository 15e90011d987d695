// SPDX-License-Identifier: Apache-2.0
// opendext_calls_… and opendext_connect_…: calls in flight, one-way calls, and asynchronous calls
// with one form of call-back. Rules: <opendext/client.h>.
#include <opendext/client.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "iokit/client/connect.h"
#include "iokit/client/notification_port.h"
#include "iokit/client/reason.h"
#include "rpc/futex.h"

namespace opendext::client {
namespace {

/// Calls of a submission that are expected at once: few at first, so that the driver can begin.
constexpr uint32_t kFirstBatch = 2;
constexpr uint32_t kBatch = 64;

kern_return_t check(const opendext_call& call) {
    kern_return_t checked = check_pointers(call);
    if (checked != kIOReturnSuccess) return checked;
    checked = Connection::check_counts(arguments_of(call), call.outputCount);
    if (checked != kIOReturnSuccess) return checked;
    if (call.outputStructCnt == static_cast<size_t>(kIOConnectMethodVarOutputSize))
        return fail(kIOReturnUnsupported, "output of variable size needs IOConnectCallMethod");
    return kIOReturnSuccess;
}

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

/// A queue of calls. Everything but the Pendings' outcomes belongs to the thread that uses it.
struct opendext_calls {
    struct Call : Pending {
        uint64_t user = 0;
        CallMemory memory;
        bool submitted = false;
    };

    opendext_calls(std::shared_ptr<Connection> connection_in, uint32_t depth)
        : connection(std::move(connection_in)), calls(depth) {
        free.reserve(depth);
        for (Call& call : calls) free.push_back(&call);
        waiter.calls = this;
        waiter.meanwhile = [](Waiter& waiting) {
            return static_cast<Collector&>(waiting).calls->collect();
        };
    }
    ~opendext_calls() {
        if (connection->check() != kIOReturnSuccess) return;  // nobody answers after a fork
        for (Call& call : calls) {
            if (call.submitted) connection->abandon(call, waiter, call.memory);
        }
    }
    struct Collector : Waiter {
        opendext_calls* calls = nullptr;
        std::span<opendext_call_result> room;  ///< of the thread that waits
        uint32_t given = 0;
    };
    [[nodiscard]] uint32_t pending() const {
        return static_cast<uint32_t>(calls.size() - free.size());
    }
    /// How many were sent, and why not all. At most kBatch.
    uint32_t submit(std::span<const opendext_call> wanted, kern_return_t& code);
    /// Gives what is done to whoever waits. How many.
    uint32_t collect();
    void give(Call& call, opendext_call_result& result);

    const std::shared_ptr<Connection> connection;
    Collector waiter;
    std::vector<Call> calls;
    std::vector<Call*> free;
    std::vector<std::unique_ptr<const std::string>> reasons;  // of the results given last
};

uint32_t opendext_calls::submit(std::span<const opendext_call> wanted, kern_return_t& code) {
    std::array<Pending*, kBatch> answers;
    uint32_t count = 0;
    for (; count < wanted.size(); ++count) {
        code = check(wanted[count]);
        if (code == kIOReturnSuccess && count == free.size())
            code = fail(kIOReturnNoSpace, "the queue of calls is full");
        if (code != kIOReturnSuccess) break;
        Call& call = *free[free.size() - 1 - count];
        call.user = wanted[count].user;
        call.output = output_of(wanted[count]);
        call.outcome.code = kIOReturnSuccess;
        call.outcome.origin = OPENDEXT_ORIGIN_NONE;
        answers[count] = &call;
    }
    connection->expect({answers.data(), count}, waiter);
    uint32_t sent = 0;
    while (sent < count) {
        Call& call = static_cast<Call&>(*answers[sent]);
        const kern_return_t begun =
            connection->begin(arguments_of(wanted[sent]), call, call.memory);
        if (begun != kIOReturnSuccess) {
            code = begun;
            break;
        }
        call.submitted = true;
        ++sent;
    }
    for (uint32_t i = sent; i < count; ++i) {
        Call& call = static_cast<Call&>(*answers[i]);
        call.memory = {};  // the driver never heard of it
        connection->abandon(call, waiter, call.memory);
    }
    free.resize(free.size() - sent);
    return sent;
}

uint32_t opendext_calls::collect() {
    const uint32_t before = waiter.given;
    const auto room = static_cast<uint32_t>(waiter.room.size()) - before;
    PendingList done = connection->take_done(waiter, room);
    while (Pending* one = done.take_first())
        give(static_cast<Call&>(*one), waiter.room[waiter.given++]);
    return waiter.given - before;
}

void opendext_calls::give(Call& call, opendext_call_result& result) {
    connection->settle(call, call.memory);
    const bool ok = call.outcome.code == kIOReturnSuccess;
    result = {call.user,
              call.outcome.code,
              call.outcome.origin,
              ok ? call.output.scalar_count : 0,
              0,
              ok ? call.output.structure_size : 0,
              ""};
    if (!ok) {
        reasons.push_back(std::make_unique<const std::string>(std::move(call.outcome.reason)));
        result.reason = reasons.back()->c_str();
    }
    call.submitted = false;
    free.push_back(&call);
}

kern_return_t opendext_calls_create(io_connect_t connect, uint32_t depth, opendext_calls_t* calls) {
    if (calls == nullptr) return fail(kIOReturnBadArgument, "no result");
    *calls = nullptr;
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return code;
    if (depth == 0 || depth > OPENDEXT_CALLS_DEPTH_MAX)
        return fail(kIOReturnBadArgument, "a queue of calls has a depth of 1 to 1024");
    *calls = new opendext_calls(connection->shared_from_this(), depth);
    return kIOReturnSuccess;
}

kern_return_t opendext_calls_submit(opendext_calls_t calls, const opendext_call* call,
                                    uint32_t count, uint32_t* submitted) {
    if (submitted != nullptr) *submitted = 0;
    if (calls == nullptr || (call == nullptr && count > 0))
        return fail(kIOReturnBadArgument, "no queue or no calls");
    kern_return_t code = calls->connection->check();
    uint32_t sent = 0;
    while (code == kIOReturnSuccess && sent < count) {
        const uint32_t most = sent == 0 ? kFirstBatch : kBatch;
        sent += calls->submit({call + sent, std::min(count - sent, most)}, code);
    }
    if (sent > 0) calls->connection->flush();
    if (submitted != nullptr) *submitted = sent;
    return code;
}

kern_return_t opendext_calls_wait(opendext_calls_t calls, opendext_call_result* results,
                                  uint32_t room, uint32_t at_least, uint32_t timeout_ms,
                                  uint32_t* count) {
    if (count != nullptr) *count = 0;
    if (calls == nullptr || count == nullptr || (results == nullptr && room > 0))
        return fail(kIOReturnBadArgument, "no queue or no room for results");
    const kern_return_t usable = calls->connection->check();
    if (usable != kIOReturnSuccess) return usable;
    calls->reasons.clear();
    const uint32_t wanted = std::min({at_least, calls->pending(), room});
    const int64_t deadline_ns =
        timeout_ms == OPENDEXT_FOREVER ? -1 : now_ns() + int64_t{timeout_ms} * 1'000'000;
    calls->waiter.room = {results, room};
    calls->waiter.given = 0;
    const bool in_time = calls->connection->wait(calls->waiter, wanted, room, deadline_ns);
    calls->collect();
    *count = calls->waiter.given;
    return in_time ? kIOReturnSuccess
                   : fail(kIOReturnTimeout, "the driver has not answered so many calls in time");
}

uint32_t opendext_calls_pending(opendext_calls_t calls) {
    return calls == nullptr ? 0 : calls->pending();
}

void opendext_calls_destroy(opendext_calls_t calls) {
    delete calls;
}

kern_return_t opendext_connect_post(io_connect_t connect, const opendext_call* call, uint32_t count,
                                    uint32_t options, uint32_t* posted) {
    if (posted != nullptr) *posted = 0;
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return code;
    if (call == nullptr && count > 0) return fail(kIOReturnBadArgument, "no calls");
    uint32_t sent = 0;
    for (; sent < count; ++sent) {
        code = check(call[sent]);
        if (code == kIOReturnSuccess &&
            (call[sent].outputCount != 0 || call[sent].outputStructCnt != 0))
            code = fail(kIOReturnBadArgument, "a one-way call has no output");
        if (code == kIOReturnSuccess)
            code =
                connection->post(arguments_of(call[sent]), (options & OPENDEXT_POST_NO_WAIT) == 0,
                                 sent + 1 == count ? Channel::Wake::now : Channel::Wake::later);
        if (code != kIOReturnSuccess) break;
    }
    if (sent > 0 && sent < count) connection->flush();  // those before the one that failed
    if (posted != nullptr) *posted = sent;
    return code;
}

kern_return_t opendext_connect_call_async(io_connect_t connect, const opendext_call* call,
                                          IONotificationPortRef port,
                                          opendext_completion_callback callback,
                                          opendext_completions_ended ended, void* refcon,
                                          opendext_call_result* result) {
    const auto done = [&](kern_return_t code, const Output& output) {
        if (result == nullptr) return code;
        const bool ok = code == kIOReturnSuccess;
        *result = {call == nullptr ? 0 : call->user,
                   code,
                   ok ? OPENDEXT_ORIGIN_NONE : opendext_last_error_origin(),
                   ok ? output.scalar_count : 0,
                   0,
                   ok ? output.structure_size : 0,
                   ok ? "" : opendext_last_error_reason()};
        return code;
    };
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return done(code, {});
    if (call == nullptr || port == nullptr || callback == nullptr)
        return done(fail(kIOReturnBadArgument, "no call, no port or no call-back"), {});
    code = check(*call);
    if (code != kIOReturnSuccess) return done(code, {});
    auto target = std::make_shared<CompletionTarget>();
    target->port = port->port;
    target->refcon = refcon;
    target->any = callback;
    target->ended = ended;
    Output output = output_of(*call);
    code = connection->call_async(arguments_of(*call), output, std::move(target));
    return done(code, output);
}

kern_return_t opendext_connect_status(io_connect_t connect) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    return connection == nullptr ? code : connection->status();
}

kern_return_t opendext_connect_completions_fd(io_connect_t connect, int* descriptor) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    if (connection == nullptr) return code;
    if (descriptor == nullptr) return fail(kIOReturnBadArgument, "no room for the descriptor");
    return connection->completions_descriptor(*descriptor);
}

kern_return_t opendext_connect_dispatch(io_connect_t connect) {
    kern_return_t code = kIOReturnSuccess;
    Connection* connection = find_connection(connect, code);
    return connection == nullptr ? code : connection->dispatch();
}
