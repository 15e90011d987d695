// SPDX-License-Identifier: Apache-2.0
// How the connections of programs to drivers pass from one opendextd to the next.
#include <algorithm>
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/clients/connections.h"
#include "rpc/probe.h"

namespace opendext::daemon {

void UserClientConnections::describe_connections() {
    context_.recorder.describe(
        Record::connection, [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
            const auto place = connections_.find(number);
            if (place == connections_.end() || place->second.state != OpenState::connected)
                return {};
            const Connection& connection = place->second;
            const ClientIdentity& identity = connection.identity;
            return record_of(records::Connection{
                identity.pid, identity.uid, identity.start_time, identity.session, identity.program,
                connection.service, connection.user_client, connection.type});
        });
}

void UserClientConnections::restore(const Ledger& ledger) {
    std::set<EntryId> connected;
    ledger.visit(static_cast<uint32_t>(Record::connection),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<records::Connection> record = read_record<records::Connection>(bytes);
                     if (!record.ok()) return;
                     const Instance* instance = std::as_const(lifecycle_).find(record->user_client);
                     if (instance == nullptr || !instance->running()) return;
                     Connection connection;
                     connection.service = record->service;
                     connection.user_client = record->user_client;
                     connection.type = record->type;
                     connection.state = OpenState::connected;
                     connection.identity.pid = record->pid;
                     connection.identity.uid = record->uid;
                     connection.identity.start_time = record->start_time;
                     connection.identity.session = record->session;
                     connection.identity.program = std::move(record->program);
                     programs_.watch(connection.identity.pid, connection.identity.start_time);
                     connected.insert(connection.user_client);
                     connections_.emplace(key.first, std::move(connection));
                 });
    context_.registry.visit_class("IOUserUserClient", [&](const Entry& entry) {
        if (connected.contains(entry.id) || entry.activity != Activity::active) return true;
        // Where its driver is still at NewUserClient, it ends with the answer (unclaimed()).
        if (entry.property("IOUserClientCreator") == nullptr) return true;
        // The program that was opening it asks again.
        context_.loop.post([this, id = entry.id] { lifecycle_.terminate(id); });
        return true;
    });
}

std::vector<uint64_t> UserClientConnections::claim(uint64_t client, const ClientIdentity& identity,
                                                   const std::vector<uint64_t>& open) {
    std::vector<uint64_t> lost;
    const auto is_its = [&](const Connection& connection) {
        return connection.client == 0 && identity.session != 0 &&
               connection.identity.session == identity.session &&
               connection.identity.pid == identity.pid && connection.identity.uid == identity.uid;
    };
    for (const uint64_t number : open) {
        const auto place = connections_.find(number);
        if (place != connections_.end() && is_its(place->second)) {
            place->second.client = client;
        } else {
            lost.push_back(number);
        }
    }
    OPENDEXT_PROBE(daemon_claim);
    // Of these the program never heard: the answer to its Open was lost.
    std::vector<uint64_t> unheard;
    bool more = false;
    for (const auto& [number, connection] : connections_) {
        if (is_its(connection)) unheard.push_back(number);
        more = more || (connection.client == 0 && connection.identity.pid == identity.pid &&
                        connection.identity.session != identity.session);
    }
    for (const uint64_t number : unheard) end(number);
    if (!more) programs_.forget(identity.pid);
    return lost;
}

void UserClientConnections::program_ended(int32_t pid) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, connection] : connections_) {
        if (connection.client == 0 && connection.identity.pid == pid) numbers.push_back(number);
    }
    for (const uint64_t number : numbers) end(number);
}

}  // namespace opendext::daemon
