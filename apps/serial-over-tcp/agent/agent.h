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
#include "rpc/fields.h"
#include "rpc/realm.h"
#include "rpc/socket.h"

namespace opendext::serial_tcp {

/// What the command line says to the agent of its realm, one request a connection.
enum class Kind : uint32_t { add = 1, remove = 2, answer = 3, stop = 4 };

struct AddRequest {
    static constexpr auto kKind = Kind::add;
    std::string name;
    std::string remote;  ///< Remote::text()
    void fields(auto& io) { io(name, remote); }
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

/// The one process of a realm that holds the TCP connections of its ports. It knows which ports
/// there should be, so that a control driver that was replaced gets them again. Ends with the
/// realm, or when it has had no port for a while.
class Agent {
  public:
    explicit Agent(Realm realm) : realm_(std::move(realm)) {}
    /// Serves until the end; the status is the process's. `ready` is called once requests are
    /// taken. Errc::exists if the realm has an agent already.
    Status run(const std::function<void()>& ready);

  private:
    void serve(const Socket& client);
    Answer add(const AddRequest& request);
    Answer remove(const std::string& name);
    void restore_ports();

    Realm realm_;
    UniqueFd lock_;
    std::unique_ptr<Control> control_;
    std::map<std::string, std::unique_ptr<Port>> ports_;
    bool stop_ = false;
};

}  // namespace opendext::serial_tcp
