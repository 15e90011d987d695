// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/run_loop.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "iokit/corefoundation/autorelease.h"
#include "iokit/corefoundation/dispatch.h"

namespace opendext::cf {
namespace {

constexpr const char* kCommonModes = "kCFRunLoopCommonModes";
constexpr const char* kDefaultMode = "kCFRunLoopDefaultMode";
/// A wait is never longer, whatever a caller gives: the clock's arithmetic must not overflow.
constexpr CFTimeInterval kForever = 1e8;

/// Ends the loop of a thread with the thread.
struct ThreadLoop {
    RunLoop* loop = nullptr;
    ~ThreadLoop() {
        if (loop == nullptr) return;
        {
            const std::lock_guard lock(run_loop_lock());
            loop->remove_all();
        }
        loop->release();
    }
};

}  // namespace

std::mutex& run_loop_lock() {
    static auto& mutex = *new std::mutex;  // loops of detached threads may outlive static objects
    return mutex;
}

Source::Source(CFIndex order, const CFRunLoopSourceContext& context)
    : LoopItem(kType), order(order), context(context) {
    if (context.retain != nullptr) context.retain(context.info);
}

Source::~Source() {
    if (context.release != nullptr) context.release(context.info);
}

Timer::Timer(CFAbsoluteTime fire_date, CFTimeInterval interval, CFIndex order,
             std::function<void(CFRunLoopTimerRef)> fire, const CFRunLoopTimerContext& context)
    : LoopItem(kType),
      order(order),
      interval(interval > 0 ? interval : 0),
      context(context),
      fire(std::move(fire)),
      fire_date(fire_date) {
    if (context.retain != nullptr) context.retain(context.info);
}

Timer::~Timer() {
    if (context.release != nullptr) context.release(context.info);
}

Observer::Observer(CFOptionFlags activities, bool repeats, CFIndex order,
                   std::function<void(CFRunLoopObserverRef, CFRunLoopActivity)> call,
                   const CFRunLoopObserverContext& context)
    : LoopItem(kType),
      activities(activities),
      repeats(repeats),
      order(order),
      context(context),
      call(std::move(call)) {
    if (context.retain != nullptr) context.retain(context.info);
}

Observer::~Observer() {
    if (context.release != nullptr) context.release(context.info);
}

RunLoop::RunLoop(bool is_main) : Object(kType), is_main_(is_main), common_modes_{kDefaultMode} {}

RunLoop& RunLoop::main() {
    static auto& loop = *new RunLoop(true);
    return loop;
}

RunLoop& RunLoop::current() {
    if (::gettid() == ::getpid()) return main();
    static thread_local ThreadLoop own;
    if (own.loop == nullptr) own.loop = new RunLoop(false);
    return *own.loop;
}

void RunLoop::put(LoopItem& item, const std::string& mode) {
    std::vector<LoopItem*>& items = modes_[mode];
    if (std::find(items.begin(), items.end(), &item) != items.end()) return;
    item.retain();
    items.push_back(&item);
    item.loops.insert(this);
}

void RunLoop::take(LoopItem& item, const std::string& mode) {
    std::vector<LoopItem*>& items = modes_[mode];
    const auto found = std::find(items.begin(), items.end(), &item);
    if (found == items.end()) return;
    items.erase(found);
    item.loops.erase(item.loops.find(this));
    item.release();  // the callers hold a reference of their own
}

void RunLoop::add(LoopItem& item, const std::string& mode) {
    if (!item.valid) return;
    if (mode != kCommonModes) {
        put(item, mode);
    } else {
        if (std::find(common_items_.begin(), common_items_.end(), &item) == common_items_.end()) {
            item.retain();
            common_items_.push_back(&item);
        }
        for (const std::string& common : common_modes_) put(item, common);
    }
    wake = true;
    woken.notify_all();
}

void RunLoop::remove(LoopItem& item, const std::string& mode) {
    if (mode != kCommonModes) return take(item, mode);
    for (const std::string& common : common_modes_) take(item, common);
    const auto found = std::find(common_items_.begin(), common_items_.end(), &item);
    if (found == common_items_.end()) return;
    common_items_.erase(found);
    item.release();
}

bool RunLoop::contains(const LoopItem& item, const std::string& mode) const {
    if (mode == kCommonModes)
        return std::find(common_items_.begin(), common_items_.end(), &item) != common_items_.end();
    const auto items = modes_.find(mode);
    return items != modes_.end() &&
           std::find(items->second.begin(), items->second.end(), &item) != items->second.end();
}

std::vector<std::string> RunLoop::modes_with(const LoopItem& item) const {
    std::vector<std::string> names;
    for (const auto& [mode, items] : modes_) {
        if (std::find(items.begin(), items.end(), &item) != items.end()) names.push_back(mode);
    }
    return names;
}

void RunLoop::remove_everywhere(LoopItem& item) {
    remove(item, kCommonModes);
    for (auto& [mode, items] : modes_) take(item, mode);
    wake = true;
    woken.notify_all();
}

void RunLoop::remove_all() {
    std::vector<LoopItem*> all = common_items_;
    for (const auto& [mode, items] : modes_) all.insert(all.end(), items.begin(), items.end());
    for (LoopItem* item : all) item->retain();
    for (LoopItem* item : all) remove_everywhere(*item);
    for (LoopItem* item : all) item->release();
}

void RunLoop::add_common_mode(const std::string& mode) {
    common_modes_.insert(mode);
    for (LoopItem* item : common_items_) put(*item, mode);
}

bool RunLoop::mode_is_empty(const std::string& mode) const {
    if (is_main_ && main_queue_in_use() && common_modes_.contains(mode)) return false;
    const auto waits = std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& block) {
        return block.first == mode || (block.first == kCommonModes && common_modes_.contains(mode));
    });
    const auto items = modes_.find(mode);
    return !waits && (items == modes_.end() ||
                      std::all_of(items->second.begin(), items->second.end(), [](LoopItem* item) {
                          return item->type() == Type::run_loop_observer;
                      }));
}

