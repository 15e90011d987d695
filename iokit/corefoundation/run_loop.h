// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class RunLoop;

/// What sources, timers and observers have in common: membership in modes of loops. Everything
/// mutable in this header is guarded by one lock (run_loop_lock()); call-backs run without it.
class LoopItem : public Object {
  public:
    using Object::Object;
    bool valid = true;
    std::multiset<RunLoop*>
        loops;  ///< one for each mode it is in; a loop takes itself out when it ends
};

class Source final : public LoopItem {
  public:
    static constexpr Type kType = Type::run_loop_source;
    Source(CFIndex order, const CFRunLoopSourceContext& context);
    ~Source() override;
    const CFIndex order;
    const CFRunLoopSourceContext context;
    bool signaled = false;
};

class Timer final : public LoopItem {
  public:
    static constexpr Type kType = Type::run_loop_timer;
    Timer(CFAbsoluteTime fire_date, CFTimeInterval interval, CFIndex order,
          std::function<void(CFRunLoopTimerRef)> fire, const CFRunLoopTimerContext& context);
    ~Timer() override;
    const CFIndex order;
    const CFTimeInterval interval;
    const CFRunLoopTimerContext context;
    const std::function<void(CFRunLoopTimerRef)> fire;
    CFAbsoluteTime fire_date;
    CFTimeInterval tolerance = 0;
};

class Observer final : public LoopItem {
  public:
    static constexpr Type kType = Type::run_loop_observer;
    Observer(CFOptionFlags activities, bool repeats, CFIndex order,
             std::function<void(CFRunLoopObserverRef, CFRunLoopActivity)> call,
             const CFRunLoopObserverContext& context);
    ~Observer() override;
    const CFOptionFlags activities;
    const bool repeats;
    const CFIndex order;
    const CFRunLoopObserverContext context;
    const std::function<void(CFRunLoopObserverRef, CFRunLoopActivity)> call;
};

class RunLoop final : public Object {
  public:
    static constexpr Type kType = Type::run_loop;
    explicit RunLoop(bool is_main);

    /// The calling thread's loop.
    static RunLoop& current();
    static RunLoop& main();

    /// Adds or removes a reference to `item` in `mode`, which may be the common modes. Under the
    /// lock.
    void add(LoopItem& item, const std::string& mode);
    void remove(LoopItem& item, const std::string& mode);
    [[nodiscard]] bool contains(const LoopItem& item, const std::string& mode) const;
    [[nodiscard]] std::vector<std::string> modes_with(const LoopItem& item) const;
    /// Takes the item out of every mode. Under the lock.
    void remove_everywhere(LoopItem& item);
    void remove_all();

    CFRunLoopRunResult run(const std::string& mode, CFTimeInterval seconds,
                           bool return_after_source);
    void perform(std::string mode, std::function<void()> block);
    void add_common_mode(const std::string& mode);
    [[nodiscard]] std::set<std::string> modes() const;
    /// Infinite where the mode has no timer.
    [[nodiscard]] CFAbsoluteTime next_fire_date(const std::string& mode) const;

    std::condition_variable woken;
    bool wake = false;
    bool waiting = false;
    std::vector<bool*> stops;  ///< the stop flags of the runs under way, innermost last
    std::vector<std::string> running_modes;

  private:
    [[nodiscard]] bool mode_is_empty(const std::string& mode) const;
    bool run_blocks(const std::string& mode, std::unique_lock<std::mutex>& lock);
    void fire_timers(const std::string& mode, std::unique_lock<std::mutex>& lock);
    bool perform_sources(const std::string& mode, std::unique_lock<std::mutex>& lock);
    void tell_observers(const std::string& mode, CFRunLoopActivity activity,
                        std::unique_lock<std::mutex>& lock);
    /// The items of a mode that are of type T and fit, in their order, each with a reference.
    template <typename T, typename Fits>
    std::vector<T*> take_due(const std::string& mode, Fits fits);
    void put(LoopItem& item, const std::string& mode);
    void take(LoopItem& item, const std::string& mode);

    const bool is_main_;
    std::map<std::string, std::vector<LoopItem*>> modes_;  ///< each holds a reference
    std::set<std::string> common_modes_;
    std::vector<LoopItem*> common_items_;
    std::vector<std::pair<std::string, std::function<void()>>> blocks_;
};

[[nodiscard]] std::mutex& run_loop_lock();

/// Marks a source as due and wakes every loop that it is in.
void signal_and_wake(CFRunLoopSourceRef source);

}  // namespace opendext::cf
