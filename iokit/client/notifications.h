// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOKitLib.h>

#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include "iokit/client/daemon.h"
#include "iokit/client/handles.h"
#include "iokit/client/notification_port.h"

namespace opendext::client {

/// IOServiceAddMatchingNotification: an iterator that opendextd fills. Reaching its end arms the
/// notification; the next service then makes one call-back, and the program empties the iterator
/// again.
class MatchingNotification final : public Iterator,
                                   public Listener,
                                   public std::enable_shared_from_this<MatchingNotification> {
  public:
    MatchingNotification(std::shared_ptr<Port> port, wire::Subscription type,
                         IOServiceMatchingCallback callback, void* refcon)
        : port_(std::move(port)), type_(type), callback_(callback), refcon_(refcon) {}

    /// Subscribes and becomes a handle.
    Result<io_iterator_t> start(Dictionary matching);

    uint64_t next() override;
    void reset() override {}
    void released() override;
    void existing(const wire::Entries& entries, bool again) override;
    void matched(const wire::Matched& event) override;

  private:
    /// What there is that could be terminated: an opendextd that comes back knows nothing of what
    /// ended with its predecessor.
    class Presence final : public Listener {
      public:
        explicit Presence(std::weak_ptr<MatchingNotification> owner) : owner_(std::move(owner)) {}
        void existing(const wire::Entries& entries, bool again) override;
        void matched(const wire::Matched& event) override;

      private:
        const std::weak_ptr<MatchingNotification> owner_;
    };

    void add(const std::vector<uint64_t>& ids, bool only_new);
    void appeared(const std::vector<uint64_t>& ids);
    void only_these_are_left(const std::vector<uint64_t>& ids);
    void forget_gone();

    const std::weak_ptr<Port> port_;
    const wire::Subscription type_;
    const IOServiceMatchingCallback callback_;
    void* const refcon_;
    Dictionary matching_;  ///< from start() on it does not change
    uint64_t subscription_ = 0;
    std::shared_ptr<Presence> presence_;  ///< of kIOTerminatedNotification only
    uint64_t presence_subscription_ = 0;
    io_iterator_t handle_ = IO_OBJECT_NULL;

    std::mutex mutex_;
    std::deque<uint64_t> queue_;
    /// What was told, so that a new connection to opendextd tells nothing twice; for
    /// kIOTerminatedNotification what is there.
    std::set<uint64_t> seen_;
    size_t forget_at_ = 0;  ///< seen_ has grown so much: find out what is gone
    bool armed_ = false;
    bool released_ = false;
};

/// IOServiceAddInterestNotification.
class InterestNotification final : public HandleObject,
                                   public Listener,
                                   public std::enable_shared_from_this<InterestNotification> {
  public:
    static constexpr Kind kKind = Kind::interest;
    InterestNotification(std::shared_ptr<Port> port, io_service_t service, bool only_busy,
                         IOServiceInterestCallback callback, void* refcon)
        : HandleObject(kKind),
          port_(std::move(port)),
          service_(service),
          only_busy_(only_busy),
          callback_(callback),
          refcon_(refcon) {}

    Result<io_object_t> start(uint64_t entry);

    void released() override;
    void existing(const wire::Entries& entries, bool again) override;
    void interest(const wire::Interest& event) override;

  private:
    void post(uint32_t message, uint64_t argument);

    const std::weak_ptr<Port> port_;
    const io_service_t service_;  ///< a reference of ours, so that the number stays this service's
    const bool only_busy_;
    const IOServiceInterestCallback callback_;
    void* const refcon_;
    uint64_t subscription_ = 0;
    std::atomic<bool> released_ = false;
    bool terminated_ = false;  ///< reader thread only
};

}  // namespace opendext::client
