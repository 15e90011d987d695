// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rpc/change_board.h"
#include "rpc/channel.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/user_client.h"
#include "rpc/realm.h"
#include "rpc/socket.h"

namespace opendext::fakes {

/// A scripted registry behind a realm's socket: what clients of opendextd are tested against.
/// Speaks the real protocol on a real socket in a temporary realm.
class FakeDaemon {
  public:
    FakeDaemon();
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    [[nodiscard]] const Realm& realm() const { return realm_; }

    struct Spec {
        std::string name;
        std::vector<std::string> classes;  ///< most derived first
        Dictionary properties = {};
        std::string location = {};
        uint32_t flags = 15;  ///< registered, matched, active, service
        uint32_t busy = 0;
        uint32_t retain_count = 5;
        int32_t server_pid = 0;
        std::string state = {};
    };
    /// Adds an entry below `parent` (0: Root) under a number of the test's choice and tells
    /// subscribers of type publish.
    void add(uint64_t id, uint64_t parent, Spec spec);
    /// Takes a leaf away; tells subscribers of type terminate and those interested in it.
    void remove(uint64_t id);
    void set_property(uint64_t id, const std::string& key, Value value);
    static constexpr uint64_t kRoot = 0x100000100;

    /// Stops listening and closes every connection, or starts again with the registry as it is now.
    void stop();
    void start();

    /// Replies of this kind are replaced by what the function makes of them.
    std::function<Message(Message)> tamper;
    /// Extensions that are listed.
    std::vector<protocol::client::ExtensionInfo> extensions;
    /// What a user client's channel does with a call; runs on the channel's own thread.
    using Driver = std::function<void(Channel&, Message)>;
    Driver driver;
    /// How Open ends where it is not success.
    protocol::client::DriverOutcome open_outcome;
    /// Ends every user client as a driver that dies does: without a word, then opendextd tells.
    void kill_drivers(const std::string& reason,
                      protocol::client::RefusedBy how = protocol::client::RefusedBy::driver_died);
    [[nodiscard]] std::vector<Message> received(protocol::client::Kind kind);
    [[nodiscard]] size_t open_connections();

  private:
    struct Node {
        Spec spec;
        uint64_t parent = 0;
        std::vector<uint64_t> children;
    };
    struct Client {
        Socket socket;
        std::vector<protocol::client::Subscribe> subscriptions;
        std::thread thread;
    };
    struct UserClient {
        std::unique_ptr<Channel> channel;
        std::thread thread;
        Client* owner = nullptr;
    };
    /// Requests about the registry that need more than one entry (fake_queries.cpp); false if it
    /// is none of them.
    bool answer_query(Client& client, const Message& request);
    [[nodiscard]] std::string path_of(uint64_t id, bool locations = true) const;
    void walk(uint64_t id, bool parents, uint16_t depth, protocol::client::Walked& walked) const;
    void listen();
    void serve(Client& client);
    void answer(Client& client, const Message& request);
    void send(Client& client, Message reply, uint64_t serial);
    [[nodiscard]] bool matches(const Node& node, uint64_t id, const Dictionary& matching) const;
    [[nodiscard]] std::vector<uint64_t> all_matching(const Dictionary& matching) const;
    [[nodiscard]] protocol::client::Entry entry(uint64_t id, bool with_properties) const;
    void open(Client& client, const Message& request);
    void end_user_client(uint64_t id, const std::string& reason);

    std::filesystem::path directory_;
    Realm realm_;
    std::unique_ptr<ChangeBoard> changes_;
    std::mutex mutex_;
    std::map<uint64_t, Node> nodes_;
    uint64_t generation_ = 1;
    uint64_t next_connection_ = 1;
    std::vector<std::unique_ptr<Client>> clients_;
    std::map<uint64_t, UserClient> user_clients_;
    std::vector<Message> log_;
    std::unique_ptr<Listener> listener_;
    std::atomic<bool> stopping_ = false;
    std::thread listen_thread_;
};

}  // namespace opendext::fakes
