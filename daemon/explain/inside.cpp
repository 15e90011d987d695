// SPDX-License-Identifier: Apache-2.0
// What waits inside drivers, as they said themselves, in words. They may lie; nothing follows from
// it.
#include <algorithm>
#include <utility>

#include "daemon/crashes/message_names.h"
#include "daemon/explain/activity.h"

namespace opendext::daemon {

namespace client = protocol::client;
namespace driver = protocol::driver;

namespace {

/// What is over after that is nothing that anybody waits for.
constexpr uint64_t kMomentMs = 50;

std::string in_quotes(const std::string& name) {
    return "\"" + name + "\"";
}

std::string counted(uint64_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string text_of_ms(uint64_t milliseconds) {
    if (milliseconds < 1000) return "for " + std::to_string(milliseconds) + " ms";
    return "for " + std::to_string(milliseconds / 1000) + "." +
           std::to_string(milliseconds / 100 % 10) + " s";
}

client::Wait wait_for_call(const driver::ClientCall& call) {
    client::Wait wait;
    wait.who = call.client;
    wait.what = "its call with selector " + std::to_string(call.selector) +
                (call.running ? ", which runs on queue " : ", which is in line for queue ") +
                in_quotes(call.queue) + ",";
    wait.entry = call.entry;
    wait.age_ms = call.age_ms;
    wait.queue = call.queue;
    wait.call = true;
    wait.selector = call.selector;
    return wait;
}

/// What runs on the queue is what the others wait for.
client::Wait wait_for_queue(const driver::QueueActivity& queue) {
    client::Wait wait;
    wait.who = "queue " + in_quotes(queue.name);
    wait.what = "the end of the work that it runs";
    if (queue.behind > 0) {
        wait.what += " (" + std::to_string(queue.behind) + " more in line, the first " +
                     text_of_ms(queue.behind_age_ms) + ")";
    }
    if (queue.cancelled) wait.what += ", its last one, since it is cancelled,";
    wait.queue = queue.name;
    wait.age_ms = std::max(queue.age_ms, queue.behind_age_ms);
    return wait;
}

client::Wait wait_for_other_queue(driver::QueueWait& waiting) {
    client::Wait wait;
    wait.who = "queue " + in_quotes(waiting.holds);
    wait.what = "its turn on queue " + in_quotes(waiting.waits_for);
    if (!waiting.circle.empty()) {
        wait.what += ", a deadlock (" + in_quotes(waiting.circle.back());
        for (const std::string& name : waiting.circle) wait.what += " -> " + in_quotes(name);
        wait.what += "),";
    }
    wait.queue = std::move(waiting.holds);
    wait.circle = std::move(waiting.circle);
    wait.age_ms = waiting.age_ms;
    return wait;
}

}  // namespace

void ActivityReader::add_inside(ActivityIs& answer, DriverAnswers inside) const {
    for (auto& [number, examined] : inside) {
        const ProcessPtr process = lifecycle_.processes().find(number);
        if (process == nullptr) continue;
        const std::string name =
            process->spec().server_name + "[" + std::to_string(process->pid()) + "]";
        const auto add = [&](client::Wait wait) {
            wait.on = name;
            wait.pid = process->pid();
            if (wait.entry == kNoEntry) wait.entry = process->spec().tag;
            answer.waits.push_back(std::move(wait));
        };
        if (!examined) {
            client::Wait wait;
            wait.who = "opendextd";
            wait.what = "word of what waits inside (the process is stopped, or gets no time)";
            wait.age_ms = kExaminePatience.count();
            add(std::move(wait));
            continue;
        }
        for (const driver::ClientCall& call : examined->calls) {
            if (call.age_ms >= kMomentMs) add(wait_for_call(call));
        }
        for (driver::QueueWait& waiting : examined->queue_waits) {
            if (waiting.age_ms >= kMomentMs) add(wait_for_other_queue(waiting));
        }
        for (const driver::QueueActivity& queue : examined->queues) {
            if (std::max(queue.age_ms, queue.behind_age_ms) >= kMomentMs)
                add(wait_for_queue(queue));
        }
        for (const driver::SystemWait& asked : examined->system_waits) {
            if (asked.age_ms < kMomentMs) continue;
            Recent::Traffic message;
            message.kind = asked.kind;
            message.object = asked.object;
            message.method = asked.method;
            client::Wait wait{name, message_text(message), "opendextd", asked.object,
                              0,    asked.age_ms,          false,       0,
                              false};
            // One on an object of another driver is passed on: that driver is who it waits for.
            const Instance* instance = lifecycle_.find(asked.object);
            if (instance != nullptr && instance->process && instance->process != process) {
                wait.on = instance->process->spec().server_name + "[" +
                          std::to_string(instance->process->pid()) + "]";
                wait.pid = instance->process->pid();
            }
            answer.waits.push_back(std::move(wait));
        }
        for (const driver::ClientLag& lag : examined->lags) {
            if (lag.age_ms < kMomentMs) continue;
            answer.waits.push_back({name,
                                    std::string("room for ") +
                                        (lag.replies ? "answers" : "completions") + " (" +
                                        counted(lag.unread, "byte") + " not taken, " +
                                        counted(lag.kept, "message") + " kept)",
                                    lag.client, lag.entry, 0, lag.age_ms, false, 0, false});
        }
    }
}

}  // namespace opendext::daemon
