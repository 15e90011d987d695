// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

class IOMemoryDescriptor;
class IOUserClient;
class OSAction;
class OSObject;
struct IOUserClientMethodArguments;

/// What the test driver's callbacks do instead of telling `Events`. Set while no callback can come.
struct Hooks {
    std::function<void(OSAction*, uint64_t time)> timer;
    std::function<void(OSAction*, uint64_t count, uint64_t time)> interrupt;
    std::function<void()> data_available;
    std::function<void()> data_serviced;
    /// Calls of client programs with a selector from 100 on.
    std::function<int(IOUserClient*, IOUserClientMethodArguments*)> external;
    std::function<int(uint64_t type, uint64_t* options, IOMemoryDescriptor**)> client_memory;
    OSObject* started = nullptr;  // the driver whose Start ran last
    /// Orders what the test and the driver do on two sides of a channel, which a thread sanitizer
    /// cannot see: both are in this process, but with mappings of their own.
    static void pass_through_channel() {
        static std::atomic<int> passed{0};
        passed.fetch_add(1);
    }
    static Hooks& shared() {
        static auto& hooks = *new Hooks;
        return hooks;
    }
};

/// What the test driver did, in order, from any thread; tests wait for it.
class Events {
  public:
    static Events& shared() {
        static auto& events = *new Events;
        return events;
    }
    void add(std::string event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
        changed_.notify_all();
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        events_.clear();
    }
    std::vector<std::string> all() {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    /// False after a generous time-out.
    bool wait_for(const std::string& event, size_t times = 1,
                  std::chrono::seconds patience = std::chrono::seconds(30)) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return count(event) >= times; });
    }
    size_t count_of(const std::string& event) {
        const std::lock_guard lock(mutex_);
        return count(event);
    }

  private:
    size_t count(const std::string& event) const {
        size_t found = 0;
        for (const auto& each : events_) found += each == event ? 1 : 0;
        return found;
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> events_;
};
