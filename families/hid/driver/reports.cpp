// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/reports.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/family.h"

namespace opendext::hid {
namespace {

/// Waits until work has run or was dropped: the queue may be cancelled before its turn.
class Turn {
  public:
    /// Held by the work; says that it is gone, whether it ran or not.
    class Holder {
      public:
        explicit Holder(Turn* turn) : turn_(turn) {}
        // A copy takes over, as std::function wants one that can be copied.
        Holder(const Holder& other) : turn_(std::exchange(other.turn_, nullptr)) {}
        Holder& operator=(const Holder&) = delete;
        ~Holder() {
            if (turn_ != nullptr) turn_->over();
        }

      private:
        mutable Turn* turn_;
    };

    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return over_; });
    }

  private:
    void over() {
        const std::lock_guard lock(mutex_);
        over_ = true;
        changed_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
};

}  // namespace

Reports::Reports(IOService* client, std::unique_ptr<ReportLink> link, Work work)
    : client_(client), link_(std::move(link)), work_(std::move(work)) {}

std::shared_ptr<Reports> Reports::start(IOService* client, IOService* provider,
                                        std::unique_ptr<ReportLink> link, Work work) {
    std::shared_ptr<Reports> reports(new Reports(client, std::move(link), std::move(work)));
    client->retain();
    provider->retain();
    family::start_thread("hid-reports", [reports, client, provider] {
        reports->run();
        client->release();
        provider->release();
    });
    return reports;
}

void Reports::stop() {
    if (stopped_.exchange(true)) return;
    link_->close();
}

bool Reports::on_queue(const std::function<void()>& work) {
    if (family::run_if_idle(client_, nullptr, work)) return true;
    Turn turn;
    const family::Ran ran =
        family::run_on_queue(client_, nullptr, [&work, held = Turn::Holder(&turn)] { work(); });
    if (ran == family::Ran::cancelled) return false;
    turn.wait();
    return true;
}

void Reports::run() {
    while (!stopped_) {
        const ReportLink::Ready ready = link_->wait(work_.also_fd());
        if (ready.also) (void)on_queue(work_.also);
        if (!ready.link) continue;
        auto input = link_->next_input();
        if (!input.ok()) return;  // the device is gone, or stop() was called
        if (!*input) continue;
        const bool ran = on_queue([&] {
            if (!stopped_) work_.input(**input);
        });
        if (!ran) return;
    }
}

}  // namespace opendext::hid
