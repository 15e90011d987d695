// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace opendext::serial {

/// The time of std::chrono::steady_clock, without the way through the C++ library.
inline std::chrono::steady_clock::time_point clock_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::steady_clock::time_point(std::chrono::seconds(now.tv_sec) +
                                                 std::chrono::nanoseconds(now.tv_nsec));
}

/// How a thread waits between two batches of one direction of a stream. A terminal holds about
/// 11 KiB, so a stream of many ports costs a wake-up for every few KiB, unless the thread comes
/// back only when there is a good batch; a fast single stream costs less when the thread stays.
/// Knows nothing of terminals; the owner's thread only.
class Pace {
  public:
    using Clock = std::chrono::steady_clock;

    enum class Wait : uint8_t {
        event,  ///< until the kernel tells of something: no stream, or one where that is cheapest
        stay,   ///< the next batch comes sooner than a sleep would end
        nap,    ///< until `due()`, whatever the kernel would tell
    };
    /// A turn that moved this much belongs to a bulk stream.
    static constexpr uint32_t kBulk = 2048;

    /// What a turn of the owner's loop has moved.
    Wait turn(uint32_t bytes, Clock::time_point now);
    /// Others want the CPU: nobody stays for a while.
    void crowded(Clock::time_point now);

    [[nodiscard]] bool napping() const { return step_ > 0; }
    [[nodiscard]] Clock::time_point due() const { return due_; }

  private:
    Wait nap(Clock::time_point now, int step);
    Wait after_nap(uint32_t bytes, Clock::time_point now);

    int step_ = 0;  ///< which length of nap; 0: none
    Clock::time_point due_;
    uint32_t brought_ = 0;  ///< since the nap began
    bool had_ = false;      ///< the nap before brought something
    Clock::time_point last_bulk_;
    Clock::time_point no_stay_until_;
    Clock::time_point last_;
    Clock::time_point mark_;  ///< when the stretch began over which the speed is taken
    uint32_t since_mark_ = 0;
};

}  // namespace opendext::serial
