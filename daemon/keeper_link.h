// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/connection.h"
#include "daemon/deadlines.h"
#include "daemon/family.h"
#include "daemon/requests.h"
#include "rpc/protocol/keeper.h"

namespace opendext::daemon {

/// opendextd's end of the keeper socket. Every callback comes once, from the event loop.
class KeeperLink {
  public:
    struct Hooks {
        std::function<void(int32_t pid, int32_t wait_status)> exited;
        /// The sandbox refused a system call of a driver process.
        std::function<void(const protocol::keeper::Refused&)> refused;
        /// A driver process that has ended ran into these limits.
        std::function<void(const protocol::keeper::LimitsHit&)> limits_hit;
        std::function<void(const Error&)> gone;  ///< without the keeper opendextd ends
    };
    KeeperLink(EventLoop& loop, const Deadlines& deadlines, Socket socket, Hooks hooks);

    struct Spawned {
        int32_t pid = 0;
        std::string sandbox;
        Dictionary rights;
    };
    void spawn(protocol::keeper::Spawn request, std::vector<UniqueFd> control,
               std::function<void(Result<Spawned>)> done);
    /// The process may read the bundle's files from now on. Nobody waits for the answer: one that
    /// may not fails to load it.
    void furnish(int32_t pid, std::string bundle_id, std::string bundle_path);
    /// SIGKILL and so on; nobody waits for the answer, Exited tells.
    void signal(int32_t pid, int32_t number);
    void open(std::string resource, Dictionary arguments,
              std::function<void(Result<KeeperItem>)> done);
    void hold(std::string key, Dictionary notes, std::vector<UniqueFd> fds,
              std::function<void(Status)> done);
    void fetch(std::string key, std::function<void(Result<KeeperItem>)> done);
    void release(std::string key, std::function<void(Status)> done);
    void publish_node(std::string name, std::string target, std::string group, uint32_t mode,
                      std::function<void(Status)> done);
    void remove_node(std::string name, std::function<void(Status)> done);
    void ready();
    void shut_down();

    /// From now on `changed` hears of the numbers of messages that wait to be sent, and leave.
    void record_queue(uint64_t first, Connection::OnQueue changed) {
        connection_.number_queue(first, std::move(changed));
    }
    /// The message of that number, if it waits and a successor of opendextd is to send it instead:
    /// one that gives something up. What makes something is asked for again where it is missing.
    [[nodiscard]] const Message* unsent(uint64_t number) const;
    /// Sends what a predecessor had not sent.
    void send_again(Message message);

  private:
    template <typename T>
    void request(T content, std::vector<UniqueFd> fds, Deadline deadline, Requests::Done done);
    template <typename T>
    void simple_request(T content, std::vector<UniqueFd> fds, std::function<void(Status)> done);
    void received(Message message);

    const Deadlines& deadlines_;
    Hooks hooks_;
    Requests requests_;
    Connection connection_;
};

}  // namespace opendext::daemon
