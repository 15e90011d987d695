// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/pace.h"

#include <algorithm>
#include <utility>

namespace opendext::serial {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A nap is too short below the one and too long above the other. A terminal holds 8 to 12 KiB:
/// when it is full its other side waits.
constexpr uint32_t kSmallBatch = 4608;
constexpr uint32_t kLargeBatch = 7168;
/// Bulk turns that follow each other within this time: staying is cheaper than sleeping.
constexpr microseconds kStay{400};
/// How long nobody stays after others wanted the CPU.
constexpr milliseconds kCrowded{10};
/// The speed is taken over this much; a pause begins a new stretch.
constexpr uint32_t kStretch = 16 * 1024;
constexpr milliseconds kPause{10};
/// A stretch that took so long is worth naps; one that took longer is paced by somebody else.
constexpr microseconds kWorthNaps{800};
constexpr milliseconds kPaced{32};
/// Lengths of naps are 128 us, a half more, twice as much, and so on. A shorter one costs more than
/// it saves; the longest is also the longest time that the end of a burst may wait.
constexpr int kShortest = 1;
constexpr int kLongest = 11;
constexpr microseconds length_of(int step) {
    return microseconds(step % 2 == 1 ? 128 : 192) * (1 << ((step - 1) / 2));
}
static_assert(length_of(kLongest) == microseconds(4096));

}  // namespace

/// Naps of one length end at the same moments in all processes: the ports move their batches one
/// after the other, and the kernel's workers and the CPUs are woken once for all of them.
Pace::Wait Pace::nap(Clock::time_point now, int step) {
    step_ = std::clamp(step, kShortest, kLongest);
    brought_ = 0;
    const auto length = length_of(step_);
    due_ = now - now.time_since_epoch() % length + length;
    if (due_ - now < length / 2) due_ += length;
    return Wait::nap;
}

Pace::Wait Pace::turn(uint32_t bytes, Clock::time_point now) {
    if (napping()) return after_nap(bytes, now);
    if (bytes == 0) return Wait::event;
    if (now - std::exchange(last_, now) > kPause) {
        mark_ = now;
        since_mark_ = 0;
    } else {
        since_mark_ += bytes;
    }
    if (since_mark_ >= kStretch) {
        const auto took = now - std::exchange(mark_, now);
        since_mark_ = 0;
        if (took >= kWorthNaps && took <= kPaced) {
            had_ = true;
            int step = kShortest;
            while (step < kLongest && length_of(step) < took / 3) ++step;
            return nap(now, step);
        }
    }
    if (bytes < kBulk) return Wait::event;
    const auto gap = now - std::exchange(last_bulk_, now);
    return gap < kStay && now >= no_stay_until_ ? Wait::stay : Wait::event;
}

Pace::Wait Pace::after_nap(uint32_t bytes, Clock::time_point now) {
    brought_ += bytes;
    if (now < due_) return Wait::nap;
    const bool had = std::exchange(had_, brought_ > 0);
    if ((brought_ == 0 && !had) || (brought_ > 0 && brought_ < kBulk && step_ == kLongest)) {
        step_ = 0;
        last_ = last_bulk_ = {};
        return Wait::event;
    }
    if (brought_ < kSmallBatch) return nap(now, step_ + (brought_ < kSmallBatch / 2 ? 2 : 1));
    if (brought_ <= kLargeBatch) return nap(now, step_);
    if (step_ > kShortest) return nap(now, step_ - (brought_ > kLargeBatch * 2 ? 2 : 1));
    step_ = 0;
    last_ = last_bulk_ = mark_ = now;
    since_mark_ = 0;
    return Wait::event;
}

void Pace::crowded(Clock::time_point now) {
    no_stay_until_ = now + kCrowded;
}

}  // namespace opendext::serial
