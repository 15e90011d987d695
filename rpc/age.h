// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>

namespace opendext {

/// When something began that may last, for whoever asks later: CLOCK_MONOTONIC in ns, good to some
/// ms, for a quarter of what reading it exactly costs.
inline int64_t begun_now() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

/// In ms; 0 if `begun` is.
inline uint64_t age_ms(int64_t begun) {
    const int64_t age = begun_now() - begun;
    return begun == 0 || age < 0 ? 0 : static_cast<uint64_t>(age) / 1'000'000;
}

}  // namespace opendext
