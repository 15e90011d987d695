// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/dispatch.h"

#include <Block.h>
#include <CoreFoundation/CFRunLoop.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

using Work = std::function<void()>;

/// A serial queue. Its thread lives while there is work, so that an idle queue costs no thread.
struct dispatch_queue_s {
    explicit dispatch_queue_s(bool main) : is_main(main) {}

    const bool is_main;
    std::atomic<int> references = 1;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Work> work;
    bool running = false;  ///< a thread is at it
};

namespace {

std::atomic<bool> main_in_use = false;

dispatch_queue_s& main_queue() {
    static auto& queue =
        *new dispatch_queue_s(true);  // never destroyed: used until the process ends
    return queue;
}

void retain(dispatch_queue_s* queue) {
    if (!queue->is_main) queue->references.fetch_add(1);
}

void release(dispatch_queue_s* queue) {
    if (!queue->is_main && queue->references.fetch_sub(1) == 1) delete queue;
}

/// Runs one piece of work; false if there is none.
bool run_next(dispatch_queue_s& queue, std::unique_lock<std::mutex>& lock) {
    if (queue.work.empty()) return false;
    Work work = std::move(queue.work.front());
    queue.work.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    return true;
}

void serve(dispatch_queue_s* queue) {
    std::unique_lock lock(queue->mutex);
    while (run_next(*queue, lock)) {
    }
    queue->running = false;
    lock.unlock();
    release(queue);
}

void submit(dispatch_queue_s* queue, Work work) {
    bool start = false;
    {
        const std::lock_guard lock(queue->mutex);
        queue->work.push_back(std::move(work));
        start = !queue->is_main && !queue->running;
        if (start) queue->running = true;
        queue->changed.notify_all();
    }
    if (start) {
        retain(queue);
        sigset_t all;
        sigset_t old;
        ::sigfillset(&all);  // the program's signals are for its own threads
        ::pthread_sigmask(SIG_SETMASK, &all, &old);
        std::thread(serve, queue).detach();
        ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }
    if (queue->is_main) CFRunLoopWakeUp(CFRunLoopGetMain());
}

void submit_and_wait(dispatch_queue_s* queue, const Work& work) {
    std::mutex mutex;
    std::condition_variable done_changed;
    bool done = false;
    submit(queue, [&] {
        work();
        const std::lock_guard lock(mutex);
        done = true;
        done_changed.notify_one();
    });
    std::unique_lock lock(mutex);
    done_changed.wait(lock, [&] { return done; });
}

}  // namespace

namespace opendext::cf {

bool main_queue_in_use() {
    return main_in_use.load();
}

bool main_queue_has_work() {
    const std::lock_guard lock(main_queue().mutex);
    return !main_queue().work.empty();
}

bool drain_main_queue() {
    dispatch_queue_s& queue = main_queue();
    std::unique_lock lock(queue.mutex);
    // Only what is there now, so that work which submits more does not keep the loop from its
    // sources.
    size_t count = queue.work.size();
    const bool any = count > 0;
    while (count-- > 0 && run_next(queue, lock)) {
    }
    return any;
}

}  // namespace opendext::cf

dispatch_queue_t dispatch_queue_create(const char*, dispatch_queue_attr_t) {
    return new dispatch_queue_s(false);
}

dispatch_queue_main_t dispatch_get_main_queue(void) {
    main_in_use.store(true);
    return &main_queue();
}

void dispatch_main(void) {
    dispatch_queue_s& queue = main_queue();
    std::unique_lock lock(queue.mutex);
    for (;;) {
        queue.changed.wait(lock, [&] { return !queue.work.empty(); });
        run_next(queue, lock);
    }
}

void dispatch_async_f(dispatch_queue_t queue, void* context, dispatch_function_t work) {
    submit(queue, [=] { work(context); });
}

void dispatch_sync_f(dispatch_queue_t queue, void* context, dispatch_function_t work) {
    submit_and_wait(queue, [=] { work(context); });
}

void dispatch_async(dispatch_queue_t queue, dispatch_block_t block) {
    dispatch_block_t copy = Block_copy(block);
    submit(queue, [copy] {
        copy();
        Block_release(copy);
    });
}

void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block) {
    submit_and_wait(queue, [block] { block(); });
}

void dispatch_retain(dispatch_object_t object) {
    retain(static_cast<dispatch_queue_s*>(object));
}
void dispatch_release(dispatch_object_t object) {
    release(static_cast<dispatch_queue_s*>(object));
}
