// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "keeper/child.h"
#include "keeper/event.h"
#include "keeper/gate.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

namespace opendext::keeper {

/// The prepared process and the driver processes forked from it: all of them children of the
/// keeper.
class Drivers {
  public:
    struct Options {
        std::filesystem::path realm;
        std::string runtime;                ///< tests: another runtime library
        std::string settings;               ///< the realm's file
        std::vector<std::string> prepared;  ///< options of the prepared process, passed on
    };
    using Done = std::function<void(Result<Message>)>;
    /// `event` gets Exited and Refused.
    Drivers(EventLoop& loop, Options options, std::function<void(Message)> event);

    /// Starts the prepared process; it is started again whenever it dies.
    Status start();
    /// Calls `done` once, later, with a Spawned message or the reason why not.
    /// `control`: the process's end of its control socket, and perhaps the other end, to be kept.
    void spawn(protocol::keeper::Spawn request, std::vector<UniqueFd> control, Done done);
    Status signal(const protocol::keeper::Signal& request);
    Status furnish(protocol::keeper::Furnish request);
    void kill_all();
    /// The kept end of the control socket of a living process.
    [[nodiscard]] Result<UniqueFd> control(pid_t pid) const;
    /// The kept ends go: processes whose opendextd is gone see the end of their control sockets.
    void close_controls();
    /// The processes that live and those that ended lately.
    [[nodiscard]] protocol::keeper::Inherited state() const;
    /// Calls `then` once, when no driver process is left; at once if there is none.
    void when_empty(std::function<void()> then);
    /// No driver is forked from now on; the prepared process and all drivers end. `done` is called
    /// when the last child is reaped.
    void shut_down(std::function<void()> done);

  private:
    struct Driver {
        Child child;
        bool end_told = false;  ///< opendextd knows how it ends
        std::string bundle_id, bundle_path, control_group;
        uint64_t shared_init = 0;  ///< in inits_: of the namespace around its own
        UniqueFd control;          ///< opendextd's end of the control socket, for a successor
        Socket report;
        std::unique_ptr<Gate> gate;
        Watch end, reports, tidied;
    };
    struct Request {
        Message message;  ///< Spawn as it goes to the prepared process; descriptors gone once sent
        Socket report;
        UniqueFd control;
        std::string bundle_id, bundle_path, control_group;
        bool sent = false;
        Done done;
    };
    void send_waiting();
    bool on_answer();
    void answered(Message& message);
    void adopt(Request request, uint64_t serial, Child child);
    void adopt_init(uint64_t serial, UniqueFd pidfd);
    void tell_end(Driver& driver, int wait_status);
    void on_last_thread_gone(pid_t pid);
    void end_init(uint64_t serial);
    void end_unused_init(uint64_t serial);
    void on_report(pid_t pid);
    void on_prepared_end(pid_t pid, int wait_status);
    void add_prepared(Child child);
    void restart_after(std::chrono::seconds pause);
    void check_over();

    EventLoop& loop_;
    Options options_;
    std::function<void(Message)> event_;
    struct Process {
        Child child;
        Watch end;
    };
    /// By process id: mostly one, two while a successor gets ready.
    std::map<pid_t, Process> prepared_;
    Socket link_;
    Watch answers_, restart_;
    std::chrono::steady_clock::time_point started_;
    std::map<uint64_t, Request> requests_;  ///< by serial on the link
    uint64_t next_serial_ = 1;
    std::map<pid_t, Driver> drivers_;
    /// Of process id namespaces: of a driver by the serial of its Spawn, or of a line of prepared
    /// processes.
    std::map<uint64_t, Process> inits_;
    uint64_t shared_init_ = 0;  ///< in inits_: of the namespace that the prepared process is in
    std::deque<protocol::keeper::Exited> ended_;
    bool shutting_down_ = false;
    std::function<void()> empty_, over_;
};

}  // namespace opendext::keeper
