// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/family.h"
#include "families/serial/driver/line_control.h"
#include "families/serial/system/terminal_watch.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::serial {

/// The note of the keeper that says how the line is set (LineControl::text).
inline constexpr std::string_view kLineNote = "line";

/// Which port an object is: its name in the realm, and whose it is.
struct PortIdentity {
    std::string bundle_id;
    std::string base_name;
    std::string suffix;
    std::string name;  ///< base_name + suffix
    /// Under which the keeper holds the endpoint.
    [[nodiscard]] std::string key() const { return std::string(kKey) + bundle_id + ":" + name; }
    static constexpr std::string_view kKey = "serial:";
    /// Of a terminal that the keeper holds.
    static Result<PortIdentity> from_notes(const Dictionary& notes);
};

/// One terminal with its memory and nodes, from the first driver that serves it to removal. It
/// outlives drivers and (in the keeper) opendextd. Every step that waits is a state; a newer wish
/// ends what is under way.
///
/// Descriptors: the keeper holds [0] master, [1] memory. They are here just while they are handed
/// to a driver.
class Endpoint {
  public:
    enum class State : uint8_t {
        empty,       ///< nothing made yet
        fetching,    ///< asking the keeper for what watches terminals, and for a kept one
        opening,     ///< the keeper opens a new pseudo-terminal
        holding,     ///< the keeper takes duplicates
        attaching,   ///< the driver half takes over
        publishing,  ///< nodes are made
        serving,     ///< a driver serves it
        orphaned,    ///< the driver is gone; a successor may come within the quarantine
        releasing,   ///< nodes and kept descriptors go
        released,    ///< nothing is left
    };

    /// `released` is called once, when nothing is left; it may destroy the endpoint.
    Endpoint(daemon::FamilyHost& host, TerminalWatch& watch, PortIdentity identity,
             std::function<void()> released);

    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    /// A driver object of this identity has started: gives it the terminal, publishes what is
    /// missing, then calls `done`.
    void serve(daemon::EntryId object, std::function<void(Status)> done);
    /// opendextd died and is back; the driver has its terminal and knows nothing of that. `client`:
    /// the IOSerialBSDClient entry that is there.
    void adopt(daemon::EntryId object, daemon::EntryId client);
    /// opendextd died and is back, and no driver has the terminal that the keeper holds with these
    /// notes: one may still come.
    void await_driver(const Dictionary& notes);
    /// The driver object is gone or going; the terminal waits for a successor on one of its
    /// providers.
    void orphan();
    /// No successor of this bundle is to be expected on this provider any more.
    void driver_given_up(daemon::EntryId provider, const std::string& bundle_id);
    /// The application sees a hang-up, the nodes go, the keeper lets go.
    void release();

    /// A program sets the line (property SerialLineControl of the IOSerialBSDClient entry).
    Status control_line(const Dictionary& properties, const daemon::ClientProgram& program);

    [[nodiscard]] const PortIdentity& identity() const { return identity_; }
    [[nodiscard]] State state() const { return state_; }
    /// Of the terminal; empty before there is one.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] daemon::EntryId object() const { return object_; }
    /// Whether a driver has it or is getting it.
    [[nodiscard]] bool in_use() const { return object_ != daemon::kNoEntry; }

  private:
    void set_state(State state);
    void fetch();
    void forget_fetched();
    void take();
    void open();
    void hold(UniqueFd master, UniqueFd memory);
    [[nodiscard]] bool take_notes(const Dictionary& notes);
    void attach(UniqueFd master, UniqueFd memory);
    void keep(const UniqueFd& master, const UniqueFd& memory);
    /// Of what is kept; empty if nothing is, or there are no more descriptors.
    [[nodiscard]] std::vector<UniqueFd> kept() const;
    void attach_again(std::vector<UniqueFd> fds);
    [[nodiscard]] protocol::Invocation attach_call() const;
    void publish_nodes();
    void publish_client();
    void fail(Error error);
    void wait_for_successor();
    void hang_up(const std::string& why);
    void watch_terminal();
    void finish_release();
    void publish_control();
    void send_control();
    void send_break(bool on);
    void keep_control();
    void restore_control(const Dictionary& notes);
    void ignore_terminal();
    [[nodiscard]] std::vector<daemon::EntryId> providers_of(daemon::EntryId object) const;
    [[nodiscard]] Dictionary notes() const;  ///< what the keeper keeps beside the descriptors
    [[nodiscard]] std::string node(std::string_view prefix) const;
    /// Wraps a continuation: dropped if the endpoint went or another wish came meanwhile.
    template <typename F>
    auto current(F continuation) {
        return [this, alive = std::weak_ptr<bool>(alive_), turn = turn_,
                continuation = std::move(continuation)](auto result) mutable {
            if (alive.expired() || turn != turn_) return;
            continuation(std::move(result));
        };
    }

    daemon::FamilyHost& host_;
    TerminalWatch& watch_;
    const PortIdentity identity_;
    std::function<void()> released_;
    State state_ = State::empty;
    uint64_t turn_ = 0;  ///< counts wishes: answers to older ones are dropped
    uint64_t fetches_ = 0;
    bool fetching_ = false;
    bool wanted_ = false;  ///< a driver waits for what is fetched
    std::optional<Result<daemon::KeeperItem>> fetched_;
    /// Master and memory, for the next driver; the keeper has them for the next opendextd.
    std::vector<UniqueFd> kept_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    daemon::EntryId object_ = daemon::kNoEntry;
    std::function<void(Status)> done_;
    std::string path_;  ///< of the terminal
    int watched_ = -1;  ///< its number in the watch
    std::unique_ptr<daemon::Handle> quarantine_;
    std::vector<daemon::EntryId> providers_;  ///< of its driver, the nearest first
    LineControl control_;                     ///< what the user says of the line
    std::unique_ptr<daemon::Handle> break_end_;
    daemon::EntryId client_ = daemon::kNoEntry;  ///< the IOSerialBSDClient entry
    bool held_ = false;
    bool nodes_published_ = false;
    bool nodes_unsure_ = false;  ///< an earlier opendextd may not have come to it
};

[[nodiscard]] std::string_view to_string(Endpoint::State state);

/// How long a terminal waits for a successor of its driver, where supervision expects none, before
/// the application sees a hang-up: a driver that makes its ports anew needs some time. Where one is
/// expected the terminal waits until it comes or is given up.
inline constexpr std::chrono::seconds kQuarantine{60};

}  // namespace opendext::serial
