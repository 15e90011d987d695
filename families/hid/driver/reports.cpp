// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/reports.h"

#include <DriverKit/IOLib.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/family.h"

namespace opendext::hid {
namespace {

/// Between two attempts to get a link, doubled with each that comes to nothing and with each link
/// that broke at once.
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{1000};

/// The device or the driver's object is gone, or going; the driver gets Stop.
bool is_end(kern_return_t ret) {
    return ret == kIOReturnNoDevice || ret == kIOReturnBadArgument || ret == kIOReturnNotOpen ||
           ret == kIOReturnNotFound || ret == kIOReturnAborted;
}

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
    : client_(client), work_(std::move(work)), link_(std::move(link)) {}

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
    std::shared_ptr<ReportLink> link;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_.exchange(true)) return;
        link = link_;
    }
    stop_asked_.notify_all();
    link->close();
}

std::shared_ptr<ReportLink> Reports::link() {
    const std::lock_guard lock(mutex_);
    return link_;
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
    std::shared_ptr<ReportLink> link = this->link();
    while (!stopped_) {
        const ReportLink::Ready ready = link->wait(work_.also_fd());
        if (ready.also) (void)on_queue(work_.also);
        if (!ready.link) continue;
        auto input = link->next_input();
        if (!input.ok()) {
            link = another_link(input.error());
            if (!link) return;
            continue;
        }
        if (!*input) continue;
        const bool ran = on_queue([&] {
            if (!stopped_) work_.input(**input);
        });
        if (!ran) return;
    }
}

bool Reports::pause() {
    std::unique_lock lock(mutex_);
    return !stop_asked_.wait_for(lock, pause_, [this] { return stopped_.load(); });
}

std::shared_ptr<ReportLink> Reports::another_link(const Error& why) {
    link()->close();  // whoever plays the device need not keep it
    if (Clock::now() - linked_ > kLongestPause) pause_ = {};
    for (bool told = false;;) {
        if (!pause()) return nullptr;
        pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
        std::unique_ptr<ReportLink> made;
        const kern_return_t ret = work_.relink(made);
        if (ret == kIOReturnSuccess) {
            {
                const std::lock_guard lock(mutex_);
                if (stopped_) return nullptr;
                link_ = std::move(made);
            }
            linked_ = Clock::now();
            family::log(family::LogType::error, "hid",
                        "the report link of %s broke (%s) and was made again: reports may be "
                        "missing",
                        client_->GetClassName(), why.text().c_str());
            if (work_.relinked && !on_queue(work_.relinked)) return nullptr;
            return link();
        }
        if (stopped_ || is_end(ret)) return nullptr;
        if (!std::exchange(told, true)) {
            family::log(family::LogType::error, "hid",
                        "the report link of %s broke (%s) and cannot be made again yet: %s",
                        client_->GetClassName(), why.text().c_str(),
                        client_->StringFromReturn(ret));
        }
    }
}

}  // namespace opendext::hid
