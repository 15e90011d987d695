// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bundle/elf_object.h"
#include "daemon/adoption/known_entries.h"
#include "daemon/connection.h"
#include "daemon/crashes/recent.h"
#include "daemon/keeper_link.h"
#include "daemon/log/log.h"
#include "daemon/registry/entry.h"
#include "daemon/requests.h"
#include "rpc/protocol/driver.h"

namespace opendext::daemon {

enum class ProcessState : uint8_t {
    spawning,     ///< the keeper forks it
    checking_in,  ///< it runs and has not shown its token
    bare,         ///< it is closed in and has no bundle to load yet (spares.h)
    loading,      ///< it loads the bundle's executable
    ready,        ///< it hosts objects
    exiting,      ///< it was told to end
    hung_up,      ///< its end of the control socket is closed; it may be about to end by itself
    dying,        ///< it was killed; its end has not been reported
    gone,
};
[[nodiscard]] std::string_view to_string(ProcessState state);

/// How a process ended.
struct ExitReport {
    std::optional<int> wait_status;  ///< absent if the keeper never reported it
    std::string killed_for;          ///< why opendextd killed it, empty if it did not
    std::string executable;          ///< how its executable was changed while it ran, if it was
    bool expected = false;           ///< it had been told to exit
    /// Nobody has to be told: it ended as it should, or was not needed any more before it was up.
    [[nodiscard]] bool clean() const {
        return expected && (wait_status == 0 || !killed_for.empty());
    }
    /// It chose to go: exit(0), which nobody had asked for.
    [[nodiscard]] bool left() const { return wait_status == 0 && killed_for.empty() && !expected; }
    /// "signal 11 (Segmentation fault)", "exit status 1", …
    [[nodiscard]] std::string text() const;
    void fields(auto& io) {
        bool reported = wait_status.has_value();
        io(reported, killed_for, executable, expected);
        if (reported && !wait_status) wait_status = 0;
        if (reported) io(*wait_status);
    }
};

/// What a process is started for.
struct LaunchSpec {
    std::string server_name;
    std::string bundle_id;
    std::string bundle_path;
    std::string version;     ///< of the bundle
    std::string executable;  ///< empty: the process is for a bundle that is not known yet
    uint64_t copy = 0;       ///< installed copy of the bundle
    EntryId tag = kNoEntry;
    Dictionary entitlements;
    bundle::FileStamp stamp;  ///< of the executable when it was checked last
    /// That the executable names. Not recorded: they are for the launch.
    std::vector<std::string> libraries;
    void fields(auto& io) {
        io(server_name, bundle_id, bundle_path, version, executable, copy, tag, entitlements,
           stamp);
    }
};

/// Memory of the driver whose bytes go into a crash report (IOExtensiblePaniclog).
struct PanicLog {
    uint64_t number = 0;  ///< among those of its process
    std::vector<uint8_t> uuid;
    std::string data_id;
    uint64_t length = 0;
    UniqueFd memory;
};

/// Names a message of a driver process, which never uses a serial twice. Those without a serial are
/// all alike.
struct MessageName {
    uint32_t kind = 0;
    uint64_t serial = 0;
    void fields(auto& io) { io(kind, serial); }
    bool operator==(const MessageName&) const = default;
};

/// What a predecessor of opendextd left of its link to a process.
struct LinkLeft {
    Socket control;               ///< opendextd's end; not valid: the process has ended meanwhile
    MessageName handled;          ///< what was seen to last; it may be in the socket yet
    std::vector<Message> unsent;  ///< oldest first; the process may have got the first of them
};

namespace records {
struct Process;
struct Classes;
}  // namespace records

/// One driver process and the control socket to it. States: docs/design/protocols.md. Trusts
/// nothing it says.
class DriverProcess : public std::enable_shared_from_this<DriverProcess> {
  public:
    struct Hooks {
        /// A message that is no reply: Call, Create, Drop, Log.
        std::function<void(DriverProcess&, Message)> message;
        /// Before Load: a text refuses the process (entitlements); it is then killed.
        std::function<std::optional<std::string>(DriverProcess&)> check_in;
        /// Before Load: whether the process is to wait for its debugger; `go` then comes later. May
        /// be empty.
        std::function<bool(DriverProcess&, std::function<void()> go)> hold;
        /// The executable is loaded; before anybody who waited is told.
        std::function<void(DriverProcess&)> ready;
        /// Once, when the process is over; requests have been failed already.
        std::function<void(DriverProcess&, const ExitReport&)> gone;
        std::function<void(LogLevel, const std::string&)> log;
        /// The process hangs and is going to be killed: whatever is to be found out about it, then
        /// `done`. May be empty.
        std::function<void(DriverProcess&, std::function<void()> done)> autopsy;
        /// What a successor of opendextd has to know of it changed. May be empty, as the next two.
        std::function<void(const DriverProcess&)> changed;
        std::function<void(uint64_t number)> unsent_changed;
        std::function<void()> handled_changed;
    };
    DriverProcess(uint64_t number, EventLoop& loop, Clock& clock, KeeperLink& keeper,
                  const Deadlines& deadlines, LaunchSpec spec, Hooks hooks);

