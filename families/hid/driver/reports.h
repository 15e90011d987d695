// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOService.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "families/hid/link/report_link.h"

namespace opendext::hid {

/// A thread of its own for the reports of one opened interface: takes them off the link and runs
/// `input` on the default queue of the client with each, one after the other. While the driver is
/// busy nothing is taken: the link fills, and whoever plays the device drops and counts. A link
/// that breaks while the device lives is made again; the log says so.
class Reports : public std::enable_shared_from_this<Reports> {
  public:
    struct Work {
        /// On the client's queue; the report is valid during the call.
        std::function<void(const ReportLink::InputReport&)> input;
        /// A second descriptor to wait for, asked for before each wait (-1: none), and what to do
        /// when it is readable, on the client's queue too.
        std::function<int()> also_fd = [] { return -1; };
        std::function<void()> also;
        /// Asks for another link. kIOReturnSuccess, or why there is none: nothing comes any more
        /// unless that may pass. Not on the client's queue.
        std::function<kern_return_t(std::unique_ptr<ReportLink>& link)> relink;
        /// There is another link, and reports may be missing; on the client's queue. May be empty.
        std::function<void()> relinked;
    };

    /// Retains `client` and `provider`, whose reports they are, until the thread has ended.
    static std::shared_ptr<Reports> start(IOService* client, IOService* provider,
                                          std::unique_ptr<ReportLink> link, Work work);
    ~Reports() = default;
    Reports(const Reports&) = delete;
    Reports& operator=(const Reports&) = delete;

    /// For requests of any thread. One that broke answers kAborted until there is another.
    [[nodiscard]] std::shared_ptr<ReportLink> link();
    /// No `input` begins afterwards; requests that wait end with kAborted. Does not wait for the
    /// thread. A call that runs on another thread than the client's queue may still see one end.
    void stop();

  private:
    Reports(IOService* client, std::unique_ptr<ReportLink> link, Work work);
    using Clock = std::chrono::steady_clock;
    void run();
    /// In place of one that broke; nullptr: there will be none.
    [[nodiscard]] std::shared_ptr<ReportLink> another_link(const Error& why);
    /// False: stop() was called.
    [[nodiscard]] bool pause();
    /// Runs `work` on the client's queue and waits until it has run. False: the queue is cancelled.
    bool on_queue(const std::function<void()>& work);

    IOService* const client_;
    const Work work_;
    std::mutex mutex_;  ///< of link_, and for stop_asked_
    std::condition_variable stop_asked_;
    std::shared_ptr<ReportLink> link_;
    std::atomic<bool> stopped_{false};
    // Of the thread.
    Clock::time_point linked_ = Clock::now();
    std::chrono::milliseconds pause_{0};  ///< before the next attempt
};

}  // namespace opendext::hid
