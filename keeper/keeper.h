// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keeper/drivers.h"
#include "keeper/nodes.h"
#include "keeper/resources.h"
#include "rpc/realm.h"

namespace opendext::keeper {

struct Options {
    Realm realm;
    std::filesystem::path daemon;       ///< default: bin/opendextd of the installation
    std::string runtime;                ///< tests: another runtime library for driver processes
    std::vector<std::string> prepared;  ///< options of the prepared process, passed on
    std::chrono::milliseconds start{20000};  ///< from start to Ready
    std::chrono::milliseconds stop{10000};   ///< for opendextd, to end a realm in order
    std::chrono::milliseconds driver_exit{
        2000};                             ///< for drivers, after their control sockets closed
    std::chrono::milliseconds open{5000};  ///< for opening a resource
    /// Deaths of opendextd within a minute that are ridden out; with the next one the realm ends.
    size_t most_crashes = 5;
    std::chrono::milliseconds longest_pause{1600};  ///< before opendextd is started again
};

/// The keeper of a realm whose lock is held: starts opendextd and driver processes, serves
/// opendextd's requests, and ends the realm. States of opendextd:
///
///     starting -> (Ready) serving -> (dies) paused -> starting …
///     any -> (ShutDown, stop(), too many crashes) ending -> run() returns
class Keeper {
  public:
    /// `came_up` is called once: with success when opendextd is ready the first time, or with why
    /// that failed.
    Keeper(Options options, std::function<void(const Status&)> came_up);
    /// Returns the exit status. SIGINT, SIGTERM, SIGHUP and SIGCHLD must be blocked.
    int run();

  private:
    enum class State { starting, serving, paused, ending };
    struct Holding {
        Dictionary notes;
        std::vector<UniqueFd> fds;
    };

    Status start();
    Status start_daemon();
    void on_daemon_end(int wait_status);
    void when_drivers_are_gone(const std::function<void()>& then);
    void on_message();
    void handle(Message request);
    Result<Message> answer(Message& request);
    Result<Message> fetch(const std::string& key) const;
    std::function<void(Result<Message>)> later(uint64_t serial);
    std::function<void(Result<Message>)> spawned_later(uint64_t serial);
    void abandon(uint64_t serial);
    void reply(uint64_t serial, Result<Message> result);
    void send(Message message);
    void send_backlog();
    void start_programs();
    void stop_in_order();
    void end(const Status& why);
    void end_drivers();

    Options options_;
    std::function<void(const Status&)> came_up_;
    EventLoop loop_;
    Nodes nodes_;
    Resources resources_;
    Drivers drivers_;
    State state_ = State::starting;
    std::optional<Child> daemon_;
    uint64_t daemon_starts_ = 0;
    Socket link_;
    std::deque<Message> backlog_;  ///< for opendextd, in order
    Watch backlog_timer_;
    Watch messages_, daemon_end_, timer_, drivers_timer_;
    std::vector<Watch> signals_;
    std::vector<std::chrono::steady_clock::time_point> crashes_;
    std::map<std::string, Holding, std::less<>> holdings_;
    struct Program {
        Child child;
        Watch end;
    };
    std::map<pid_t, Program> programs_;  ///< started with the realm
    int exit_status_ = 0;
};

}  // namespace opendext::keeper
