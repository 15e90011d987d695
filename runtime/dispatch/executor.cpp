// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/executor.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/dispatch/blocking.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"

namespace opendext::runtime {
namespace {

thread_local Executor* t_current = nullptr;

/// Marks the executor as the innermost one of this thread while work of it runs.
class Running {
  public:
    explicit Running(Executor* executor) : previous_(t_current) { t_current = executor; }
    ~Running() { t_current = previous_; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

  private:
    Executor* previous_;
};

/// Every executor there is, for whoever asks what waits.
class Executors {
  public:
    static Executors& shared() {
        static auto& executors = *new Executors;
        return executors;
    }
    void add(const Executor* executor) {
        const std::lock_guard lock(mutex_);
        executors_.insert(executor);
    }
    void remove(const Executor* executor) {
        const std::lock_guard lock(mutex_);
        executors_.erase(executor);
    }
    template <typename Visit>
    void visit(Visit visit) {
        const std::lock_guard lock(mutex_);
        for (const Executor* executor : executors_) visit(*executor);
    }

  private:
    std::mutex mutex_;
    std::set<const Executor*> executors_;
};

}  // namespace

uint64_t thread_token() {
    static std::atomic<uint64_t> last{0};
    thread_local uint64_t token = 0;
    if (token == 0) token = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return token;
}

Executor* current_executor() {
    return t_current;
}

Executor::Executor(std::string name, bool reentrant, bool methods_parallel)
    : name_(std::move(name)), reentrant_(reentrant), methods_parallel_(methods_parallel) {
    Executors::shared().add(this);
}

Executor::~Executor() {
    Executors::shared().remove(this);
}

bool Executor::on_queue() const {
    return owner_.load(std::memory_order_relaxed) == thread_token();
}

bool Executor::cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
}

Executor::Outcome Executor::async(TaskPtr&& task) {
    std::unique_lock lock(mutex_);
    if (cancelled_) return Outcome::cancelled;
    line_up(std::move(task), nullptr);
    if (!busy_) start_drain(lock);
    return Outcome::done;
}

/// Gives the executor to a thread of the pool. Gives up the lock.
void Executor::start_drain(std::unique_lock<FutexLock>& lock) {
    busy_ = true;
    lock.unlock();
    ThreadPool::shared().submit(make_task([self = shared_from_this()] { self->drain(); }));
}

/// Cancelled, and nothing is left to run: the endings follow. The executor is not busy. May give up
/// the lock.
void Executor::end_if_over(std::unique_lock<FutexLock>& lock) {
    if (!cancelled_ || busy_ || beside_ > 0 || endings_.empty() || !entries_.empty()) return;
    for (TaskPtr& ending : endings_) line_up(std::move(ending), nullptr);
    endings_.clear();
    start_drain(lock);
}

void Executor::leave_beside(std::unique_lock<FutexLock>& lock) {
    --beside_;
    end_if_over(lock);
}

namespace {

/// Which thread waits for which executor: looked at only where a thread has to wait anyway.
class Waits {
  public:
    static Waits& shared() {
        static auto& waits = *new Waits;
        return waits;
    }
    void add(uint64_t thread, const Executor* holds, const Executor* waits_for) {
        const std::lock_guard lock(mutex_);
        waits_[thread] = {holds, waits_for, begun_now()};
    }
    void remove(uint64_t thread) {
        const std::lock_guard lock(mutex_);
        waits_.erase(thread);
    }
    /// The queues around a circle through `thread`, from the one that it waits for to the last,
    /// which it holds; empty if there is no circle.
    std::vector<std::string> circle_of(uint64_t thread) {
        const std::lock_guard lock(mutex_);
        return circle(thread);
    }
    std::vector<Executor::Wait> all() {
        const std::lock_guard lock(mutex_);
        std::vector<Executor::Wait> all;
        for (const auto& [thread, wait] : waits_) {
            all.push_back(
                {wait.holds->name(), wait.waits_for->name(), age_ms(wait.since), circle(thread)});
        }
        return all;
    }

  private:
    struct Wait {
        const Executor* holds;
        const Executor* waits_for;
        int64_t since;
    };
    std::vector<std::string> circle(uint64_t thread) {
        std::vector<std::string> names;
        auto wait = waits_.find(thread);
        // A circle is no longer than there are threads that wait.
        while (wait != waits_.end() && names.size() < waits_.size()) {
            names.push_back(wait->second.waits_for->name());
            const uint64_t holder = wait->second.waits_for->owner();
            if (holder == thread) return names;
            wait = waits_.find(holder);
        }
        return {};
    }