std::set<std::string> RunLoop::modes() const {
    std::set<std::string> names = common_modes_;
    for (const auto& [name, items] : modes_) {
        if (!items.empty()) names.insert(name);
    }
    return names;
}

template <typename T, typename Fits>
std::vector<T*> RunLoop::take_due(const std::string& mode, Fits fits) {
    std::vector<T*> due;
    for (LoopItem* item : modes_[mode]) {
        if (item->type() != T::kType || !item->valid) continue;
        auto* one = static_cast<T*>(item);
        if (!fits(*one)) continue;
        one->retain();
        due.push_back(one);
    }
    std::stable_sort(due.begin(), due.end(),
                     [](const T* a, const T* b) { return a->order < b->order; });
    return due;
}

void RunLoop::tell_observers(const std::string& mode, CFRunLoopActivity activity,
                             std::unique_lock<std::mutex>& lock) {
    const std::vector<Observer*> due = take_due<Observer>(mode, [&](const Observer& observer) {
        return (observer.activities & static_cast<CFOptionFlags>(activity)) != 0;
    });
    for (Observer* observer : due) {
        const bool call = observer->valid;
        if (call && !observer->repeats) {
            observer->valid = false;
            while (!observer->loops.empty())
                (*observer->loops.begin())->remove_everywhere(*observer);
        }
        lock.unlock();
        if (call) observer->call(to_ref<CFRunLoopObserverRef>(observer), activity);
        observer->release();
        lock.lock();
    }
}

bool RunLoop::run_blocks(const std::string& mode, std::unique_lock<std::mutex>& lock) {
    std::vector<std::function<void()>> due;
    for (auto block = blocks_.begin(); block != blocks_.end();) {
        if (block->first == mode ||
            (block->first == kCommonModes && common_modes_.contains(mode))) {
            due.push_back(std::move(block->second));
            block = blocks_.erase(block);
        } else {
            ++block;
        }
    }
    lock.unlock();
    for (std::function<void()>& block : due) block();
    const bool any = !due.empty();
    due.clear();
    const bool main_work = is_main_ && main_queue_in_use() && drain_main_queue();
    lock.lock();
    return any || main_work;
}

CFAbsoluteTime RunLoop::next_fire_date(const std::string& mode) const {
    CFAbsoluteTime next = std::numeric_limits<CFAbsoluteTime>::infinity();
    const auto items = modes_.find(mode);
    if (items == modes_.end()) return next;
    for (const LoopItem* item : items->second) {
        if (item->type() == Type::run_loop_timer && item->valid) {
            next = std::min(next, static_cast<const Timer*>(item)->fire_date);
        }
    }
    return next;
}

