// SPDX-License-Identifier: Apache-2.0
// IOWorkGroup: threads that work for one deadline. Linux has no scheduling class for that; what a
// member gets is timed waits without slack. Membership is kept for real, in memory that all objects
// of one name and user client share.
#include <DriverKit/IOUserClient.h>
#include <DriverKit/IOWorkGroup.h>
#include <DriverKit/OSString.h>
#include <sys/prctl.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/dispatch/executor.h"
#include "runtime/dispatch/shared_state.h"
#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"

using namespace opendext::runtime;

namespace {

/// In shared memory: another process may write it.
struct GroupMemory {
    uint32_t members;  // threads that have joined
    uint32_t ended;    // no further thread may join
};

/// What the caller's storage of GetTokenSize() bytes holds between Join and Leave.
struct Token {
    uint64_t magic;
    uint64_t group;   // number of the object
    uint64_t thread;  // thread_token()
    uint64_t slack;   // the thread's own timer slack, nanoseconds
};
constexpr uint64_t kTokenMagic = 0x776f726b67727570;  // "workgrup"

thread_local uint64_t t_group = 0;  // number of the object that this thread has joined

NamedStates& groups() {
    static auto& states = *new NamedStates;
    return states;
}

uint64_t next_number() {
    static std::atomic<uint64_t> next{1};
    return next.fetch_add(1, std::memory_order_relaxed);
}

uint64_t timer_slack() {
    const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    return slack > 0 ? static_cast<uint64_t>(slack) : 0;
}

}  // namespace

struct IOWorkGroup_IVars {
    std::mutex mutex;
    const uint64_t number = next_number();
    IOUserClient* client = nullptr;  // retained
    std::string name;
    std::shared_ptr<SharedState> state;
    bool invalid = false;
};

kern_return_t IOWorkGroup::Create_Impl(OSString* name, IOUserClient* userClient,
                                       IOWorkGroup** workgroup) {
    if (workgroup == nullptr) return kIOReturnBadArgument;
    *workgroup = nullptr;
    if (!name_fits(name, userClient, kIOWorkGroupMaxNameLength)) return kIOReturnBadArgument;
    auto state = groups().get(userClient, name->getCStringNoCopy());
    if (!state) {
        log(LogType::error, "work group: %s", state.error().text().c_str());
        return kIOReturnNoMemory;
    }
    OSObject* object = nullptr;
    const kern_return_t result = OSObjectAllocate(gIOWorkGroupMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<IOWorkGroup*>(object);
    userClient->retain();
    made->ivars->client = userClient;
    made->ivars->name = name->getCStringNoCopy();
    made->ivars->state = std::move(state).value();
    *workgroup = made;
    return kIOReturnSuccess;
}

bool IOWorkGroup::init() {
    if (!super::init()) return false;
    ivars = new IOWorkGroup_IVars;
    return true;
}

void IOWorkGroup::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->client);
        delete ivars;
    }
    super::free();
}

kern_return_t IOWorkGroup::SetWorkGroupPort_Impl(mach_port_t port) {
    auto state = SharedState::from_descriptor(static_cast<int>(port));
    if (!state) {
        log_driver_bug("IOWorkGroup::SetWorkGroupPort: %s", state.error().text().c_str());
        return kIOReturnBadArgument;
    }
    const std::lock_guard lock(ivars->mutex);
    if (t_group == ivars->number) return kIOReturnBusy;
    ivars->state = std::move(state).value();
    return kIOReturnSuccess;
}

size_t IOWorkGroup::GetTokenSize() {
    return sizeof(Token);
}

kern_return_t IOWorkGroup::Join(void* token) {
    if (token == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    if (ivars->state == nullptr) return kIOReturnNotReady;
    auto* memory = ivars->state->as<GroupMemory>();
    if (ivars->invalid || __atomic_load_n(&memory->ended, __ATOMIC_ACQUIRE) != 0)
        return kIOReturnAborted;
    if (t_group != 0) {
        log_driver_bug("IOWorkGroup::Join: the thread is in a work group already");
        return kIOReturnBusy;
    }
    const Token joined{kTokenMagic, ivars->number, thread_token(), timer_slack()};
    memcpy(token, &joined, sizeof joined);
    t_group = ivars->number;
    __atomic_fetch_add(&memory->members, 1, __ATOMIC_ACQ_REL);
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    return kIOReturnSuccess;
}

kern_return_t IOWorkGroup::Leave(void* token) {
    if (token == nullptr) return kIOReturnBadArgument;
    Token joined{};
    memcpy(&joined, token, sizeof joined);
    const std::lock_guard lock(ivars->mutex);
    if (joined.magic != kTokenMagic || joined.group != ivars->number) {
        log_driver_bug("IOWorkGroup::Leave: the token is not of a Join of this group");
        return kIOReturnBadArgument;
    }
    if (joined.thread != thread_token()) {
        log_driver_bug("IOWorkGroup::Leave: another thread has joined with this token");
        return kIOReturnNotPermitted;
    }
    if (t_group != ivars->number) return kIOReturnNotAttached;
    memset(token, 0, sizeof joined);
    t_group = 0;
    __atomic_fetch_sub(&ivars->state->as<GroupMemory>()->members, 1, __ATOMIC_ACQ_REL);
    if (joined.slack != 0) (void)prctl(PR_SET_TIMERSLACK, joined.slack, 0, 0, 0);
    return kIOReturnSuccess;
}

kern_return_t IOWorkGroup::Invalidate() {
    IOUserClient* client = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        if (std::exchange(ivars->invalid, true)) return kIOReturnAborted;
        if (ivars->state != nullptr) {
            __atomic_store_n(&ivars->state->as<GroupMemory>()->ended, 1, __ATOMIC_RELEASE);
        }
        client = ivars->client;
    }
    return client == nullptr ? kIOReturnSuccess : InvalidateKernel(client);
}

kern_return_t IOWorkGroup::InvalidateKernel_Impl(IOUserClient* client) {
    const std::lock_guard lock(ivars->mutex);
    if (client == nullptr || client != ivars->client) return kIOReturnBadArgument;
    groups().forget(client, ivars->name, ivars->state.get());
    return kIOReturnSuccess;
}
