// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/context.h"
#include "daemon/lifecycle/process.h"
#include "daemon/lifecycle/spares.h"
#include "daemon/matching/personality.h"

namespace opendext::daemon {

/// All driver processes, and the rule which instance gets which (docs/facts/semantics.md section
/// 4).
class Processes {
  public:
    struct Hooks {
        std::function<void(DriverProcess&, Message)> message;
        std::function<void(DriverProcess&)> ready;
        std::function<void(DriverProcess&, const ExitReport&)> gone;
    };
    Processes(Context& context, Hooks hooks);

    /// The numbers of this opendextd begin here; below are those of its predecessors.
    void start_numbers(uint64_t first) { first_ = next_ = first; }
    /// Goes on with a process of a predecessor.
    ProcessPtr adopt(uint64_t number, records::Process record, records::Classes classes,
                     LinkLeft link);

    /// The process for a new instance `object` of `personality`: an existing one
    /// (IOUserServerOneProcess, also while it is still being launched) or a new one. The object is
    /// entered into it at once. Errors: reuse is mandatory (the provider has the same server name)
    /// and there is no process; or the executable was changed and cannot be loaded any more.
    Result<ProcessPtr> acquire(const Personality& personality, EntryId object,
                               const std::string* provider_server);

    void exited(int32_t pid, int wait_status);
    [[nodiscard]] ProcessPtr find(uint64_t number) const;
    /// Processes of an installed copy of a bundle, in whatever state but gone.
    [[nodiscard]] std::vector<ProcessPtr> of_bundle(const std::string& bundle_id) const;
    [[nodiscard]] const std::map<uint64_t, ProcessPtr>& all() const { return processes_; }
    /// The process of that id, also a spare one.
    [[nodiscard]] ProcessPtr of_pid(int32_t pid) const;
    [[nodiscard]] Spares& spares() { return spares_; }
    /// Ends the process when nothing lives in it any more.
    void release(DriverProcess& process, EntryId object);

  private:
    Result<ProcessPtr> launch(const Personality& personality, EntryId object);
    ProcessPtr make(uint64_t number, LaunchSpec spec);
    Status check_executable(LaunchSpec& spec);
    void tell_missing(const DriverProcess& process);
    void came_up(DriverProcess& process);
    void ended(DriverProcess& process, const ExitReport& report);
    void log(const DriverProcess& process, LogLevel level, const std::string& text);

    Context& context_;
    Hooks hooks_;
    uint64_t first_ = 1;
    uint64_t next_ = 1;
    std::map<uint64_t, ProcessPtr> processes_;
    Spares spares_;
    bool missing_told_ = false;
};

/// "com.example" of "com.example.driver": what a server name and a bundle identifier must share.
[[nodiscard]] std::string first_two_components(std::string_view dotted);

}  // namespace opendext::daemon
