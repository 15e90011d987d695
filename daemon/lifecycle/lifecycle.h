// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/context.h"
#include "daemon/families.h"
#include "daemon/lifecycle/actions.h"
#include "daemon/lifecycle/instance.h"
#include "daemon/lifecycle/interrupts.h"
#include "daemon/lifecycle/processes.h"
#include "daemon/lifecycle/state_items.h"
#include "daemon/lifecycle/watches.h"
#include "daemon/registry/termination.h"
#include "rpc/protocol/client.h"

namespace opendext::daemon {

namespace records {
struct Instance;
}

/// The life of every object that lives in a driver process, from the candidate to its end, and what
/// its process says meanwhile. One state machine per object (InstanceState); every wait has a
/// deadline. start.cpp: up to Start; stop.cpp: registration, Stop, death; calls.cpp: messages of
/// drivers.
class Lifecycle {
  public:
    struct Hooks {
        /// An instance left the registry. `instance.state` is detached; `end` and `start_finished`
        /// say how.
        std::function<void(const Instance&)> detached;
        /// No message of the process will come any more.
        std::function<void(const DriverProcess&)> process_gone;
    };
    Lifecycle(Context& context, Families& families, Hooks hooks);

    /// Attaches `candidate` to the nub and starts it. `outcome` comes once, later: success when
    /// Start has succeeded and everything that it deferred is done, else why not; Errc::peer_gone
    /// if the process died.
    void start(const Candidate& candidate, EntryId nub, std::function<void(Status)> outcome);
    void register_service(EntryId id);
    void terminate(EntryId id) { termination_.terminate(id); }
    /// The object's driver itself ends it (Terminate): the nub is then another's.
    void terminate_by_driver(EntryId id);

    using CallDone = std::function<void(Result<CallAnswer>)>;
    /// Calls a method in the process that owns `invocation.object`. `done` may be empty (one-way).
    void call(protocol::Invocation invocation, std::vector<UniqueFd> fds,
              std::chrono::milliseconds deadline, std::string what, CallDone done);

    /// A client program sets properties: the driver's SetProperties decides. Without an override it
    /// is unsupported.
    void set_properties_from_outside(EntryId id, Dictionary properties,
                                     std::function<void(protocol::client::DriverOutcome)> done);

    /// Has a driver configure or update its reports, for a client program.
    using ReportDone = std::function<void(Result<protocol::client::Reported>)>;
    void report(const protocol::client::Report& request, ReportDone done);

    // For a successor of opendextd (daemon/adoption/lifecycle_adoption.cpp).

    /// Puts an object of a predecessor back, whose process has been adopted if it could be.
    /// `outcome` as in start(), if that is still to come.
    void restore(EntryId id, records::Instance record, PersonalityPtr personality,
                 std::function<void(Status)> outcome);
    /// Puts back what drivers hold of each other and watch; after the processes.
    void restore_tables(const Ledger& ledger, uint64_t first_number);
    /// Puts back the panic logs of the processes that are there, of which the keeper holds the
    /// memory.
    void restore_panic_logs(const Ledger& ledger, std::map<std::string, KeeperItem>& held);
    /// Puts back which interrupts drivers have; after the families have adopted their objects.
    void restore_interrupts(const Ledger& ledger, uint64_t first_handle,
                            std::map<std::string, KeeperItem>& held) {
        interrupts_.restore(ledger, first_handle, held);
    }
    /// Goes on with the object where the predecessor was.
    void resume(EntryId id);
    /// Goes on with what was being terminated.
    void resume_terminations();

    /// While the system sleeps calls of drivers wait, but for what tells them of that, and Stop.
    void set_asleep(bool asleep);

    /// Where the entries of driver processes (IOUserServer) are published.
    void publish_servers_below(EntryId parent) { servers_ = parent; }
    [[nodiscard]] StateItems& state_items() { return items_; }
    [[nodiscard]] PolicyGuard& guard() { return guard_; }

