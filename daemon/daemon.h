// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "daemon/adoption/inheritance.h"
#include "daemon/adoption/recorder.h"
#include "daemon/clients/server.h"
#include "daemon/context.h"
#include "daemon/core/core_family.h"
#include "daemon/extensions/catalogue.h"
#include "daemon/families.h"
#include "daemon/heap_trim.h"
#include "daemon/host.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/matcher.h"
#include "daemon/lifecycle/power.h"
#include "daemon/supervision/supervisor.h"
#include "rpc/realm.h"

namespace opendext::daemon {

enum class DaemonState : uint8_t {
    starting,
    serving,
    ending,  ///< every object is being terminated
    over,
};
[[nodiscard]] std::string_view to_string(DaemonState state);

/// opendextd as one object: all parts, wired. Tests run it in-process with a fake keeper.
class Daemon {
  public:
    struct Options {
        Realm realm;
        Deadlines deadlines;
        RestartRules restart;
        PolicyMode policy = PolicyMode::dev;
        ClientServer::Limits client_limits;
        int32_t keeper_pid = 0;
        std::vector<RegisteredFamily> families = registered_families();
        /// Without it nothing is recorded for a successor.
        std::optional<Inheritance> inheritance;
        Clock* clock = nullptr;  ///< nullptr: the loop
    };
    Daemon(EventLoop& loop, Options options, Socket keeper);
    ~Daemon();

    /// Publishes the root, loads the extensions, serves the socket, says Ready. An error ends the
    /// realm.
    Status start();
    /// Terminates everything in order, then ShutDown and the end of the loop. `stopped` is called
    /// before the end.
    void stop(std::function<void()> stopped);

    [[nodiscard]] DaemonState state() const { return state_; }
    [[nodiscard]] Registry& registry() { return registry_; }
    [[nodiscard]] Lifecycle& lifecycle() { return lifecycle_; }
    [[nodiscard]] Matcher& matcher() { return matcher_; }
    [[nodiscard]] Supervisor& supervisor() { return supervisor_; }
    [[nodiscard]] Catalogue& catalogue() { return catalogue_; }
    [[nodiscard]] ClientServer& clients() { return clients_; }
    [[nodiscard]] PowerTree& power() { return power_; }
    [[nodiscard]] EntryId resources() const { return resources_; }
    [[nodiscard]] EntryId user_resources() const { return link_.user_resources; }

  private:
    EntryId publish(EntryId provider, const std::string& class_name, const std::string& name,
                    Dictionary properties);
    void provider_closed(const Entry& provider, EntryId client, bool forced);
    void publish_roots();
    // daemon/adoption/daemon_adoption.cpp
    [[nodiscard]] bool adopts() const;
    void begin_records();
    [[nodiscard]] Status restore();
    [[nodiscard]] bool find_roots();
    void restore_processes();
    void restore_instances();
    [[nodiscard]] PersonalityPtr find_personality(const records::Instance& record) const;
    void resume();
    void publish_resource(const std::string& name);
    void check_stopped();
    void finish();
    void keeper_gone(const Error& error);
    void refused_call(const protocol::keeper::Refused& refused);
    void limits_hit(const protocol::keeper::LimitsHit& hit);
    [[nodiscard]] bool processes_quiet() const;

    EventLoop& loop_;
    Options options_;
    Log log_;
    std::unique_ptr<ChangeBoard> changes_;  ///< outlives the registry, which counts on it
    Recorder recorder_;
    Registry registry_;
    HeapTrim heap_trim_;
    ClassTable classes_;
    KeeperLink keeper_;
    Crashes crashes_;
    Debugging debugging_;
    Context context_;
    Families families_;
    ProviderOpens opens_;
    Host::Link link_;
    std::vector<std::unique_ptr<Host>> hosts_;
    PersonalityIndex index_;
    Lifecycle lifecycle_;
    Supervisor supervisor_;
    Matcher matcher_;
    PowerTree power_;
    Catalogue catalogue_;
    ClientServer clients_;
    EntryId platform_ = kNoEntry;
    EntryId resources_ = kNoEntry;
    DaemonState state_ = DaemonState::starting;
    std::vector<std::function<void()>> when_stopped_;
    std::unique_ptr<Handle> stop_deadline_;
};

}  // namespace opendext::daemon
