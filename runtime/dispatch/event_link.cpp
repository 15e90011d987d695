// SPDX-License-Identifier: Apache-2.0
// IOEventLink: two ends, each with a counter of the signals that the other end has sent it, in
// shared memory. A wait is a futex on the own counter. The two ends are two objects of the same
// name and user client, or whoever has a descriptor of the memory.
#include <DriverKit/IOEventLink.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSString.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/shared_state.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"

using namespace opendext::runtime;

namespace {

/// In shared memory: another process may write it. Nothing here is an index or a length.
struct LinkMemory {
    struct End {
        uint32_t claimed;  // an object is active at this end
        uint32_t signals;  // not consumed yet; kCancelled besides
    } ends[2];
};
constexpr uint32_t kCancelled = 0x80000000;

NamedStates& links() {
    static auto& states = *new NamedStates;
    return states;
}

void wake(uint32_t* word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

/// Waits while the word is 0. False at the deadline (CLOCK_MONOTONIC, 0 = none).
bool wait_while_zero(uint32_t* word, uint64_t deadline_ns) {
    const timespec until{static_cast<time_t>(deadline_ns / 1000000000u),
                         static_cast<long>(deadline_ns % 1000000000u)};
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
        const long result =
            syscall(SYS_futex, word, FUTEX_WAIT_BITSET, 0, deadline_ns == 0 ? nullptr : &until,
                    nullptr, FUTEX_BITSET_MATCH_ANY);
        if (result != 0 && errno == ETIMEDOUT) return false;
    }
    return true;
}

void cancel_link(LinkMemory& memory) {
    for (auto& end : memory.ends) {
        __atomic_fetch_or(&end.signals, kCancelled, __ATOMIC_ACQ_REL);
        wake(&end.signals);
    }
}

enum class Association : uint8_t { none, thread, on_wait };

}  // namespace

struct IOEventLink_IVars {
    std::mutex mutex;
    IOUserClient* client = nullptr;  // retained
    std::string name;
    std::shared_ptr<SharedState> state;
    int end = -1;  // index of the own end once active
    bool invalid = false;
    Association association = Association::none;
    uint64_t thread = 0;  // thread_token() of the associated thread
    bool waiting = false;
};