    /// Begins. The outcome comes through when_ready.
    void launch();
    /// A spare process (spares.h) is for this object from now on; its life is counted from here.
    void assign(EntryId tag);
    /// It is for no bundle yet: until furnish().
    [[nodiscard]] bool is_bare() const { return spec_.executable.empty(); }
    /// The same for a bare one, which loads the bundle of `spec` now.
    void furnish(LaunchSpec spec);
    /// Goes on with a process of a predecessor, which was ready or exiting
    /// (daemon/adoption/process_adoption.cpp).
    void adopt(records::Process record, records::Classes classes, LinkLeft link);
    /// Serials and numbers of messages begin here; below are those of predecessors.
    void start_serials(uint64_t first) {
        first_ = first;
        requests_.start_at(first);
    }
    [[nodiscard]] records::Process record() const;
    [[nodiscard]] records::Classes record_classes() const;
    /// The message of that number which waits to be sent, else nullptr.
    [[nodiscard]] const Message* unsent(uint64_t number) const {
        return connection_ ? connection_->waiting(number) : nullptr;
    }
    [[nodiscard]] bool has_unsent() const { return connection_ && connection_->queued() > 0; }
    [[nodiscard]] const MessageName& handled() const { return handled_; }
    /// Calls back once: when the executable is loaded, or with why it never will be.
    void when_ready(std::function<void(Status)> done);
    /// The keeper reaped it; without a status nobody knows how it ended.
    void exited(std::optional<int> wait_status);
    [[nodiscard]] bool connected() const { return connection_ != nullptr; }
    void kill(std::string reason);
    /// It let a deadline pass: reported with what it does, then killed. The first reason counts.
    void hung(std::string reason);
    /// Runs down while nobody debugs the process.
    [[nodiscard]] std::unique_ptr<Countdown> countdown(Deadline deadline,
                                                       std::function<void()> fire);
    /// Exit, then the deadline, then kill.
    void exit_in_order(std::string reason);

    /// Sends a request; `done` gets the reply. Fails with not_ready unless the process is loading
    /// or ready. `named`: its serial, where a successor has to know it (driver::named_serial).
    template <typename T>
    void request(T content, std::vector<UniqueFd> fds, std::chrono::milliseconds deadline,
                 std::string what, Requests::Done done, uint64_t named = 0) {
        if (!can_talk()) {
            done(Error{Errc::not_ready, 0,
                       what + ": the driver process is " + std::string(to_string(state_))});
            return;
        }
        recent.sent(static_cast<uint32_t>(T::kKind), what);
        const uint64_t serial = requests_.add(deadline, std::move(what), std::move(done), named);
        Message message = encode(std::move(content), serial);
        message.fds = std::move(fds);
        connection_->send(std::move(message));
    }
    /// Waits for the reply to a request that a predecessor made.
    void await(uint64_t named, std::chrono::milliseconds deadline, std::string what,
               Requests::Done done) {
        requests_.add(deadline, std::move(what), std::move(done), named);
    }
    /// Sends a message that has no reply, or is the one to request `serial`.
    template <typename T>
    void send(T content, uint64_t serial = 0, std::vector<UniqueFd> fds = {}) {
        if (!connection_) return;
        Message message =
            encode(std::move(content), serial != 0 ? serial : requests_.take_serial());
        message.fds = std::move(fds);
        connection_->send(std::move(message));
    }

