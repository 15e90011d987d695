// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "runtime/dispatch/fifo.h"
#include "runtime/dispatch/task.h"

namespace opendext::runtime {

/// Starts a detached thread with a stack of 512 KiB, as DriverKit's threads have. Ends the process
/// with a message if the system refuses: nothing of a driver works without threads.
void start_thread(const char* name, TaskPtr work);
/// Gives back what is left of threads of start_thread() that have ended.
void join_ended_threads();

/// The threads that run queues. They are made when there is work and nobody idle, up to a limit,
/// and end when idle for a while. No thread exists before the first submit: the library is loaded
/// in a process that forks.
class ThreadPool {
  public:
    static ThreadPool& shared();

    /// Any thread; never blocks.
    void submit(TaskPtr task);

    static constexpr size_t kMaxThreads = 64;

  private:
    void work();

    std::mutex mutex_;
    std::condition_variable wake_;
    Fifo<TaskPtr> tasks_;
    size_t threads_ = 0;
    size_t idle_ = 0;
    bool limit_reported_ = false;
};

}  // namespace opendext::runtime