namespace {

/// One end in use. Keeps the memory while a thread waits in it.
struct ActiveEnd {
    std::shared_ptr<SharedState> state;
    LinkMemory::End* own = nullptr;
    LinkMemory::End* other = nullptr;
};

/// With the mutex held.
kern_return_t active_end(const IOEventLink_IVars& link, ActiveEnd& out) {
    if (link.invalid) return kIOReturnAborted;
    if (link.end < 0) return kIOReturnNotReady;
    auto* memory = link.state->as<LinkMemory>();
    out = {link.state, &memory->ends[link.end], &memory->ends[1 - link.end]};
    const bool cancelled = (__atomic_load_n(&out.own->signals, __ATOMIC_ACQUIRE) & kCancelled) != 0;
    return cancelled ? kIOReturnAborted : kIOReturnSuccess;
}

kern_return_t signal(IOEventLink_IVars& link) {
    ActiveEnd end;
    {
        const std::lock_guard lock(link.mutex);
        if (const kern_return_t result = active_end(link, end); result != kIOReturnSuccess)
            return result;
    }
    uint32_t before = __atomic_load_n(&end.other->signals, __ATOMIC_RELAXED);
    do {
        if ((before & kCancelled) != 0) return kIOReturnAborted;
        if (before == kCancelled - 1) return kIOReturnOverrun;
    } while (!__atomic_compare_exchange_n(&end.other->signals, &before, before + 1, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    wake(&end.other->signals);
    return kIOReturnSuccess;
}

/// The calling thread may wait here. With the mutex held.
kern_return_t begin_wait(IOEventLink_IVars& link) {
    switch (link.association) {
        case Association::none:
            return kIOReturnNotAttached;
        case Association::on_wait:
            link.thread = thread_token();
            link.association = Association::thread;
            break;
        case Association::thread:
            if (link.thread != thread_token()) return kIOReturnNotPermitted;
            break;
    }
    link.waiting = true;
    return kIOReturnSuccess;
}

kern_return_t wait(IOEventLink_IVars& link, uint64_t deadline, uint64_t* consumed) {
    ActiveEnd end;
    {
        const std::lock_guard lock(link.mutex);
        kern_return_t result = active_end(link, end);
        if (result == kIOReturnSuccess) result = begin_wait(link);
        if (result != kIOReturnSuccess) return result;
    }
    const bool in_time = wait_while_zero(&end.own->signals, deadline);
    const uint32_t signals = __atomic_fetch_and(&end.own->signals, kCancelled, __ATOMIC_ACQ_REL);
    {
        const std::lock_guard lock(link.mutex);
        link.waiting = false;
    }
    const uint32_t count = signals & ~kCancelled;
    if (consumed != nullptr) *consumed = count;
    if (count > 0) return kIOReturnSuccess;
    if ((signals & kCancelled) != 0) return kIOReturnAborted;
    return in_time ? kIOReturnSuccess : kIOReturnTimeout;
}

/// With the mutex held: the end is free for somebody else and the link is over.
void let_go(IOEventLink_IVars& link) {
    if (link.end < 0) return;
    auto* memory = link.state->as<LinkMemory>();
    cancel_link(*memory);
    __atomic_store_n(&memory->ends[link.end].claimed, 0, __ATOMIC_RELEASE);
    link.end = -1;
}

}  // namespace

kern_return_t IOEventLink::Create_Impl(OSString* name, IOUserClient* userClient,
                                       IOEventLink** eventLink) {
    if (eventLink == nullptr) return kIOReturnBadArgument;
    *eventLink = nullptr;
    if (!name_fits(name, userClient, kIOEventLinkMaxNameLength)) return kIOReturnBadArgument;
    auto state = links().get(userClient, name->getCStringNoCopy());
    if (!state) {
        log(LogType::error, "event link: %s", state.error().text().c_str());
        return kIOReturnNoMemory;
    }
    OSObject* object = nullptr;
    const kern_return_t result = OSObjectAllocate(gIOEventLinkMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<IOEventLink*>(object);
    userClient->retain();
    made->ivars->client = userClient;
    made->ivars->name = name->getCStringNoCopy();
    made->ivars->state = std::move(state).value();
    *eventLink = made;
    return kIOReturnSuccess;
}

bool IOEventLink::init() {
    if (!super::init()) return false;
    ivars = new IOEventLink_IVars;
    return true;
}

void IOEventLink::free() {
    if (ivars != nullptr) {
        let_go(*ivars);
        OSSafeReleaseNULL(ivars->client);
        delete ivars;
    }
    super::free();
}

kern_return_t IOEventLink::SetEventlinkPort_Impl(mach_port_t port) {
    const std::lock_guard lock(ivars->mutex);
    if (ivars->end >= 0) return kIOReturnBusy;
    auto state = SharedState::from_descriptor(static_cast<int>(port));
    if (!state) {
        log_driver_bug("IOEventLink::SetEventlinkPort: %s", state.error().text().c_str());
        return kIOReturnBadArgument;
    }
    ivars->state = std::move(state).value();
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Activate() {
    const std::lock_guard lock(ivars->mutex);
    if (ivars->invalid) return kIOReturnAborted;
    if (ivars->state == nullptr) return kIOReturnNotReady;
    if (ivars->end >= 0) return kIOReturnBusy;
    auto* memory = ivars->state->as<LinkMemory>();
    for (int i = 0; i < 2; ++i) {
        uint32_t free = 0;
        if (!__atomic_compare_exchange_n(&memory->ends[i].claimed, &free, 1, false,
                                         __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            continue;
        }
        ivars->end = i;
        return kIOReturnSuccess;
    }
    return kIOReturnNoResources;  // both ends are taken
}

kern_return_t IOEventLink::Associate(uint64_t options) {
    const std::lock_guard lock(ivars->mutex);
    if (options != kIOEventLinkAssociateCurrentThread && options != kIOEventLinkAssociateOnWait)
        return kIOReturnBadArgument;
    ActiveEnd end;
    if (const kern_return_t result = active_end(*ivars, end); result != kIOReturnSuccess)
        return result;
    if (ivars->association != Association::none) return kIOReturnBusy;
    if (options == kIOEventLinkAssociateOnWait) {
        ivars->association = Association::on_wait;
    } else {
        ivars->association = Association::thread;
        ivars->thread = thread_token();
    }
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Disassociate() {
    const std::lock_guard lock(ivars->mutex);
    if (ivars->association == Association::none) return kIOReturnNotAttached;
    if (ivars->waiting) return kIOReturnBusy;
    ivars->association = Association::none;
    ivars->thread = 0;
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Signal() {
    return signal(*ivars);
}

kern_return_t IOEventLink::Wait(uint64_t* signalsConsumed) {
    return wait(*ivars, 0, signalsConsumed);
}

kern_return_t IOEventLink::WaitUntil(uint64_t clockOptions, uint64_t timeout,
                                     uint64_t* signalsConsumed) {
    // Ticks of absolute time are nanoseconds of CLOCK_MONOTONIC.
    if (clockOptions != kIOEventLinkClockMachAbsoluteTime) return kIOReturnBadArgument;
    return wait(*ivars, timeout, signalsConsumed);
}

kern_return_t IOEventLink::SignalAndWait(uint64_t* signalsConsumed) {
    const kern_return_t result = signal(*ivars);
    return result == kIOReturnSuccess ? Wait(signalsConsumed) : result;
}

kern_return_t IOEventLink::SignalAndWaitUntil(uint64_t clockOptions, uint64_t timeout,
                                              uint64_t* signalsConsumed) {
    if (clockOptions != kIOEventLinkClockMachAbsoluteTime) return kIOReturnBadArgument;
    const kern_return_t result = signal(*ivars);
    return result == kIOReturnSuccess ? WaitUntil(clockOptions, timeout, signalsConsumed) : result;
}

kern_return_t IOEventLink::Cancel() {
    const std::lock_guard lock(ivars->mutex);
    ActiveEnd end;
    if (const kern_return_t result = active_end(*ivars, end); result != kIOReturnSuccess)
        return result;
    cancel_link(*ivars->state->as<LinkMemory>());
    return kIOReturnSuccess;
}

kern_return_t IOEventLink::Invalidate() {
    IOUserClient* client = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        if (std::exchange(ivars->invalid, true)) return kIOReturnAborted;
        let_go(*ivars);
        client = ivars->client;
    }
    return client == nullptr ? kIOReturnSuccess : InvalidateKernel(client);
}

kern_return_t IOEventLink::InvalidateKernel_Impl(IOUserClient* client) {
    const std::lock_guard lock(ivars->mutex);
    if (client == nullptr || client != ivars->client) return kIOReturnBadArgument;
    links().forget(client, ivars->name, ivars->state.get());
    return kIOReturnSuccess;
}
