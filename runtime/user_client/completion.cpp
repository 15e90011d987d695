// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/completion.h"

#include "runtime/log/log.h"
#include "runtime/user_client/connection.h"

namespace opendext::runtime {
namespace uc = protocol::user_client;

Completion::~Completion() {
    if (failed_.load(std::memory_order_relaxed)) return;
    if (const auto connection = connection_.lock()) connection->completion_released(word_);
}

OSAction* Completion::make_action(std::shared_ptr<Completion> completion) {
    return make_receiver_action(gOSAction_IOUserClient_KernelCompletionMetaClass,
                                IOUserClient_AsyncCompletion_ID, std::move(completion));
}

kern_return_t Completion::receive(OSAction* action, const IORPC& rpc) {
    return IOUserClient::AsyncCompletion_Invoke(
        rpc, action,
        [](OSMetaClassBase* target, OSAction*, IOReturn status,
           const IOUserClientAsyncArgumentsArray data, uint32_t count) {
            auto* own = static_cast<OSAction*>(target)->OSAction::ivars->receiver.get();
            static_cast<Completion*>(own)->complete(status, data, count);
        },
        gOSAction_IOUserClient_KernelCompletionMetaClass);
}

void Completion::complete(IOReturn status, const uint64_t* arguments, uint32_t count) {
    if (failed_.load(std::memory_order_relaxed)) return;
    if (count > uc::kMaxAsyncArguments) {
        log_driver_bug("AsyncCompletion with %u arguments, %zu is the most; it is dropped", count,
                       uc::kMaxAsyncArguments);
        return;
    }
    if (const auto connection = connection_.lock())  // else the client is gone
        connection->complete({word_, status, count}, arguments);
}

}  // namespace opendext::runtime
