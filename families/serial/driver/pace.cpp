// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/pace.h"

#include <algorithm>
#include <utility>

namespace opendext::serial {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// What a nap should bring: less than a terminal holds, so that its other side is never kept
/// waiting.
constexpr uint32_t kBatch = 8 * 1024;
/// Bulk turns that follow each other within this time: staying is cheaper than sleeping.
constexpr microseconds kStay{400};
/// The speed is taken over this much; a pause begins a new stretch.
constexpr uint32_t kStretch = 4 * kBatch;
constexpr milliseconds kPause{10};
/// A batch that takes longer is worth a nap; a shorter nap costs more than it saves.
constexpr microseconds kWorthANap{400};
constexpr microseconds kShortest{100};
/// A stream whose batches take longer is paced by somebody else.
constexpr milliseconds kSlow{16};
/// Also the longest time that the end of a burst may wait.
constexpr microseconds kLongest{6000};

}  // namespace

Pace::Wait Pace::nap(Clock::time_point now, Duration length) {
    nap_ = std::min(length, Duration(kLongest));
    due_ = now + nap_;
    brought_ = 0;
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
        const auto batch = duration_cast<Duration>(now - mark_) * kBatch / since_mark_;
        mark_ = now;
        since_mark_ = 0;
        if (batch >= kWorthANap && batch <= kSlow) return nap(now, batch / 2);
    }
    if (bytes < kBulk) return Wait::event;
    const auto gap = now - std::exchange(last_bulk_, now);
    return gap < kStay ? Wait::stay : Wait::event;
}

Pace::Wait Pace::after_nap(uint32_t bytes, Clock::time_point now) {
    brought_ += bytes;
    if (now < due_) return Wait::nap;
    if (brought_ < kBulk) {
        nap_ = Duration::zero();
        last_ = last_bulk_ = {};
        return Wait::event;
    }
    // At most a half, at least twice as long as the last one: a single odd batch changes little.
    const Duration next = std::clamp(nap_ * kBatch / brought_, nap_ / 2, nap_ * 2);
    if (next >= kShortest) return nap(now, next);
    nap_ = Duration::zero();
    last_ = last_bulk_ = mark_ = now;
    since_mark_ = 0;
    return Wait::event;
}

void Pace::crowded(Clock::time_point now) {
    if (!napping()) nap(now, kShortest);
}

}  // namespace opendext::serial