    [[nodiscard]] uint64_t number() const { return number_; }  ///< unlike the pid never used again
    [[nodiscard]] int32_t pid() const { return pid_; }
    [[nodiscard]] ProcessState state() const { return state_; }
    [[nodiscard]] size_t pending() const {
        return requests_.size();
    }  ///< requests not answered yet
    [[nodiscard]] const Requests& requests() const { return requests_; }
    /// What its state may take, nullptr where that is not limited.
    [[nodiscard]] const Countdown* countdown() const { return countdown_.get(); }
    [[nodiscard]] bool usable() const { return state_ <= ProcessState::ready && !hung_; }
    [[nodiscard]] const LaunchSpec& spec() const { return spec_; }
    [[nodiscard]] const std::string& sandbox() const { return sandbox_; }
    /// What the process may do, as a list (docs/design/sandbox.md).
    [[nodiscard]] const Dictionary& rights() const { return rights_; }
    [[nodiscard]] bool has_class(const std::string& name) const {
        return find_class(name) != nullptr;
    }
    /// From `name` up, as the process registered its classes.
    [[nodiscard]] std::vector<std::string> class_chain(const std::string& name) const;

    std::set<EntryId> objects;  ///< entries that live in it, from the reservation on
    KnownEntries known;         ///< foreign entries that it was told of and may name
    EntryId server = kNoEntry;  ///< its IOUserServer; owned by it, and no reason for it to stay
    std::vector<PanicLog> panic_logs;  ///< what its crash report is to contain
    /// Whether the entry lives in it.
    [[nodiscard]] bool owns(EntryId id) const {
        return objects.contains(id) || (id != kNoEntry && id == server);
    }
    LogBudget log_budget{2000, 500};
    Recent recent;  ///< for the report of its death
    /// How long it has been known.
    [[nodiscard]] std::chrono::nanoseconds age() const {
        return std::chrono::steady_clock::now() - born_;
    }
    uint32_t malformed = 0;  ///< messages of it that made no sense

  private:
    [[nodiscard]] bool can_talk() const {
        return connection_ && (state_ == ProcessState::loading || state_ == ProcessState::ready);
    }
    void set_state(ProcessState state) {
        state_ = state;
        if (hooks_.changed) hooks_.changed(*this);
    }
    [[nodiscard]] std::string title() const;
    void connect(Socket socket);
    void note_request(const Message& message);
    /// Whether a predecessor has seen to the message already.
    bool is_handled(const Message& message);
    void resumed(const Result<Message>& message);
    void spawned(Result<KeeperLink::Spawned> result);
    void received(Message message);
    void closed(const Error& reason);
    [[nodiscard]] const protocol::driver::ClassInfo* find_class(const std::string& name) const;
    void checked_in(const Message& message);
    void admit();
    void refuse(const std::string& reason);
    void load();
    void loaded(Result<Message> message);
    void await_own_end();
    void await_end();
    void finish(std::optional<int> wait_status);
    void tell_waiters(const Status& status);

    std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
    uint64_t number_;
    EventLoop& loop_;
    Clock& clock_;
    KeeperLink& keeper_;
    const Deadlines& deadlines_;
    LaunchSpec spec_;
    Hooks hooks_;
    uint64_t token_ = 0;
    ProcessState state_ = ProcessState::spawning;
    int32_t pid_ = 0;
    std::string sandbox_;
    Dictionary rights_;
    std::string killed_for_;
    bool told_to_exit_ = false;
    bool exit_failed_ = false;                          ///< it did not follow Exit
    bool hung_ = false;                                 ///< it is being looked at and then killed
    std::vector<protocol::driver::ClassInfo> classes_;  ///< in the order of registration
    std::vector<std::function<void(Status)>> waiters_;
    std::unique_ptr<Connection> connection_;
    uint64_t first_ = 1;
    Requests requests_;
    MessageName handled_;
    bool adopted_ = false;  ///< the next message may be one that a predecessor has seen to
    /// Serials of requests of the process that came since it was adopted, until it has told which
    /// wait for an answer.
    std::optional<std::set<uint64_t>> came_;
    std::unique_ptr<Countdown> countdown_;  ///< of its state
};
using ProcessPtr = std::shared_ptr<DriverProcess>;

}  // namespace opendext::daemon
