// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "apps/serial-over-tcp/agent/control.h"
#include "apps/serial-over-tcp/agent/port.h"
#include "apps/serial-over-tcp/agent/saved_ports.h"
#include "rpc/fields.h"
#include "rpc/realm.h"
#include "rpc/socket.h"

namespace opendext::serial_tcp {

/// What the command line says to the agent of its realm, one request a connection.
enum class Kind : uint32_t { add = 1, remove = 2, answer = 3, stop = 4 };

struct AddRequest {
    static constexpr auto kKind = Kind::add;
    std::string name;
    std::string remote;   ///< Remote::text()
    std::string options;  ///< LinkOptions::text()
    void fields(auto& io) { io(name, remote, options); }
};
struct RemoveRequest {
    static constexpr auto kKind = Kind::remove;
    std::string name;
    void fields(auto& io) { io(name); }
};
struct StopRequest {
    static constexpr auto kKind = Kind::stop;
    void fields(auto&) {}
};
struct Answer {
    static constexpr auto kKind = Kind::answer;
    std::string error;   ///< empty: it is done
    std::string remote;  ///< of an added port, with the TCP port that was taken
    void fields(auto& io) { io(error, remote); }
};

[[nodiscard]] std::filesystem::path agent_socket(const Realm& realm);
/// Whether the realm has an agent.
[[nodiscard]] bool agent_runs(const Realm& realm);

/// The one process of a realm that holds the connections of its ports. It knows which ports there
/// should be, so that a control driver that was replaced gets them again: those that it was asked
/// for, those that the registry has (their nubs carry their settings), those that are saved. Ends
/// with the realm, or when it has had no port for a while.
class Agent {
  public:
    explicit Agent(Realm realm) : realm_(std::move(realm)), saved_(realm_) {}
    /// Serves until the end; the status is the process's. `ready` is called once requests are
    /// taken. Errc::exists if the realm has an agent already.
    Status run(const std::function<void()>& ready);

  private:
    void serve(const Socket& client);
    Answer add(const AddRequest& request);
    Answer remove(const std::string& name);
    Result<std::unique_ptr<Port>> make_port(const std::string& name, const Remote& remote,
                                            const LinkOptions& options, Backlog::Use use,
                                            bool must_listen);
    [[nodiscard]] std::filesystem::path backlog_file(const std::string& name) const;
    void restore_ports();
    void adopt_nubs();
    void restore_saved();
    void set_lines();

    Realm realm_;
    SavedPorts saved_;
    std::vector<SavedPort> waiting_;            ///< saved, and not yet ports
    std::map<std::string, std::string> lines_;  ///< of saved ports that are on their way
    UniqueFd lock_;
    std::unique_ptr<Control> control_;
    std::map<std::string, std::unique_ptr<Port>> ports_;
    bool stop_ = false;
};

}  // namespace opendext::serial_tcp
