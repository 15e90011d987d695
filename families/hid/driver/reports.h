// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOService.h>

#include <atomic>
#include <functional>
#include <memory>

#include "families/hid/link/report_link.h"

namespace opendext::hid {

/// A thread of its own for the reports of one opened interface: takes them off the link and runs
/// `input` on the default queue of the client with each, one after the other. While the driver is
/// busy nothing is taken: the link fills, and whoever plays the device drops and counts.
class Reports : public std::enable_shared_from_this<Reports> {
  public:
    struct Work {
        /// On the client's queue; the report is valid during the call.
        std::function<void(const ReportLink::InputReport&)> input;
        /// A second descriptor to wait for, asked for before each wait (-1: none), and what to do
        /// when it is readable, on the client's queue too.
        std::function<int()> also_fd = [] { return -1; };
        std::function<void()> also;
    };

    /// Retains `client` and `provider`, whose reports they are, until the thread has ended.
    static std::shared_ptr<Reports> start(IOService* client, IOService* provider,
                                          std::unique_ptr<ReportLink> link, Work work);
    ~Reports() = default;
    Reports(const Reports&) = delete;
    Reports& operator=(const Reports&) = delete;

    /// Requests of any thread.
    [[nodiscard]] ReportLink& link() { return *link_; }
    /// No `input` begins afterwards; requests that wait end with kAborted. Does not wait for the
    /// thread. A call that runs on another thread than the client's queue may still see one end.
    void stop();

  private:
    Reports(IOService* client, std::unique_ptr<ReportLink> link, Work work);
    void run();
    /// Runs `work` on the client's queue and waits until it has run. False: the queue is cancelled.
    bool on_queue(const std::function<void()>& work);

    IOService* const client_;
    const std::unique_ptr<ReportLink> link_;
    const Work work_;
    std::atomic<bool> stopped_{false};
};

}  // namespace opendext::hid