    [[nodiscard]] Instance* find(EntryId id);
    [[nodiscard]] const Instance* find(EntryId id) const;
    [[nodiscard]] Processes& processes() { return processes_; }
    [[nodiscard]] const Processes& processes() const { return processes_; }
    [[nodiscard]] const Termination& termination() const { return termination_; }
    [[nodiscard]] const Families& families() const { return families_; }
    /// For readers: the state of an entry in words.
    [[nodiscard]] std::string state_text(const Entry& entry) const;
    /// Whether the process of its driver died, or of one that it stands on.
    [[nodiscard]] bool died(const Entry& entry) const;
    /// Entries whose driver is of this bundle and not created by another object.
    [[nodiscard]] std::vector<EntryId> instances_of(const std::string& bundle_id) const;
    /// The owner says that its object has stopped (super::Stop).
    void super_stopped(EntryId id);

  private:
    void describe_instances();
    void describe_panic_logs();
    [[nodiscard]] static records::Instance record(const Instance& instance);

    // start.cpp
    void process_ready(EntryId id, const Status& status);
    /// Whether the call of Start went with Instantiate.
    enum class StartSent : uint8_t { yes, no, unknown };
    void instantiated(EntryId id, const Result<Message>& message, StartSent start);
    [[nodiscard]] static protocol::Invocation start_call(const Instance& instance);
    void call_start(Instance& instance, StartSent sent);
    void start_returned(EntryId id, Result<CallAnswer> answer);
    void begin_family_start(Instance& instance);
    void families_started(EntryId id, const Status& status);
    void fail(Instance& instance, Error error);
    [[nodiscard]] std::optional<Error> check_entitlements(const Personality& personality,
                                                          const Entry& object);

    // stop.cpp
    void stop(EntryId id, bool provider_active);
    void send_stop(Instance& instance, bool provider_active);
    void await_stop(Instance& instance, bool provider_active);
    void stop_returned(EntryId id, const Result<CallAnswer>& answer);
    void stop_overdue(EntryId id, bool provider_active, const std::string& what);
    void finish_stop(Instance& instance);
    void detached(EntryId id);
    void process_gone(DriverProcess& process, const ExitReport& report);
    /// Writes the report; its id.
    std::string report_crash(const DriverProcess& process, const ExitReport& end);
    void object_lost_process(Instance& instance, const DriverProcess& process,
                             const ExitReport& report);
    void carry_out_registration(Instance& instance);

    // servers.cpp
    void server_ready(DriverProcess& process);
    void publish_objects(const DriverProcess& process);
    void keep_panic_log(DriverProcess& process, Message message);
    void record_panic_log(const DriverProcess& process, const PanicLog& log);
    void forget_panic_logs(const DriverProcess& process);

    // calls.cpp
    bool watch_message(DriverProcess& process, const Message& message);
    void call_now(protocol::Invocation invocation, std::vector<UniqueFd> fds,
                  std::chrono::milliseconds deadline, std::string what, CallDone done);
    /// What takes the reply to a call and gives the checked answer to `done`.
    [[nodiscard]] Requests::Done answer_of(DriverProcess& answerer, CallDone done);
    void message(DriverProcess& process, Message message);
    void driver_call(DriverProcess& process, Message message);
    /// The process that a call goes to: of the object, or of the action in the first reference. May
    /// be null.
    [[nodiscard]] ProcessPtr process_of(const protocol::Invocation& invocation) const;
    void relay(DriverProcess& from, protocol::Invocation invocation, std::vector<UniqueFd> fds,
               Responder respond);
    void create(DriverProcess& process, const Message& message);
    Result<protocol::driver::Created> create_object(DriverProcess& process,
                                                    const protocol::driver::Create& request);
    void drop(DriverProcess& process, const Message& message);
    void interrupt_message(DriverProcess& process, const Message& message);
    void unclaimed(const DriverProcess& process, const Message& message);
    void log_line(DriverProcess& process, const Message& message);
    void nonsense(DriverProcess& process, std::string_view what);
    [[nodiscard]] Responder responder(DriverProcess& process, uint64_t serial, bool one_way);

    void log(const Instance& instance, LogLevel level, const std::string& text);

    Context& context_;
    Families& families_;
    Hooks hooks_;
    std::map<EntryId, std::unique_ptr<Instance>> instances_;
    std::set<std::string> said_;  ///< what dev mode logs once
    Termination termination_;
    Processes processes_;
    ActionTable actions_;
    Interrupts interrupts_;
    PolicyGuard guard_;
    StateItems items_;
    DriverWatches watches_;
    EntryId servers_ = kNoEntry;
    bool asleep_ = false;
    std::deque<std::function<void()>> held_;  ///< calls that wait until the system is awake
};

}  // namespace opendext::daemon
