// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOCommandPool.h>

#include <condition_variable>
#include <mutex>

#include "runtime/containers/container_class.h"
#include "runtime/log/log.h"

using namespace opendext::runtime;

OSMetaClass* gIOCommandPoolMetaClass;

struct IOCommandPool_IVars {
    IODispatchQueue* queue = nullptr;  // retained
    queue_head_t free_commands{};      // touched on the queue only

    // For callers that wait elsewhere than on the queue: they try again when this has changed.
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t returns = 0;

    void tell_waiters() {
        {
            const std::lock_guard lock(mutex);
            ++returns;
        }
        changed.notify_all();
    }
    uint64_t returns_so_far() {
        const std::lock_guard lock(mutex);
        return returns;
    }
    void wait_for_return_after(uint64_t seen) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return returns != seen; });
    }
};

namespace {
ContainerRegistration<IOCommandPool> g_pool("IOCommandPool", "OSObject", &gIOCommandPoolMetaClass);
}

IOCommandPoolPtr IOCommandPool::withQueue(IODispatchQueue* queue) {
    OSObject* object = nullptr;
    if (OSObjectAllocate(gIOCommandPoolMetaClass, &object) != kIOReturnSuccess) return nullptr;
    auto* pool = static_cast<IOCommandPool*>(object);
    if (!pool->initWithQueue(queue)) OSSafeReleaseNULL(pool);
    return pool;
}

bool IOCommandPool::init() {
    if (!super::init()) return false;
    ivars = new IOCommandPool_IVars;
    queue_init(&ivars->free_commands);
    return true;
}

bool IOCommandPool::initWithQueue(IODispatchQueue* queue) {
    if (queue == nullptr || ivars->queue != nullptr) return false;
    queue->retain();
    ivars->queue = queue;
    return true;
}

void IOCommandPool::free() {
    if (ivars != nullptr) OSSafeReleaseNULL(ivars->queue);
    delete ivars;
    super::free();
}

kern_return_t IOCommandPool::gatedGetCommand(IOCommand** command, bool blockForCommand) {
    if (command == nullptr) return kIOReturnBadArgument;
    *command = nullptr;
    if (!ivars->queue->OnQueue()) return kIOReturnNotPermitted;
    while (queue_empty(&ivars->free_commands)) {
        if (!blockForCommand) return kIOReturnNoResources;
        const kern_return_t result = ivars->queue->Sleep(&ivars->free_commands, 0);
        if (result != kIOReturnSuccess) return result;
    }
    *command = IOCommand::FromChain(dequeue_head(&ivars->free_commands));
    return kIOReturnSuccess;
}

kern_return_t IOCommandPool::gatedReturnCommand(IOCommand* command) {
    if (command == nullptr) return kIOReturnBadArgument;
    if (!ivars->queue->OnQueue()) return kIOReturnNotPermitted;
    enqueue_tail(&ivars->free_commands, command->CommandChain());
    ivars->queue->Wakeup(&ivars->free_commands);
    ivars->tell_waiters();
    return kIOReturnSuccess;
}

IOCommandPtr IOCommandPool::getCommand(bool blockForCommand) {
    IOCommand* command = nullptr;
    if (ivars->queue->OnQueue()) {
        gatedGetCommand(&command, blockForCommand);
        return command;
    }
    while (true) {
        const uint64_t seen = ivars->returns_so_far();
        IOCommand** const result = &command;
        const kern_return_t got = ivars->queue->RunAction(^kern_return_t {
          return gatedGetCommand(result, false);
        });
        if (got != kIOReturnNoResources || !blockForCommand) return command;
        ivars->wait_for_return_after(seen);
    }
}

void IOCommandPool::returnCommand(IOCommand* command) {
    if (command == nullptr) return;
    if (ivars->queue->OnQueue()) {
        gatedReturnCommand(command);
        return;
    }
    const kern_return_t result = ivars->queue->RunAction(^kern_return_t {
      return gatedReturnCommand(command);
    });
    if (result == kIOReturnSuccess) return;
    log(LogType::error, "IOCommandPool: a command came back after its queue was cancelled");
    ivars->tell_waiters();  // they find out too
}
