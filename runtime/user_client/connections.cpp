// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/connections.h"

#include <utility>
#include <vector>

#include "rpc/probe.h"
#include "rpc/protocol/user_client.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/user_client/connection.h"
#include "runtime/user_client/user_client_ivars.h"

namespace opendext::runtime {

Connections::Connections() = default;
Connections::~Connections() {
    close_all("the driver process ends");
}

Status Connections::attach(IOUserClient* client, const protocol::driver::AttachClient& request,
                           UniqueFd memory, Socket side_socket) {
    OPENDEXT_PROBE(driver_attach);
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
    OPENDEXT_PROBE(driver_attached);
    return success();
}

void Connections::close(uint64_t number, const std::string& reason) {
    OPENDEXT_PROBE(driver_detach);
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

void Connections::close_of(const OSObject* client) {
    std::vector<std::shared_ptr<ClientConnection>> closed;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(connections_, [&](const auto& each) {
            if (!each.second->is_of(client)) return false;
            closed.push_back(each.second);
            return true;
        });
    }
    for (const auto& connection : closed)
        connection->close(std::string(protocol::user_client::kUserClientEnded));
}

void Connections::set_asleep(bool asleep) {
    const std::lock_guard lock(mutex_);
    asleep_ = asleep;
    for (const auto& [number, connection] : connections_) connection->set_asleep(asleep);
}

void Connections::examine(protocol::driver::Examined& to) {
    std::vector<std::shared_ptr<ClientConnection>> all;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [number, connection] : connections_) all.push_back(connection);
    }
    for (const auto& connection : all) connection->examine(to);
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
