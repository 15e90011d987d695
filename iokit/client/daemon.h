// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rpc/change_board.h"
#include "rpc/protocol/client.h"
#include "rpc/socket.h"

namespace opendext::client {

namespace wire = protocol::client;

/// Whether the realm's keeper lives. Then opendextd comes back within kRestartTime, if it is not
/// there.
[[nodiscard]] bool has_keeper(const std::filesystem::path& realm);
inline constexpr std::chrono::milliseconds kRestartTime{10000};

/// One subscription's end in this process. Called on the reader thread, one call at a time, and
/// never with a lock of Daemon held.
class Listener {
  public:
    virtual ~Listener() = default;
    /// What matches when the subscription is made, and again after opendextd came back.
    virtual void existing(const wire::Entries& entries, bool again) = 0;
    virtual void matched(const wire::Matched&) {}
    virtual void interest(const wire::Interest&) {}
};

/// This process's connection to opendextd, made when first needed and again when it was lost. Any
/// thread.
///
/// One reader thread takes what comes: answers go to the waiting requests, events to their
/// listeners. While there are subscriptions or connections to drivers it also tries to get the
/// connection back, subscribes again and claims the connections; without, the next request does
/// that. An opendextd that is being restarted by its keeper is waited for (kRestartTime).
class Daemon {
  public:
    static constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(60);

    static Daemon& instance();

    /// The answer to `content`. A refusal is an Error of Errc::kern with opendextd's reason;
    /// descriptors that came with the answer go to `fds`, those of `passed` go with the request.
    template <typename Answer, typename Request>
    Result<Answer> request(Request content, std::chrono::milliseconds timeout = kTimeout,
                           std::vector<UniqueFd>* fds = nullptr,
                           std::vector<UniqueFd> passed = {}) {
        Answer answer = OD_TRY(ask<Answer>(std::move(content), timeout, fds, std::move(passed)));
        OD_TRY(check_answer(answer));
        return answer;
    }

    /// The same, but a refusal is an answer: its outcome says whose it is.
    template <typename Answer, typename Request>
    Result<Answer> ask(Request content, std::chrono::milliseconds timeout = kTimeout,
                       std::vector<UniqueFd>* fds = nullptr, std::vector<UniqueFd> passed = {}) {
        Message request = encode(std::move(content));
        request.fds = std::move(passed);
        Message message = OD_TRY(exchange(std::move(request), timeout));
        Answer answer = OD_TRY(decode_answer<Answer>(message));
        if (fds != nullptr) *fds = std::move(message.fds);
        return answer;
    }

    /// The same for an answer that is no struct of fields.
    Result<Message> request_message(Message request);

    /// Makes a subscription. `existing` of the listener has been called when this returns.
    Result<uint64_t> subscribe(wire::Subscribe content, std::weak_ptr<Listener> listener);
    void unsubscribe(uint64_t subscription);

    using OnDeath = std::function<void(const wire::ConnectionDied&)>;
    /// `died` is called when opendextd says that the driver's side of the connection is gone.
    void watch_connection(uint64_t connection, OnDeath died);
    void forget_connection(uint64_t connection);

    /// The realm's directory; "" = the default. Drops the connection.
    void set_realm(std::string directory);
    /// What was set; "" = the default.
    [[nodiscard]] std::string realm();
    /// The registry entry id of Root.
    Result<uint64_t> root();
    /// Counters of the changes of the registry, of the present connection (it is made if there is
    /// none); nullptr if opendextd gives none.
    Result<std::shared_ptr<const ChangeView>> changes();

