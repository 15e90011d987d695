/* SPDX-License-Identifier: Apache-2.0 */
#ifndef Check_h
#define Check_h

#include <os/log.h>
#include <stdint.h>

/** Counts what a driver tried of itself. The test reads the lines that these write to the log:
 *  "NAME: failed: CONDITION (LINE)" and at the end "NAME: N checks passed, M failed". */
struct Checks {
    const char* name;
    uint32_t passed;
    uint32_t failed;
};

static inline void check(struct Checks* checks, bool good, const char* what, int line) {
    if (good) {
        ++checks->passed;
        return;
    }
    ++checks->failed;
    os_log_error(OS_LOG_DEFAULT, "%{public}s: failed: %{public}s (%d)", checks->name, what, line);
}

static inline void check_done(const struct Checks* checks) {
    os_log(OS_LOG_DEFAULT, "%{public}s: %u checks passed, %u failed", checks->name, checks->passed,
           checks->failed);
}

#define CHECK(checks, condition) check((checks), (condition), #condition, __LINE__)

#endif
