// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "DriverKit/IOService.system.h"
#include "bundle/abi.h"
#include "bundle/plist.h"
#include "daemon/daemon.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/references.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/keeper.h"

/// A whole opendextd in the test's process, with a keeper, drivers and clients that the test plays.
/// All of them live on the daemon's own event loop: nothing happens except inside run_until(), so
/// every state between two events can be looked at.
namespace opendext::daemon::testing {

inline constexpr std::chrono::seconds kPatience{20};

class Testbed;

/// What the fake drivers do, by user class. Everything may be changed at any time.
struct Script {
    int32_t init_result = 0;
    int32_t start_result = 0;
    int32_t stop_result = 0;
    bool hold_start = false;  ///< Start is not answered until FakeDriver::finish_start
    bool hold_super_stop =
        false;  ///< Stop returns, super::Stop is not called until FakeDriver::super_stop
    bool hold_init = false;  ///< Instantiate is never answered
    bool die_in_start = false;
    bool die_in_new_user_client = false;
    bool hold_power = false;  ///< SetPowerState returns without super's
    int32_t power_result = 0;
    int32_t attach_result = 0;  ///< of AttachClient, by class of the user client
    bool hold_attach = false;   ///< AttachClient is never answered
    bool register_in_start = false;
    std::string
        user_client_key;  ///< NewUserClient Creates this property's class; empty: kIOReturnError
};

/// One driver process.
class FakeDriver {
  public:
    FakeDriver(Testbed& bed, protocol::keeper::Spawn spawn, int32_t pid, Socket socket);

    protocol::keeper::Spawn spawn;
    int32_t pid;
    /// What opendextd said, in order: "load", "instantiate Foo", "IOService::Start 0x…", "drop
    /// 0x…", "exit" …
    std::vector<std::string> trace;
    std::map<EntryId, std::string> objects;  ///< class by entry
    std::map<EntryId, std::vector<std::string>> bound;
    bool dead = false;

    void check_in(uint64_t token);
    void check_in() { check_in(spawn.token); }
    void finish_start(EntryId object, int32_t result);
    void super_stop(EntryId object);
    void acknowledge_power(EntryId object, uint32_t flags);
    /// Sends a request that is answered by a Reply or a Notification; its serial.
    template <typename T>
    uint64_t ask(T content, std::vector<UniqueFd> fds = {}) {
        const uint64_t serial = next_++;
        Message message = encode(std::move(content), serial);
        message.fds = std::move(fds);
        send(std::move(message));
        return serial;
    }
    std::map<uint64_t, protocol::driver::Reply> replies;
    std::map<uint64_t, protocol::driver::Notification> notifications;
    std::vector<uint64_t> ready_sources;
    /// Ends the process with a wait status (9 = killed).
    void die(int wait_status);
    /// Its end of the control socket is closed; it lives on.
    void hang_up() { connection_->close(); }
    void send(Message message);
    void log(const std::string& text);

    /// Calls a method; the answer lands in `answers` under the serial returned.
    uint64_t call(protocol::Invocation invocation, std::vector<UniqueFd> fds = {});
    /// Calls and runs the daemon until the answer is there.
    protocol::InvocationResult call_and_wait(protocol::Invocation invocation);
    std::map<uint64_t, protocol::InvocationResult> answers;
    std::vector<UniqueFd> answered_fds;  ///< of the last answer
    /// Calls of other methods that opendextd relays: answered with this code.
    int32_t relayed_result = 0;
    std::vector<protocol::Invocation> relayed;
    /// Sends any request; the answer lands in `others` under the serial returned.
    template <typename T>
    uint64_t send_request(T content) {
        const uint64_t serial = next_++;
        send(encode(std::move(content), serial));
        return serial;
    }
    std::map<uint64_t, Message> others;
    [[nodiscard]] bool said(const std::string& what) const;
    std::map<uint64_t, protocol::driver::Created> created;
    std::vector<uint64_t> attached_clients;
    std::vector<uint64_t> detached_clients;

  private:
    void received(Message message);
    void called(const Message& message);
    Testbed& bed_;
    uint64_t next_ = 1;
    std::map<EntryId, uint64_t> held_starts_;
    std::map<uint64_t, std::pair<uint64_t, EntryId>>
        creating_;  ///< Create serial -> NewUserClient serial, provider
    std::unique_ptr<Connection> connection_;
};

/// One client program.
class FakeClient {
  public:
    FakeClient(Testbed& bed, bool greet = true);
    template <typename T>
    uint64_t send(T content) {
        const uint64_t serial = next_++;
        connection_->send(encode(std::move(content), serial));
        return serial;
    }
    /// Sends and waits for the answer of kind Answer.
    template <typename Answer, typename T>
    Answer ask(T content);
    void send_raw(Message message) { connection_->send(std::move(message)); }
    void close() { connection_->close(); }

