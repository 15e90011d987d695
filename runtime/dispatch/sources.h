// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSAction.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/source_call.h"
#include "runtime/dispatch/task.h"

class IODispatchQueue;

namespace opendext::runtime {

/// What every dispatch source has: whether it is enabled, its end, and the calls that it has made.
/// Held by a shared pointer, since calls may outlive the source's object.
struct SourceState : std::enable_shared_from_this<SourceState> {
    virtual ~SourceState();

    mutable std::mutex mutex;
    // Under the mutex:
    IODispatchQueue* queue = nullptr;  // retained
    bool enabled = true;
    bool cancelled = false;
    size_t calls = 0;                // made and not over
    std::vector<uint64_t> runners;   // threads (thread_token) that are in a handler
    std::vector<TaskPtr> when_over;  // run when `calls` gets to 0
    std::condition_variable changed;

    void set_queue(IODispatchQueue* wanted);
    /// Calls may be made.
    [[nodiscard]] bool active() const {
        const std::lock_guard lock(mutex);
        return enabled && !cancelled;
    }
};

/// A call of a source: counted from its making to its end.
class StateCall : public SourceCall {
  public:
    /// With the state's mutex held.
    explicit StateCall(SourceState& state);
    ~StateCall() override;
    [[nodiscard]] bool start() final;

  protected:
    /// With the mutex held: nothing that came later has made the call pointless.
    [[nodiscard]] virtual bool wanted() const { return true; }
    /// With the mutex held: the source was disabled before the call could start; it is to be made
    /// again when the source is enabled.
    virtual void held() {}
    /// The method ran, or is running.
    [[nodiscard]] bool started() const { return runner_ != 0; }

    const std::shared_ptr<SourceState> state_;

  private:
    uint64_t runner_ = 0;  // the thread that started it
};

/// Whether a callback action may be given to `method`, whose callback is `callback` with the id
/// `callback_id`. False with a line in the log that names both types. NULL is fine; a plain
/// OSAction of the right id gets a warning, since every call of it will be dropped.
[[nodiscard]] bool action_fits(OSAction* action, uint64_t callback_id, const char* method,
                               const char* callback);

/// Runs `handler` (may be NULL) once when all calls that the source has made are over: on the queue
/// of the target of `action`, or on a thread of the pool where there is none. `source` is retained
/// until then.
void run_after_calls(OSObject* source, SourceState& state, OSAction* action, void (^handler)(void));
/// Waits until no other thread is in a handler of the source; returns at once on the queue that
/// calls of `action` run on.
void wait_for_handlers(SourceState& state, OSAction* action);

/// Puts `action` (may be NULL) into a place of a source: retains it, releases what was there.
void exchange_action(SourceState& state, OSAction*& place, OSAction* action);
/// What is in the place, retained; NULL if nothing is.
[[nodiscard]] OSAction* copy_action(const SourceState& state, OSAction* const& place);

}  // namespace opendext::runtime
