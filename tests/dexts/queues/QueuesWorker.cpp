/* SPDX-License-Identifier: Apache-2.0 */
#include "QueuesWorker.h"
#include <DriverKit/IOLib.h>

bool QueuesWorker::init() {
    return super::init();
}

kern_return_t IMPL(QueuesWorker, Work) {
    if (completion == nullptr) return kIOReturnBadArgument;
    Done(completion, a * b, "worker");
    return kIOReturnSuccess;
}

kern_return_t IMPL(QueuesWorker, AskBack) {
    return Ask(question, value, answer);
}