void RunLoop::fire_timers(const std::string& mode, std::unique_lock<std::mutex>& lock) {
    const CFAbsoluteTime now = CFAbsoluteTimeGetCurrent();
    std::vector<Timer*> due =
        take_due<Timer>(mode, [&](const Timer& timer) { return timer.fire_date <= now; });
    std::stable_sort(due.begin(), due.end(),
                     [](const Timer* a, const Timer* b) { return a->fire_date < b->fire_date; });
    for (Timer* timer : due) {
        if (timer->valid) {
            const CFAbsoluteTime fired = timer->fire_date;
            lock.unlock();
            timer->fire(to_ref<CFRunLoopTimerRef>(timer));
            lock.lock();
            if (timer->interval == 0) {
                timer->valid = false;
                while (!timer->loops.empty()) (*timer->loops.begin())->remove_everywhere(*timer);
            } else if (timer->fire_date == fired) {  // the handler has not set another date
                const double missed =
                    std::floor((CFAbsoluteTimeGetCurrent() - fired) / timer->interval);
                timer->fire_date = fired + timer->interval * (std::max(missed, 0.0) + 1);
            }
        }
        lock.unlock();  // the last reference may go, and its context's release is foreign code
        timer->release();
        lock.lock();
    }
}

bool RunLoop::perform_sources(const std::string& mode, std::unique_lock<std::mutex>& lock) {
    const std::vector<Source*> due = take_due<Source>(
        mode, [](Source& source) { return std::exchange(source.signaled, false); });
    const bool any = !due.empty();
    lock.unlock();
    for (Source* source : due) {
        if (source->valid && source->context.perform != nullptr)
            source->context.perform(source->context.info);
        source->release();
    }
    lock.lock();
    return any;
}

CFRunLoopRunResult RunLoop::run(const std::string& mode, CFTimeInterval seconds,
                                bool return_after_source) {
    const CFAbsoluteTime deadline = CFAbsoluteTimeGetCurrent() + std::clamp(seconds, 0.0, kForever);
    std::unique_lock lock(run_loop_lock());
    if (mode_is_empty(mode)) return kCFRunLoopRunFinished;
    bool stop = false;
    stops.push_back(&stop);
    running_modes.push_back(mode);
    CFRunLoopRunResult result{};
    tell_observers(mode, kCFRunLoopEntry, lock);
    for (;;) {
        wake = false;
        bool handled = run_blocks(mode, lock);
        tell_observers(mode, kCFRunLoopBeforeTimers, lock);
        fire_timers(mode, lock);
        tell_observers(mode, kCFRunLoopBeforeSources, lock);
        handled = perform_sources(mode, lock) || handled;
        if (running_modes.size() == 1) {  // what an outer call-back holds stays
            lock.unlock();
            drain_autorelease_pool();
            lock.lock();
        }
        if (handled && return_after_source) {
            result = kCFRunLoopRunHandledSource;
            break;
        }
        const CFAbsoluteTime now = CFAbsoluteTimeGetCurrent();
        if (stop) {
            result = kCFRunLoopRunStopped;
            break;
        }
        if (now >= deadline) {
            result = kCFRunLoopRunTimedOut;
            break;
        }
        if (mode_is_empty(mode)) {
            result = kCFRunLoopRunFinished;
            break;
        }
        const CFTimeInterval pause =
            std::min(std::min(deadline, next_fire_date(mode)) - now, kForever);
        if (pause <= 0 || wake) continue;
        if (is_main_ && main_queue_in_use() && main_queue_has_work()) continue;
        tell_observers(mode, kCFRunLoopBeforeWaiting, lock);
        waiting = true;
        woken.wait_for(lock, std::chrono::duration<double>(pause), [this] { return wake; });
        waiting = false;
        tell_observers(mode, kCFRunLoopAfterWaiting, lock);
    }
    tell_observers(mode, kCFRunLoopExit, lock);
    stops.pop_back();
    running_modes.pop_back();
    return result;
}

void RunLoop::perform(std::string mode, std::function<void()> block) {
    const std::lock_guard lock(run_loop_lock());
    blocks_.emplace_back(std::move(mode), std::move(block));
    wake = true;
    woken.notify_all();
}

void signal_and_wake(CFRunLoopSourceRef ref) {
    const std::lock_guard lock(run_loop_lock());
    auto& source = const_cast<Source&>(to<Source>(ref, "signal"));
    source.signaled = true;
    for (RunLoop* loop : source.loops) {
        loop->wake = true;
        loop->woken.notify_all();
    }
}

}  // namespace opendext::cf