  private:
    /// One connection; replaced, never repaired.
    struct Link {
        Socket socket;
        wire::Welcome welcome;
        std::shared_ptr<ChangeView> changes;  ///< may be nullptr
        pid_t process = 0;  ///< the process that made it: a forked child makes its own
        bool lost = false;
        /// Who has to be told that a connection to a driver did not outlive the last link.
        std::vector<OnDeath> ended;
    };
    struct Pending {
        Result<Message> answer = Error{Errc::timed_out, 0, "opendextd does not answer"};
        bool done = false;
        bool lost = false;  ///< the link ended before the answer
        std::shared_ptr<Link> link;
        std::function<void(const Message&)>
            on_answer;  ///< on the reader thread, in order with events
    };
    struct Subscribed {
        wire::Subscribe content;
        std::weak_ptr<Listener> listener;
        bool established = false;
    };

    /// A Reply in place of an answer is a refusal.
    template <typename Answer>
    static Result<Answer> decode_answer(const Message& message) {
        if constexpr (!std::same_as<Answer, wire::Reply>) {
            if (message.kind == static_cast<uint32_t>(wire::Kind::outcome)) {
                OD_TRY(check(OD_TRY(decode<wire::Reply>(message))));
                return Error{Errc::malformed, 0, "opendextd gave no answer"};
            }
        }
        return decode<Answer>(message);
    }
    template <typename Answer>
    static Status check_answer(const Answer& answer) {
        if constexpr (std::same_as<Answer, wire::Reply>) {
            return check(answer);
        } else if constexpr (requires { answer.outcome; }) {
            return check(answer.outcome);
        } else {
            return success();
        }
    }
    template <typename Answer>
    static Result<Answer> parse(const Message& message) {
        Answer answer = OD_TRY(decode_answer<Answer>(message));
        OD_TRY(check_answer(answer));
        return answer;
    }
    static Status check(const protocol::Outcome& outcome);

    struct Attempt {
        Result<Message> answer;
        enum class End { done, undelivered, lost } end;
    };
    Result<Message> exchange(Message request, std::chrono::milliseconds timeout,
                             const std::function<void(const Message&)>& on_answer = nullptr);
    Attempt exchange_once(Message& request, std::chrono::milliseconds timeout,
                          const std::function<void(const Message&)>& on_answer);
    /// The present link, or a new one. Called and returns with `lock` held.
    Result<std::shared_ptr<Link>> connected(std::unique_lock<std::mutex>& lock);
    /// What a new link begins with.
    struct Greeting {
        std::filesystem::path realm;  ///< where the last link was; empty: there was none
        uint64_t session = 0;
        std::vector<uint64_t> connections;
    };
    /// Under the lock.
    [[nodiscard]] Greeting greeting();
    static Result<std::shared_ptr<Link>> connect(const std::string& option,
                                                 const Greeting& greeting);
    /// Under the lock: it is the present one from now on.
    void take_link(const std::shared_ptr<Link>& link);
    /// Whether somebody needs a link although nobody asks.
    [[nodiscard]] bool wanted() const { return !subscriptions_.empty() || !connections_.empty(); }
    void read(std::shared_ptr<Link> link);
    void start_reader(const std::shared_ptr<Link>& link);
    /// Tells waiting requests and forgets the link. Whether there are subscriptions that want it
    /// back.
    bool drop(const std::shared_ptr<Link>& link, const Error& reason);
    std::shared_ptr<Link> reconnect();
    /// Asks for every subscription on a new link; under the lock.
    void subscribe_again(const std::shared_ptr<Link>& link);
    void take(const std::shared_ptr<Link>& link, Message message);
    void deliver(const Message& event);
    std::shared_ptr<Listener> listener_of(uint64_t subscription);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string realm_;
    std::shared_ptr<Link> link_;
    bool connecting_ = false;
    bool was_connected_ = false;  ///< the last attempt succeeded
    uint64_t next_serial_ = 2;    ///< 1 is for Hello
    uint64_t next_subscription_ = 1;
    std::map<uint64_t, std::shared_ptr<Pending>> pending_;
    std::map<uint64_t, Subscribed> subscriptions_;
    std::map<uint64_t, OnDeath> connections_;
    std::filesystem::path last_realm_;  ///< of the last link
    uint64_t session_ = 0;
};

}  // namespace opendext::client
