// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/adoption/program_watch.h"
#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/explain.h"

namespace opendext::daemon {

/// Who a client program is, as the kernel and itself say.
struct ClientIdentity {
    int32_t pid = 0;
    uint32_t uid = 0;
    std::string program;      ///< as it calls itself
    Dictionary entitlements;  ///< by the realm's lists (daemon/entitlements/programs.h)
    std::string unseen;       ///< why it may have fewer than it should; for who is refused
    uint64_t session = 0;     ///< as Hello says; 0: its connections end with its link
    uint64_t start_time = 0;  ///< process_start_time()
};

/// How far an IOServiceOpen is.
enum class OpenState : uint8_t {
    waiting_for_closes,  ///< user clients of the service that were closed before are to stop first
    asking_driver,       ///< NewUserClient runs
    attaching,           ///< the driver process takes its end of the channel
    connected,
};
[[nodiscard]] std::string_view to_string(OpenState state);

/// The connections between client programs and user clients: opening, closing, and telling each
/// side when the other is gone.
class UserClientConnections {
  public:
    /// The answer; with success the channel memory and the side socket.
    using Done = std::function<void(protocol::client::Opened, std::vector<UniqueFd>)>;
    /// A connection that the client still holds has lost its driver.
    using Died = std::function<void(uint64_t client, protocol::client::ConnectionDied)>;
    UserClientConnections(Context& context, Lifecycle& lifecycle, Died died);

    /// `done` comes once, later. If the client was dropped meanwhile the user client is ended
    /// again.
    void open(uint64_t client, ClientIdentity identity, EntryId entry, uint32_t type, Done done);
    /// Errc::not_found if it is not this client's.
    Status close(uint64_t client, uint64_t connection);
    void client_gone(uint64_t client);
    [[nodiscard]] size_t count() const { return connections_.size(); }

    // For who asks who has what open, and who was refused.

    struct Known {
        uint64_t client = 0;
        protocol::client::ConnectionActivity connection;
        const ClientIdentity* identity = nullptr;
    };
    [[nodiscard]] std::vector<Known> known() const;
    struct Refusal {
        ClientIdentity identity;
        protocol::client::RefusedOpen open;
        Clock::Time when{};
    };
    /// The last ones, newest last.
    [[nodiscard]] const std::deque<Refusal>& refusals() const { return refusals_kept_; }
    static constexpr size_t kRefusalsKept = 64;

    // For a successor of opendextd.

    /// The numbers of this opendextd begin here; below are those of its predecessors.
    void start_numbers(uint64_t first) { next_ = first; }
    /// Puts the connections of a predecessor back. Until their programs claim them, only the end
    /// of the programs ends them. User clients without one are ended: they were being opened.
    void restore(const Ledger& ledger);
    /// The program has a new link and says what it has open: that becomes `client`'s, and what else
    /// it had open ends. Gives those of `open` that there are not.
    [[nodiscard]] std::vector<uint64_t> claim(uint64_t client, const ClientIdentity& identity,
                                              const std::vector<uint64_t>& open);

  private:
    struct Connection {
        uint64_t client = 0;
        EntryId service = kNoEntry;  ///< what is opened
        EntryId user_client = kNoEntry;
        uint32_t type = 0;
        OpenState state = OpenState::waiting_for_closes;
        std::set<EntryId> closing;  ///< what it waits for
        std::unique_ptr<Handle> timer;
        ClientIdentity identity;
        Clock::Time asked{};
        Done done;
    };
    [[nodiscard]] std::string nearest_to_open(const Entry& entry) const;
    [[nodiscard]] Status check_target(EntryId entry) const;
    /// User clients of the service that are on their way out.
    [[nodiscard]] std::set<EntryId> closing(EntryId service) const;
    void user_client_gone(EntryId id);
    void ask_driver(uint64_t number);
    void user_client_made(uint64_t number, EntryId provider, Result<CallAnswer> answer);
    [[nodiscard]] Result<EntryId> check_user_client(EntryId provider,
                                                    const CallAnswer& answer) const;
    [[nodiscard]] Status check_access(const ClientIdentity& identity, EntryId user_client);
    void refuse(const ClientIdentity& identity, EntryId entry, uint32_t type, const Done& done,
                protocol::client::DriverOutcome outcome);
    void attach(uint64_t number);
    void attached(uint64_t number, std::vector<UniqueFd>& fds, const Result<Message>& reply);
    void connect(uint64_t number, std::vector<UniqueFd>& fds);
    void fail(uint64_t number, const Error& error);
    void fail(uint64_t number, protocol::client::DriverOutcome outcome);
    void user_client_inactive(const Entry& entry);
    void describe_connections();
    void end(uint64_t number);
    std::map<uint64_t, Connection>::iterator forget(
        std::map<uint64_t, Connection>::iterator connection);
    void program_ended(int32_t pid);

    Context& context_;
    Lifecycle& lifecycle_;
    Died died_;
    LogBudget refusals_{100, 10};  ///< a program that tries on and on must not fill the log
    std::deque<Refusal> refusals_kept_;
    uint64_t next_ = 1;
    std::map<uint64_t, Connection> connections_;
    std::set<uint64_t> waiting_;  ///< connections in OpenState::waiting_for_closes
    ProgramWatch programs_;       ///< with connections that nobody has claimed
};

}  // namespace opendext::daemon
