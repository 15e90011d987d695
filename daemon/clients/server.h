// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "daemon/clients/connections.h"
#include "daemon/clients/extension_requests.h"
#include "daemon/clients/queries.h"
#include "daemon/clients/subscriptions.h"
#include "daemon/connection.h"
#include "daemon/context.h"
#include "daemon/entitlements/programs.h"
#include "daemon/explain/activity.h"
#include "daemon/explain/explainer.h"
#include "daemon/extensions/catalogue.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/matcher.h"
#include "daemon/lifecycle/power.h"
#include "rpc/protocol/client.h"
#include "rpc/realm.h"

namespace opendext::daemon {

/// Serves client programs over the realm's socket (rpc/protocol/client.h). Each client is bounded
/// in what it may keep open and in what may wait for it; one that sends nonsense is closed with a
/// line in the log.
class ClientServer {
  public:
    struct Limits {
        size_t clients = 1024;
        size_t subscriptions = 4096;  ///< of one client; some need two for each of 1024 ports
        size_t waits = 64;            ///< WaitQuiet and Open under way, of one client
        Connection::Limits queue{2048, size_t{16} * 1024 * 1024};
    };
    struct Hooks {
        std::function<void(std::function<void()> done)> stop_realm;
        /// Whether anything is being launched or ended that the registry's busy counts do not show.
        std::function<bool()> processes_quiet;
    };
    ClientServer(Context& context, Lifecycle& lifecycle, Matcher& matcher, Catalogue& catalogue,
                 PowerTree& power, std::string realm, int32_t keeper_pid, Limits limits,
                 Hooks hooks);
    ~ClientServer();

    /// Binds the realm's socket; removes what a daemon that died left there.
    Status listen(const std::filesystem::path& path, mode_t mode);
    /// Takes a connected client; for tests and accept().
    void add(Socket socket);
    /// Tells clients that watch the entry.
    void message_clients(EntryId id, uint32_t message, uint64_t argument);
    /// Answers WaitQuiet requests whose time has come.
    void check_quiet();
    [[nodiscard]] size_t count() const { return clients_.size(); }
    void stop_listening();
    /// User-client connections, for a successor of opendextd.
    [[nodiscard]] UserClientConnections& connections() { return connections_; }

  private:
    struct Client {
        uint64_t number = 0;
        ClientIdentity identity;
        bool greeted = false;
        size_t waits = 0;
        std::unique_ptr<Connection> connection;
    };
    struct QuietWait {
        uint64_t client = 0;
        uint64_t serial = 0;
        EntryId entry = kNoEntry;
        std::unique_ptr<Handle> timer;
    };

    void accept();
    void received(uint64_t number, Message message);
    void closed(uint64_t number, const Error& reason);
    void refuse(Client& client, const std::string& reason);
    /// False: the message was malformed or is none of a client's.
    bool handle(Client& client, Message& message);
    bool handle_registry(Client& client, const Message& message);
    bool handle_notifications(Client& client, const Message& message);
    bool handle_control(Client& client, const Message& message);
    bool handle_system(Client& client, const Message& message);
    bool handle_extensions(Client& client, const Message& message);
    void report(Client& client, const protocol::client::Report& request, uint64_t serial);
    void family_request(Client& client, protocol::client::FamilyRequest request,
                        std::vector<UniqueFd> fds, uint64_t serial);
    void get_activity(Client& client, uint64_t serial);
    [[nodiscard]] protocol::client::ActivityIs activity(DriverAnswers inside) const;
    void hello(Client& client, const protocol::client::Hello& hello, uint64_t serial);
    void subscribe(Client& client, protocol::client::Subscribe request, uint64_t serial);
    void set_properties(Client& client, protocol::client::SetProperties request, uint64_t serial);
    void wait_quiet(Client& client, const protocol::client::WaitQuiet& request, uint64_t serial);
    [[nodiscard]] bool quiet(EntryId entry) const;
    [[nodiscard]] bool may_administer(const Client& client) const;
    [[nodiscard]] Client* find(uint64_t number);

    template <typename T>
    void reply(uint64_t number, uint64_t serial, T content, std::vector<UniqueFd> fds = {}) {
        Message message = encode(std::move(content), serial);
        message.fds = std::move(fds);
        send(number, std::move(message));
    }
    void send(uint64_t number, Message message);
    void reply_status(uint64_t number, uint64_t serial, const Status& status);

    Context& context_;
    Lifecycle& lifecycle_;
    Matcher& matcher_;
    Catalogue& catalogue_;
    PowerTree& power_;
    std::string realm_;
    int32_t keeper_pid_;
    Limits limits_;
    Hooks hooks_;
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<IoHandle> accepting_;
    std::filesystem::path path_;
    uint64_t next_ = 1;
    std::map<uint64_t, Client> clients_;
    RegistryQueries queries_;
    Explainer explainer_;
    Subscriptions subscriptions_;
    ProgramEntitlements entitlements_;
    UserClientConnections connections_;
    ExtensionRequests extension_requests_;
    uint64_t next_wait_ = 1;
    std::map<uint64_t, QuietWait> waits_;
};

}  // namespace opendext::daemon
