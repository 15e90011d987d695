// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IORPC.h>
#include <DriverKit/OSMetaClass.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rpc/fd.h"
#include "rpc/protocol/common.h"
#include "runtime/messages/wire.h"

class OSObject;

namespace opendext::runtime {

class Executor;
class Process;

/// Calls of this thread to opendextd's side get no answer (family::Unanswered).
inline thread_local bool t_unanswered = false;

/// Sends a call to the owner of the object and waits for the answer unless it is one-way. `entry`
/// 0: a call of an action of another process.
kern_return_t send_call(uint64_t entry, OSMetaClassBase* self, const IORPC& rpc);

/// Runs a method of an object of this process on the queue of that method: at once if the thread is
/// on it, after what runs there otherwise; one-way calls are copied and run later.
kern_return_t invoke_local(OSObject* target, const IORPC& rpc);

/// A call that came from another process, from arrival to the answer.
class RemoteCall : public std::enable_shared_from_this<RemoteCall> {
  public:
    RemoteCall(std::shared_ptr<Process> process, uint64_t serial);
    ~RemoteCall();

    /// Finds the receiver and makes the message. False if the call is over already: refused, or the
    /// process ends since the message cannot be from opendextd.
    bool prepare(const protocol::Invocation& invocation, std::vector<UniqueFd>& fds);
    /// The queue of the method; nullptr if it has none.
    [[nodiscard]] std::shared_ptr<Executor> executor();
    /// Runs the method on this thread and answers.
    void run();
    void refuse(kern_return_t code, const std::string& reason);

  private:
    void answer(protocol::InvocationResult result, std::vector<UniqueFd> fds);

    const std::shared_ptr<Process> process_;
    const uint64_t serial_;
    OSObject* receiver_ = nullptr;      // retained
    std::shared_ptr<Executor> beside_;  // the queue whose methods run side by side
    std::optional<OwnedMessage> message_;
    uint64_t msgid_ = 0;
    bool oneway_ = false;
};

}  // namespace opendext::runtime
