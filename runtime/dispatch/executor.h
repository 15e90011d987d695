// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rpc/age.h"
#include "rpc/futex_lock.h"
#include "runtime/dispatch/fifo.h"
#include "runtime/dispatch/task.h"

namespace opendext::runtime {

/// What IODispatchQueue is made of: runs one piece of work at a time, in the order of arrival, on
/// whichever thread is at hand. Whoever holds the executor (its "owner") is a thread: a thread may
/// hold several, so a synchronous call into another queue may come back. All members may be called
/// from any thread. Made with std::make_shared.
class Executor : public std::enable_shared_from_this<Executor> {
  public:
    explicit Executor(std::string name, bool reentrant = false, bool methods_parallel = false);
    ~Executor();

    enum class Outcome {
        done,
        cancelled,  ///< the queue was cancelled before the work could run; it did not run
        reentered,  ///< sync: the caller was on the queue; the work ran at once
    };

    /// Runs `task` later. With `cancelled` the task stays with the caller.
    Outcome async(TaskPtr&& task);
    /// Runs `work` on this thread when its turn comes; waits for that.
    Outcome sync(const std::function<void()>& work);
    /// The same for a method of an object: with `methods_parallel` it does not take the executor.
    Outcome async_method(TaskPtr&& task);
    Outcome sync_method(const std::function<void()>& work);
    /// If nothing runs and nothing waits, takes the executor for this thread; a `Claimed` or
    /// `run_claimed` must follow.
    bool try_claim();
    /// What this thread does while it lives is work of the executor, which the thread has claimed;
    /// then the executor is passed on.
    class Claimed {
      public:
        explicit Claimed(std::shared_ptr<Executor> executor);
        ~Claimed();
        Claimed(const Claimed&) = delete;
        Claimed& operator=(const Claimed&) = delete;

      private:
        const std::shared_ptr<Executor> executor_;
        Executor* const outer_;
    };
    /// Since the executor was claimed somebody else has come to want it: who claimed it for several
    /// pieces of work should pass it on. A load.
    [[nodiscard]] bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
    /// Runs `task` on this thread, which has claimed the executor, and passes the executor on.
    void run_claimed(TaskPtr task);
    /// Runs `task` in parallel to what the queue runs.
    Outcome concurrent(TaskPtr&& task);
    /// From work of this queue: `task` follows it on the same thread, before the queue goes to
    /// anybody else. For short work that else would wake a thread of its own.
    void follow(TaskPtr task) { followers_.push_back(std::move(task)); }

    /// The calling thread holds the executor.
    [[nodiscard]] bool on_queue() const;
    /// thread_token() of the thread that holds it, 0 if none does.
    [[nodiscard]] uint64_t owner() const { return owner_.load(std::memory_order_relaxed); }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool reentrant() const { return reentrant_; }
    /// Methods of objects do not take the executor: kIODispatchQueueMethodsNotSynchronized.
    [[nodiscard]] bool methods_parallel() const { return methods_parallel_; }

    /// Nothing that is submitted from now on runs. `handler` runs once and is the last: after what
    /// is queued already, and after everything that runs beside the queue or sleeps. A second
    /// cancel runs its handler too, right after the first.
    void cancel(TaskPtr handler);
    [[nodiscard]] bool cancelled() const;

    enum class Wake { woken, timed_out, not_on_queue };
    /// Gives up the executor until `wakeup(event)` or the deadline; takes it
    /// again before it returns. `deadline_ns` is CLOCK_MONOTONIC, 0 = none.
    Wake sleep(const void* event, uint64_t deadline_ns);
    /// What it does and what waits for it, for people.
    struct Activity {
        std::string name;
        bool taken = false;
        uint64_t age_ms = 0;  ///< of what runs; 0: not known, as of what claimed it
        size_t behind = 0;
        uint64_t behind_age_ms = 0;  ///< of the first in line
        bool cancelled = false;
        /// Calls of clients in line.
        struct Call {
            Task::Call call;
            uint64_t age_ms = 0;
        };
        std::vector<Call> calls;
    };
    /// Of every executor there is, at most `most` calls of each.
    static std::vector<Activity> all_activity(size_t most);
    /// A thread that holds one executor and waits for another.
    struct Wait {
        std::string holds;
        std::string waits_for;
        uint64_t age_ms = 0;
        /// The names around a circle of such waits, beginning with `waits_for`; empty: none.
        std::vector<std::string> circle;
    };
    static std::vector<Wait> all_waits();

    /// Wakes one sleeper of `event`, or all; they are in line from now on. The number woken.
    size_t wakeup(const void* event, bool all);

  private:
    struct Waiter {
        FutexCondition granted_changed;
        bool granted = false;
    };
    struct Sleeper {
        const void* event;
        bool woken = false;  // and in line for the executor, or holding it
        Waiter waiter;
    };
    struct Entry {
        TaskPtr task;
        Waiter* waiter = nullptr;
        int64_t since = 0;
    };

    /// Work that does not hold the executor while it lives; the end of a cancelled one waits for
    /// it. With the mutex held.
    void enter_beside() { ++beside_; }
    void line_up(TaskPtr task, Waiter* waiter) {
        entries_.push_back({std::move(task), waiter, begun_now()});
        wanted_.store(true, std::memory_order_relaxed);
    }
    void leave_beside(std::unique_lock<FutexLock>& lock);

    /// Before this thread passes the executor on.
    void run_followers();
    void hold();
    [[nodiscard]] Activity activity(size_t most) const;
    void take_turn(std::unique_lock<FutexLock>& lock);
    void report_deadlock(std::unique_lock<FutexLock>& lock);
    void pass_on(std::unique_lock<FutexLock>& lock, bool to_pool);
    void start_drain(std::unique_lock<FutexLock>& lock);
    void end_if_over(std::unique_lock<FutexLock>& lock);
    void drain();

    const std::string name_;
    const bool reentrant_;
    const bool methods_parallel_;
    mutable FutexLock mutex_;
    Fifo<Entry> entries_;
    Fifo<TaskPtr> followers_;  // touched by the holder only
    std::list<Sleeper*> sleepers_;
    bool busy_ = false;  // somebody holds it or is about to
    std::atomic<bool> wanted_{false};
    bool cancelled_ = false;
    size_t beside_ = 0;               // concurrent and sleeping work
    std::vector<TaskPtr> endings_;    // what cancel() is to run at the end
    std::atomic<uint64_t> owner_{0};  // thread_token() of the holder
    std::atomic<int64_t> since_{0};   // begun_now() of what runs; 0 if try_claim() began it
};

/// A number for the calling thread, never 0, never reused.
uint64_t thread_token();
/// The executor whose work the calling thread runs innermost, or nullptr.
Executor* current_executor();

}  // namespace opendext::runtime