    std::mutex mutex_;
    std::map<uint64_t, Wait> waits_;
};

}  // namespace

/// The executor is this thread's from now on. Under the lock.
void Executor::hold() {
    wanted_.store(!entries_.empty(), std::memory_order_relaxed);
    owner_.store(thread_token(), std::memory_order_relaxed);
    since_.store(begun_now(), std::memory_order_relaxed);
}

/// Waits until this thread holds the executor.
void Executor::take_turn(std::unique_lock<FutexLock>& lock) {
    if (!busy_) {
        busy_ = true;
    } else {
        Waiter waiter;
        line_up(nullptr, &waiter);
        const bool holds_another = t_current != nullptr && t_current != this;
        if (holds_another) report_deadlock(lock);
        waiter.granted_changed.wait(lock, [&] { return waiter.granted; });
        if (holds_another) Waits::shared().remove(thread_token());
    }
    hold();
}

/// This thread holds a queue and is about to wait for this one: says so if that can never end.
/// Nobody can end it, but a driver's author wants to know.
void Executor::report_deadlock(std::unique_lock<FutexLock>& lock) {
    Waits& waits = Waits::shared();
    waits.add(thread_token(), t_current, this);
    const std::vector<std::string> circle = waits.circle_of(thread_token());
    if (circle.empty()) return;
    lock.unlock();
    log_driver_bug(
        "deadlock: a thread on queue \"%s\" waits for queue \"%s\", whose thread waits, directly "
        "or through others, for queue \"%s\", which the first one holds",
        t_current->name().c_str(), name_.c_str(), circle.back().c_str());
    lock.lock();
}

/// The holder is through: the executor goes to the next in line. With `to_pool` tasks are left to
/// the pool's threads, since the calling thread has something else to do. May give up the lock.
void Executor::pass_on(std::unique_lock<FutexLock>& lock, bool to_pool) {
    owner_.store(0, std::memory_order_relaxed);
    if (entries_.empty()) {
        busy_ = false;
        end_if_over(lock);
        return;
    }
    if (entries_.front().waiter != nullptr) {
        Waiter* waiter = entries_.front().waiter;
        entries_.pop_front();
        waiter->granted = true;
        // Under the lock: the waiter lives on the other thread's stack.
        waiter->granted_changed.notify();
        return;
    }
    if (to_pool) start_drain(lock);
}

void Executor::run_followers() {
    while (!followers_.empty()) {
        const TaskPtr task = std::move(followers_.front());
        followers_.pop_front();
        task->run();
    }
}

/// Runs what is queued, on a thread of the pool. The executor is busy_ on behalf of this call.
void Executor::drain() {
    const Running running(this);
    std::unique_lock lock(mutex_);
    for (;;) {
        if (entries_.empty() || entries_.front().waiter != nullptr) {
            pass_on(lock, false);
            return;
        }
        TaskPtr task = std::move(entries_.front().task);
        entries_.pop_front();
        hold();
        lock.unlock();
        task->run();
        task.reset();
        run_followers();
        lock.lock();
        owner_.store(0, std::memory_order_relaxed);
    }
}

Executor::Outcome Executor::sync(const std::function<void()>& work) {
    if (on_queue()) {
        const Running running(this);
        work();
        return Outcome::reentered;
    }
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    if (cancelled_) return Outcome::cancelled;
    take_turn(lock);
    lock.unlock();
    {
        const Running running(this);
        work();
        run_followers();
    }
    lock.lock();
    pass_on(lock, true);
    return Outcome::done;
}

Executor::Outcome Executor::async_method(TaskPtr&& task) {
    return methods_parallel_ ? concurrent(std::move(task)) : async(std::move(task));
}

Executor::Outcome Executor::sync_method(const std::function<void()>& work) {
    if (!methods_parallel_) return sync(work);
    std::unique_lock lock(mutex_);
    if (cancelled_) return Outcome::cancelled;
    enter_beside();
    lock.unlock();
    work();
    lock.lock();
    leave_beside(lock);
    return Outcome::done;
}

bool Executor::try_claim() {
    const std::lock_guard lock(mutex_);
    if (busy_ || cancelled_) return false;
    busy_ = true;
    wanted_.store(false, std::memory_order_relaxed);
    owner_.store(thread_token(), std::memory_order_relaxed);
    since_.store(0, std::memory_order_relaxed);
    return true;
}

Executor::Claimed::Claimed(std::shared_ptr<Executor> executor)
    : executor_(std::move(executor)), outer_(t_current) {
    t_current = executor_.get();
}

Executor::Claimed::~Claimed() {
    executor_->run_followers();
    t_current = outer_;
    std::unique_lock lock(executor_->mutex_);
    executor_->pass_on(lock, true);
}

void Executor::run_claimed(TaskPtr task) {
    const Claimed claimed(shared_from_this());
    since_.store(begun_now(), std::memory_order_relaxed);
    task->run();
    task.reset();
}

Executor::Outcome Executor::concurrent(TaskPtr&& task) {
    {
        const std::lock_guard lock(mutex_);
        if (cancelled_) return Outcome::cancelled;
        enter_beside();
    }
    ThreadPool::shared().submit(
        make_task([self = shared_from_this(), task = std::move(task)]() mutable {
            task->run();
            task.reset();
            std::unique_lock lock(self->mutex_);
            self->leave_beside(lock);
        }));
    return Outcome::done;
}

void Executor::cancel(TaskPtr handler) {
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    wanted_.store(true, std::memory_order_relaxed);
    if (handler) endings_.push_back(std::move(handler));
    end_if_over(lock);
}

Executor::Wake Executor::sleep(const void* event, uint64_t deadline_ns) {
    if (!on_queue()) return Wake::not_on_queue;
    about_to_block();
    const auto self = shared_from_this();
    Sleeper sleeper{.event = event, .woken = false, .waiter = {}};
    std::unique_lock lock(mutex_);
    sleepers_.push_back(&sleeper);
    const auto place = std::prev(sleepers_.end());
    enter_beside();
    pass_on(lock, true);
    if (!lock.owns_lock()) lock.lock();
    auto& changed = sleeper.waiter.granted_changed;
    const auto woken = [&] { return sleeper.woken; };
    if (deadline_ns == 0) {
        changed.wait(lock, woken);
    } else {
        (void)changed.wait_until(
            lock, static_cast<int64_t>(std::min<uint64_t>(deadline_ns, INT64_MAX)), woken);
    }
    const bool was_woken = sleeper.woken;
    if (was_woken) {
        changed.wait(lock, [&] { return sleeper.waiter.granted; });
        hold();
    } else {
        sleepers_.erase(place);
        take_turn(lock);
    }
    --beside_;  // it holds the executor again: the end comes when it lets go
    return was_woken ? Wake::woken : Wake::timed_out;
}

size_t Executor::wakeup(const void* event, bool all) {
    const std::lock_guard lock(mutex_);
    size_t count = 0;
    for (auto at = sleepers_.begin(); at != sleepers_.end();) {
        if ((*at)->event != event) {
            ++at;
            continue;
        }
        Sleeper& sleeper = **at;
        sleeper.woken = true;
        if (busy_) {
            line_up(nullptr, &sleeper.waiter);
        } else {
            busy_ = true;
            sleeper.waiter.granted = true;
        }
        sleeper.waiter.granted_changed.notify();
        at = sleepers_.erase(at);
        ++count;
        if (!all) break;
    }
    return count;
}

Executor::Activity Executor::activity(size_t most) const {
    const std::lock_guard lock(mutex_);
    Activity activity;
    activity.name = name_;
    activity.taken = owner() != 0;
    activity.cancelled = cancelled_;
    if (activity.taken) activity.age_ms = age_ms(since_.load(std::memory_order_relaxed));
    activity.behind = entries_.size();
    if (!entries_.empty()) activity.behind_age_ms = age_ms(entries_.front().since);
    for (const Entry& entry : entries_) {
        if (activity.calls.size() >= most) break;
        if (entry.task == nullptr) continue;
        Task::Call call = entry.task->call();
        if (!call.client.empty()) activity.calls.push_back({std::move(call), age_ms(entry.since)});
    }
    return activity;
}

std::vector<Executor::Activity> Executor::all_activity(size_t most) {
    std::vector<Activity> all;
    Executors::shared().visit(
        [&](const Executor& executor) { all.push_back(executor.activity(most)); });
    return all;
}

std::vector<Executor::Wait> Executor::all_waits() {
    return Waits::shared().all();
}

}  // namespace opendext::runtime
