// SPDX-License-Identifier: Apache-2.0
// What waits in the driver process, for opendextd: read from what queues, connections and requests
// keep anyway.
#include "rpc/protocol/examine.h"

#include <algorithm>
#include <utility>

#include "rpc/age.h"
#include "rpc/codec.h"
#include "runtime/dispatch/executor.h"
#include "runtime/process/process.h"
#include "runtime/user_client/connections.h"

namespace opendext::runtime {
namespace driver = protocol::driver;

namespace {

void add_queues(driver::Examined& to) {
    for (Executor::Activity& queue : Executor::all_activity(to.kMost)) {
        for (Executor::Activity::Call& call : queue.calls) {
            if (to.calls.size() >= to.kMost) break;
            to.calls.push_back({std::move(call.call.client), call.call.entry, call.call.selector,
                                queue.name, false, call.age_ms});
        }
        if ((!queue.taken && queue.behind == 0) || to.queues.size() >= to.kMost) continue;
        to.queues.push_back({std::move(queue.name), queue.age_ms,
                             static_cast<uint32_t>(queue.behind), queue.behind_age_ms,
                             queue.cancelled});
    }
    for (Executor::Wait& wait : Executor::all_waits()) {
        if (to.queue_waits.size() >= to.kMost) break;
        to.queue_waits.push_back({std::move(wait.holds), std::move(wait.waits_for), wait.age_ms,
                                  std::move(wait.circle)});
    }
}

driver::SystemWait system_wait(const Message& request, uint64_t age) {
    driver::SystemWait wait;
    wait.kind = request.kind;
    wait.age_ms = age;
    if (request.kind == static_cast<uint32_t>(driver::Kind::call)) {
        Reader reader(request.body);  // an Invocation begins with these
        wait.object = reader.get<uint64_t>();
        wait.method = reader.get<uint64_t>();
    }
    return wait;
}

}  // namespace

void Process::examine(uint64_t serial) {
    driver::Examined answer;
    connections_->examine(answer);
    add_queues(answer);
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [number, pending] : pending_) {
            if (answer.system_waits.size() >= driver::Examined::kMost) break;
            if (!pending->done)
                answer.system_waits.push_back(
                    system_wait(*pending->request, age_ms(pending->since)));
        }
    }
    post(encode(std::move(answer), serial));
}

}  // namespace opendext::runtime
