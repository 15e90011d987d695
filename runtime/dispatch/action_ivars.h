// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSAction.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace opendext::runtime {

class Executor;

/// Receives calls of an action in place of a target object, on the thread of the caller.
class ActionReceiver {
  public:
    virtual ~ActionReceiver() = default;
    virtual kern_return_t receive(OSAction* action, const IORPC& rpc) = 0;
};

}  // namespace opendext::runtime

/// The runtime's part of an action.
struct OSAction_IVars {
    std::mutex mutex;
    OSObject* target = nullptr;  // retained until cancelled or freed
    uint64_t target_msgid = 0;
    uint64_t msgid = 0;
    std::unique_ptr<uint64_t[]> reference;  // zeroed storage
    size_t reference_size = 0;

    bool cancelled = false;
    unsigned in_flight = 0;
    std::vector<OSActionCancelHandler> cancel_handlers;  // copied blocks
    OSActionAbortedHandler aborted_handler = nullptr;    // a copied block
    bool aborted = false;

    // Own action: the number under which other processes know it, 0 if none does. Foreign one: its
    // number there.
    uint64_t number = 0;
    bool foreign = false;

    /// Where the runtime itself is the receiver (asynchronous user-client calls): called instead of
    /// a target.
    std::shared_ptr<opendext::runtime::ActionReceiver> receiver;

    // WillWait … EndWait: an invocation is left to the thread that waits.
    struct OSActionWaitToken* token = nullptr;
    std::condition_variable wait_changed;
};

namespace opendext::runtime {

/// An action whose calls the runtime itself receives. `meta`: the class that generated code
/// expects.
OSAction* make_receiver_action(OSMetaClass* meta, uint64_t msgid,
                               std::shared_ptr<ActionReceiver> receiver);
/// Runs a call of `action` on its target, or sends it to where the action comes from.
kern_return_t invoke_action(OSAction* action, const IORPC& rpc);
/// The queue that calls of an own action run on; nullptr if there is none.
std::shared_ptr<Executor> executor_of_action(OSAction* action);
/// The last holder in another process is gone.
void action_aborted(OSAction* action);

}  // namespace opendext::runtime
