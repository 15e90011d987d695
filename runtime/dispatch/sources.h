// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSAction.h>

#include <memory>
#include <mutex>

#include "runtime/dispatch/block.h"
#include "runtime/dispatch/executor.h"

class IODispatchQueue;

namespace opendext::runtime {

/// What every dispatch source has: a queue, whether it is enabled, and an end.
struct SourceState {
    mutable std::mutex mutex;
    IODispatchQueue* queue = nullptr;  // retained
    bool enabled = true;
    bool cancelled = false;

    ~SourceState();
    void set_queue(IODispatchQueue* queue);
    /// Calls may be made.
    [[nodiscard]] bool active() const {
        const std::lock_guard lock(mutex);
        return enabled && !cancelled;
    }
};

/// Runs `handler` when the calls that a source has made are over: behind the work that the queue of
/// the handlers' target has now, or at once on a thread of the pool where there is none. `source`
/// is retained until then.
void run_after_handlers(OSObject* source, OSAction* action, OSAction* second,
                        void (^handler)(void));
/// Waits until no call of the action runs; returns at once on the queue that such a call runs on.
void wait_for_handler(OSAction* action);

}  // namespace opendext::runtime
