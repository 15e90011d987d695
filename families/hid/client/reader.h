// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid_client {

/// The one thread of this process that waits for the links of its devices. Any thread.
class Reader {
  public:
    /// Made when first needed, and again in a forked child, which has no threads.
    static Reader& instance();

    /// `ready` runs on the thread whenever `fd` is readable, which has to stay open until forget().
    Result<uint64_t> watch(int fd, std::function<void()> ready);
    /// `ready` does not run any more when this returns, unless it is what calls. 0: nothing.
    void forget(uint64_t watch);

  private:
    Reader();
    void run();

    struct Watched {
        int fd = -1;
        std::function<void()> ready;
    };

    const pid_t process_;
    const UniqueFd poll_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<uint64_t, std::shared_ptr<const Watched>> watched_;
    uint64_t next_ = 1;
    uint64_t running_ = 0;
    std::thread::id thread_;
    bool started_ = false;
};

}  // namespace opendext::hid_client