    bool closed = false;
    std::map<uint64_t, Message> answers;
    std::vector<protocol::client::Matched> matched;
    std::vector<protocol::client::Interest> interests;
    std::vector<protocol::client::ConnectionDied> died;
    std::vector<protocol::client::ExtensionProgress> extension_progress;

  private:
    Testbed& bed_;
    uint64_t next_ = 1;
    std::unique_ptr<Connection> connection_;
};

class Testbed {
  public:
    /// The daemon is not started yet: change `options` first, then start().
    Testbed();
    ~Testbed();
    void start();
    /// The daemon goes without a word, and another one takes over what it left with the keeper.
    /// `outlived` must have been set before start().
    void succeed();
    bool outlived = false;
    /// What the keeper holds besides the ledger.
    std::map<std::string, KeeperItem> held;

    bool run_until(const std::function<bool()>& done) { return loop->run_until(done, kPatience); }
    /// Runs until everybody waits for the test or for a deadline.
    void settle();
    /// Reads what the keeper was sent before the loop ended.
    void drain_keeper() { keeper_->drain(64); }

    /// Writes a bundle NAME.dext into the source folder and gives its path.
    std::filesystem::path write_bundle(const std::string& id, Dictionary personalities,
                                       const std::string& version = "1",
                                       Dictionary entitlements = {});
    /// A personality with the required keys; `more` wins.
    static Dictionary personality(const std::string& bundle, const std::string& user_class,
                                  const std::string& provider_class, Dictionary more = {});
    /// Installs and waits for the answer.
    Status install(const std::filesystem::path& bundle);

    /// Registered classes of every fake process: super class by name.
    std::map<std::string, std::string> classes;
    std::map<std::string, Script> scripts;
    bool auto_check_in = true;
    /// If set, it gets the control socket of every process in place of a FakeDriver.
    std::function<void(const protocol::keeper::Spawn&, Socket)> real_driver;
    bool refuse_spawn = false;
    bool refuse_bare = false;   ///< the same for processes without a bundle
    bool hold_spawned = false;  ///< the keeper tells of processes when tell_spawned() is called
    void tell_spawned();
    /// What the keeper opens; unset, or without a descriptor: it refuses.
    std::function<UniqueFd(const protocol::keeper::Open&)> open_resource;
    bool hold_fetched = false;  ///< the same for what it is asked for with Fetch
    void tell_fetched();
    bool hold_relayed = false;  ///< calls of other methods are never answered

    FakeDriver* driver_of(EntryId entry);
    /// Processes that are alive.
    std::vector<FakeDriver*> alive();
    EntryId find(const std::string& name) const;
    std::vector<EntryId> find_all(const std::string& name) const;
    [[nodiscard]] std::string log_text() const;
    [[nodiscard]] InstanceState state(EntryId id) { return daemon->lifecycle().find(id)->state; }

    std::filesystem::path folder;
    std::unique_ptr<EventLoop> loop;
    Daemon::Options options;
    std::unique_ptr<Daemon> daemon;
    std::list<FakeDriver> drivers;
    /// Kinds of keeper requests, in order.
    std::vector<protocol::keeper::Kind> keeper_requests;
    bool ready = false;
    bool shut_down = false;

  private:
    friend class FakeDriver;
    void start_daemon(std::optional<Inheritance> inheritance);
    void keeper_message(Message message);
    void report_exit(int32_t pid, int wait_status);
    int32_t next_pid_ = 50'000'000;  // above any pid of a kernel
    std::vector<Message> held_spawned_;
    std::vector<Message> held_fetched_;
    std::unique_ptr<Connection> keeper_;
    Socket daemon_end_;
    uint64_t starts_ = 1;
    UniqueFd ledger_;
    std::map<int32_t, UniqueFd> controls_;  ///< opendextd's ends of control sockets
};

template <typename Answer, typename T>
Answer FakeClient::ask(T content) {
    const uint64_t serial = send(std::move(content));
    EXPECT_TRUE(bed_.run_until([&] { return answers.contains(serial) || closed; })) << "no answer";
    if (!answers.contains(serial)) return {};
    Result<Answer> answer = decode<Answer>(answers.at(serial));
    EXPECT_TRUE(answer.ok()) << (answer.ok() ? "" : answer.error().text());
    return answer.ok() ? std::move(answer).value() : Answer{};
}

}  // namespace opendext::daemon::testing
