// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/sweeper.h"

#include <pthread.h>

#include <algorithm>
#include <thread>

namespace opendext::serial {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Less than this a port and direction means that the sweep came too early.
constexpr uint32_t kThinOut = 1200;
constexpr uint32_t kThinIn = 2500;
/// Naps between sweeps; each length is twice the one before.
constexpr microseconds kShortestNap{100};
constexpr int kLengths = 6;
/// A port without bytes for so long is left to its own thread.
constexpr milliseconds kIdle{20};

}  // namespace

Sweeper& Sweeper::shared() {
    static Sweeper& sweeper = *new Sweeper;
    return sweeper;
}

void Sweeper::join(SweptPort& port) {
    const std::lock_guard lock(mutex_);
    members_.push_back({&port, Clock::now()});
    if (!started_) {
        started_ = true;
        std::thread([this] {
            ::pthread_setname_np(::pthread_self(), "serial sweeper");
            run();
        }).detach();
    }
    changed_.notify_all();
}

void Sweeper::leave(SweptPort& port) {
    std::unique_lock lock(mutex_);
    std::erase_if(members_, [&](const Member& member) { return member.port == &port; });
    changed_.wait(lock, [&] { return visited_ != &port; });
}

void Sweeper::run() {
    int length = 0;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return !members_.empty(); });
        }
        length = std::clamp(length + (sweep(Clock::now()) ? -1 : 1), 0, kLengths);
        if (length > 0) std::this_thread::sleep_for(kShortestNap * (1 << (length - 1)));
    }
}

/// True if the ports that had bytes had many.
bool Sweeper::sweep(Clock::time_point now) {
    struct {
        uint64_t bytes = 0;
        uint64_t ports = 0;
        void count(uint32_t moved) {
            bytes += moved;
            ports += moved > 0;
        }
    } out, in;
    std::unique_lock lock(mutex_);
    for (size_t i = 0; i < members_.size();) {
        SweptPort& port = *members_[i].port;
        visited_ = &port;
        lock.unlock();
        const SweptPort::Visit visit = port.visit(now);
        out.count(visit.out);
        in.count(visit.in);
        lock.lock();
        // Others may have left meanwhile.
        const auto member = std::find_if(members_.begin(), members_.end(),
                                         [&](const Member& one) { return one.port == &port; });
        if (member != members_.end()) {
            if (visit.out + visit.in > 0) member->moved_at = now;
            if (!visit.stay || now - member->moved_at > kIdle) {
                members_.erase(member);
                lock.unlock();
                port.left();
                lock.lock();
            } else {
                i = static_cast<size_t>(member - members_.begin()) + 1;
            }
        }
        visited_ = nullptr;
        changed_.notify_all();
    }
    const bool any = out.ports + in.ports > 0;
    return any && out.bytes >= out.ports * kThinOut && in.bytes >= in.ports * kThinIn;
}

}  // namespace opendext::serial
