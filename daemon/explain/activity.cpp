// SPDX-License-Identifier: Apache-2.0
#include "daemon/explain/activity.h"

#include <algorithm>
#include <utility>

namespace opendext::daemon {

namespace client = protocol::client;

namespace {

/// A message has room for so many of a kind.
constexpr size_t kMostOfAKind = 4096;

uint64_t milliseconds(std::chrono::nanoseconds duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return static_cast<uint64_t>(std::max<int64_t>(count, 0));
}

void limit(client::Wait& wait, const Countdown* countdown) {
    if (countdown == nullptr) return;
    wait.age_ms = milliseconds(countdown->age());
    wait.limited = true;
    wait.left_ms = milliseconds(countdown->left());
    wait.frozen = countdown->stands_still();
}

/// What a process has to do to leave its state.
std::string awaited_of(ProcessState state) {
    switch (state) {
        case ProcessState::spawning:
            return "the keeper's Spawned";
        case ProcessState::checking_in:
            return "CheckIn";
        case ProcessState::loading:
            return "Loaded";
        case ProcessState::exiting:
            return "its exit";
        case ProcessState::hung_up:
            return "its end, now that its control socket is closed";
        case ProcessState::dying:
            return "its end, as the keeper reports it";
        case ProcessState::bare:
        case ProcessState::ready:
        case ProcessState::gone:
            break;
    }
    return {};
}

}  // namespace

std::string ActivityReader::name_of(EntryId id) const {
    const Entry* entry = context_.registry.find(id);
    return entry == nullptr ? "" : entry->name;
}

void ActivityReader::add_drivers(ActivityIs& answer) const {
    for (const auto& [number, process] : lifecycle_.processes().all()) {
        client::DriverActivity driver;
        driver.pid = process->pid();
        driver.server_name = process->spec().server_name;
        driver.bundle_id = process->spec().bundle_id;
        driver.state = to_string(process->state());
        driver.sandbox = process->sandbox();
        driver.objects.assign(process->objects.begin(), process->objects.end());
        driver.pending = static_cast<uint32_t>(process->pending());
        driver.debugged = process->pid() > 0 && is_being_debugged(process->pid());
        const std::string on = driver.server_name + "[" + std::to_string(driver.pid) + "]";
        const EntryId entry = process->spec().tag;
        if (const std::string awaited = awaited_of(process->state()); !awaited.empty()) {
            client::Wait wait{"opendextd", awaited, on, entry, driver.pid, 0, false, 0, false};
            limit(wait, process->countdown());
            answer.waits.push_back(std::move(wait));
        }
        process->requests().visit([&](const std::string& what, const Countdown& countdown) {
            if (what == kExamineName) return;  // somebody else asks the same
            client::Wait wait{"opendextd", what, on, entry, driver.pid, 0, false, 0, false};
            limit(wait, &countdown);
            answer.waits.push_back(std::move(wait));
        });
        answer.drivers.push_back(std::move(driver));
    }
}

void ActivityReader::add_lifecycles(ActivityIs& answer) const {
    context_.registry.visit([&](const Entry& entry) {
        const Instance* instance = lifecycle_.find(entry.id);
        const int32_t pid = instance != nullptr && instance->process ? instance->process->pid() : 0;
        if (instance != nullptr && instance->countdown != nullptr) {
            const bool stopping = instance->state == InstanceState::stopping;
            client::Wait wait{
                "opendextd", stopping ? "Stop of its super class" : "its family's part of Start",
                entry.name,  entry.id,
                pid,         0,
                false,       0,
                false};
            limit(wait, instance->countdown.get());
            answer.waits.push_back(std::move(wait));
        }
        const TerminationState* state = lifecycle_.termination().state(entry.id);
        if (state != nullptr && *state == TerminationState::waiting_for_clients) {
            for (const EntryId id : entry.clients) {
                client::Wait wait{"the end of " + entry.name,
                                  "its client to end",
                                  name_of(id),
                                  id,
                                  0,
                                  milliseconds(entry.busy_time()),
                                  false,
                                  0,
                                  false};
                const Instance* above = lifecycle_.find(id);
                if (above != nullptr && above->process) wait.pid = above->process->pid();
                answer.waits.push_back(std::move(wait));
            }
        }
        return answer.waits.size() < kMostOfAKind;
    });
}

void ActivityReader::add_restarts(ActivityIs& answer) const {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto now_ns =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    for (const Supervised* one : matcher_.supervisor().all()) {
        if (one->standing != Standing::waiting) continue;
        const auto between = [](uint64_t from, uint64_t to) {
            return to > from ? (to - from) / 1'000'000 : 0;
        };
        answer.waits.push_back({one->personality->label(), "its restart after a crash",
                                name_of(one->nub), one->nub, 0, between(one->last_crash_ns, now_ns),
                                true, between(now_ns, one->next_restart_ns), false});
    }
}

void ActivityReader::add_clients(ActivityIs& answer,
                                 std::map<uint64_t, client::ClientActivity> clients) const {
    for (UserClientConnections::Known& known : connections_.known()) {
        const auto place = clients.find(known.client);
        if (place == clients.end()) continue;
        client::ClientActivity& client = place->second;
        if (known.connection.state != to_string(OpenState::connected)) {
            const Instance* instance = lifecycle_.find(known.connection.service);
            answer.waits.push_back(
                {client.program + "[" + std::to_string(client.pid) + "]",
                 "IOServiceOpen, type " + std::to_string(known.connection.type) + ": " +
                     known.connection.state,
                 name_of(known.connection.service), known.connection.service,
                 instance != nullptr && instance->process ? instance->process->pid() : 0,
                 known.connection.age_ms, false, 0, false});
        }
        client.connections.push_back(std::move(known.connection));
    }
    // Refusals stay known when the program has gone.
    std::map<std::pair<int32_t, std::string>, client::ClientActivity> gone;
    for (const UserClientConnections::Refusal& refusal : connections_.refusals()) {
        client::RefusedOpen open = refusal.open;
        open.age_ms = milliseconds(context_.clock.now() - refusal.when);
        const auto of_program = std::find_if(clients.begin(), clients.end(), [&](const auto& one) {
            return one.second.pid == refusal.identity.pid &&
                   one.second.program == refusal.identity.program;
        });
        if (of_program != clients.end()) {
            of_program->second.refused.push_back(std::move(open));
            continue;
        }
        client::ClientActivity& program = gone[{refusal.identity.pid, refusal.identity.program}];
        program.pid = refusal.identity.pid;
        program.uid = refusal.identity.uid;
        program.program = refusal.identity.program;
        program.entitlements = refusal.identity.entitlements;
        program.unseen = refusal.identity.unseen;
        program.refused.push_back(std::move(open));
    }
    for (auto& [number, one] : clients) answer.clients.push_back(std::move(one));
    for (auto& [key, one] : gone) answer.clients.push_back(std::move(one));
}

void ActivityReader::add_busy(ActivityIs& answer) const {
    const auto now = std::chrono::steady_clock::now();
    context_.registry.visit([&](const Entry& entry) {
        if (entry.busy > 0) {
            answer.busy.push_back({entry.id, entry.name, lifecycle_.state_text(entry), entry.busy,
                                   milliseconds(now - entry.busy_since)});
        }
        return answer.busy.size() < kMostOfAKind;
    });
}

client::ActivityIs ActivityReader::read(std::map<uint64_t, client::ClientActivity> clients,
                                        DriverAnswers inside) const {
    ActivityIs answer;
    add_drivers(answer);
    add_inside(answer, std::move(inside));
    add_lifecycles(answer);
    add_restarts(answer);
    add_clients(answer, std::move(clients));
    add_busy(answer);
    std::sort(answer.waits.begin(), answer.waits.end(),
              [](const client::Wait& a, const client::Wait& b) { return a.age_ms > b.age_ms; });
    return answer;
}

}  // namespace opendext::daemon
