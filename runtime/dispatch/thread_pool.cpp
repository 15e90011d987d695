// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/crash/crash_handler.h"
#include "runtime/log/log.h"

namespace opendext::runtime {
namespace {

constexpr size_t kStackSize = 512 * 1024;
constexpr auto kIdleTime = std::chrono::seconds(5);

struct Beginning {
    const char* name;
    TaskPtr task;
};

// glibc keeps the stack of the last detached thread that ended, of a joined one none. To
// ThreadSanitizer a thread that nobody has joined when the process ends is a leak.
#if __has_feature(thread_sanitizer)
constexpr bool kJoined = false;
#else
constexpr bool kJoined = true;
#endif

std::atomic<pthread_t> g_last_ended{0};  ///< 0: none that is to be joined

void join(pthread_t thread) {
    if (thread != 0) pthread_join(thread, nullptr);
}

void run(void* argument) {
    AlternateStack::Room room;
    const AlternateStack stack(room);
    const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(argument));
    pthread_setname_np(pthread_self(), beginning->name);
    beginning->task->run();
}

/// A thread joins the one that ended before it, which has nothing left to do.
void* run_task(void* argument) {
    run(argument);
    if (kJoined) join(g_last_ended.exchange(pthread_self()));
    return nullptr;
}

}  // namespace

void join_ended_threads() {
    join(g_last_ended.exchange(0));
}

void start_thread(const char* name, TaskPtr work) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackSize);
    pthread_attr_setdetachstate(&attributes,
                                kJoined ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    auto beginning = std::make_unique<Beginning>(Beginning{name, std::move(work)});
    const int error = pthread_create(&thread, &attributes, run_task, beginning.get());
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        log(LogType::fault, "cannot start thread %s: %s", name, strerror(error));
        abort();
    }
    (void)beginning.release();
}

ThreadPool& ThreadPool::shared() {
    static auto& pool = *new ThreadPool;  // never destroyed: its threads outlive main
    return pool;
}

void ThreadPool::submit(TaskPtr task) {
    std::unique_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ >= tasks_.size()) {
        lock.unlock();
        wake_.notify_one();
        return;
    }
    if (threads_ < kMaxThreads) {
        ++threads_;
        lock.unlock();
        start_thread("queue", make_task([this] { work(); }));
        return;
    }
    if (!limit_reported_) {
        limit_reported_ = true;
        lock.unlock();
        log(LogType::error, "all %zu queue threads are busy or blocked; further work waits",
            kMaxThreads);
    }
}

void ThreadPool::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (tasks_.empty()) {
            ++idle_;
            const bool woken = wake_.wait_for(lock, kIdleTime, [this] { return !tasks_.empty(); });
            --idle_;
            if (!woken) {
                --threads_;
                return;
            }
        }
        {
            const TaskPtr task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task->run();
        }
        lock.lock();
    }
}

}  // namespace opendext::runtime
