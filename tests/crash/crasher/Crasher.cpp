/* SPDX-License-Identifier: Apache-2.0 */
#include "Crasher.h"

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>
#include <assert.h>
#include <os/log.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>

struct Crasher_IVars {
    IODispatchQueue* other;
    IOTimerDispatchSource* timer;
    OSAction* tick;
    char how[32];
};

/* What the test looks for in the report is in the comments: the file's name and that line's number.
 */
static volatile int gZero = 0;
static volatile int gSeven = 7;
static volatile int* volatile gNowhere = (volatile int*)0x10;
static volatile int gDepth = 0;

static int __attribute__((noinline)) Recurse(volatile char* outer) {
    volatile char room[4096];
    room[0] = outer[0];
    gDepth = gDepth + 1;
    return Recurse(room) + room[1];  // overflow
}

static void __attribute__((noinline)) BeyondTheFile() {
    const int file = memfd_create("short", 0);
    volatile char* page = (volatile char*)mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
    gZero = page[0];  // bus
}

static inline __attribute__((always_inline)) void Inlined() {
    *gNowhere = 1;  // inlined
}

/* Takes the signal away from the runtime. */
static void OwnHandler(int) {
    _exit(3);
}

static void __attribute__((noinline)) Die(const char* how) {
    os_log(OS_LOG_DEFAULT, "dies: %{public}s", how);
    if (!strcmp(how, "segv")) *gNowhere = 1;  // segv
    if (!strcmp(how, "inlined")) Inlined();   // call of inlined
    if (!strcmp(how, "overflow")) gZero = Recurse((volatile char*)how);
    if (!strcmp(how, "bus")) BeyondTheFile();
    if (!strcmp(how, "ill")) __builtin_trap();                                     // ill
    if (!strcmp(how, "fpe")) gDepth = gSeven / gZero;                              // fpe
    if (!strcmp(how, "abort")) abort();                                            // abort
    if (!strcmp(how, "trap")) __builtin_debugtrap();                               // trap
    if (!strcmp(how, "sys")) raise(SIGSYS);                                        // sys
    if (!strcmp(how, "assert")) assert(gZero == 1 && "the world is upside down");  // assert
    if (!strcmp(how, "panic")) panic("the paper is on fire, tray %d", 3);          // panic
    if (!strcmp(how, "terminate")) std::terminate();                               // terminate
    if (!strcmp(how, "heap")) {
        void* volatile twice = malloc(24);
        ::free(twice);
        ::free(twice);  // heap
    }
    if (!strcmp(how, "exit")) exit(7);
    if (!strcmp(how, "handled")) {
        signal(SIGSEGV, OwnHandler);
        *gNowhere = 1;
    }
    if (!strcmp(how, "closed")) {
        for (int fd = 0; fd < 64; ++fd) close(fd);
        *gNowhere = 1;  // closed
    }
    if (!strcmp(how, "hangs up")) {
        shutdown(3, SHUT_RDWR);
    }
    if (!strcmp(how, "hangs up and stays")) {
        shutdown(3, SHUT_RDWR);
        raise(SIGSTOP); /* the runtime, too, notices nothing */
    }
    if (!strcmp(how, "smashed")) {
        /* Nothing of the stack is left, nor of the alternate one. */
        stack_t none = {nullptr, SS_DISABLE, 0};
        sigaltstack(&none, nullptr);
        asm volatile("xor %%esp, %%esp\n\tpush %%rax" ::: "memory");
    }
    if (!strcmp(how, "descriptors")) {
        while (dup(2) >= 0) {
        }
        *gNowhere = 1;  // descriptors
    }
}

static struct Early {
    Early() {
        char how[32] = {};
        if (IOParseBootArgString("crasher_early", how, sizeof how)) Die(how);  // early
    }
} gEarly;

bool Crasher::init() {
    if (!super::init()) return false;
    ivars = IONewZero(Crasher_IVars, 1);
    return ivars != nullptr;
}

void Crasher::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->tick);
        OSSafeReleaseNULL(ivars->timer);
        OSSafeReleaseNULL(ivars->other);
    }
    IOSafeDeleteNULL(ivars, Crasher_IVars, 1);
    super::free();
}

kern_return_t IMPL(Crasher, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "Hello World");
    OSDictionary* properties = nullptr;
    if (CopyProperties(&properties) == kIOReturnSuccess) {
        OSString* how = OSDynamicCast(OSString, properties->getObject("CrasherStart"));
        if (how != nullptr) Die(how->getCStringNoCopy());  // start
        OSSafeReleaseNULL(properties);
    }
    ret = IODispatchQueue::Create("crasher.other", 0, 0, &ivars->other);
    if (ret == kIOReturnSuccess) ret = SetDispatchQueue("Other", ivars->other);
    if (ret == kIOReturnSuccess) ret = IOTimerDispatchSource::Create(ivars->other, &ivars->timer);
    if (ret == kIOReturnSuccess) ret = CreateActionTick(0, &ivars->tick);
    if (ret == kIOReturnSuccess) ret = ivars->timer->SetHandler(ivars->tick);
    if (ret == kIOReturnSuccess) ret = RegisterService();
    return ret;
}

void IMPL(Crasher, Tick) {
    Die(ivars->how);      // action
    gDepth = gDepth + 1;  // no tail call
}

kern_return_t IMPL(Crasher, UserSetProperties) {
    OSDictionary* table = OSDynamicCast(OSDictionary, properties);
    OSString* order =
        table == nullptr ? nullptr : OSDynamicCast(OSString, table->getObject("CrasherOrder"));
    if (order == nullptr) return kIOReturnBadArgument;
    strlcpy(ivars->how, order->getCStringNoCopy(), sizeof ivars->how);
    if (char* in = strstr(ivars->how, " in queue")) {
        *in = 0;
        ivars->other->DispatchAsync(^{
          Die(ivars->how);  // block
          gDepth = gDepth + 1;
        });
        return kIOReturnSuccess;
    }
    if (char* in = strstr(ivars->how, " in action")) {
        *in = 0;
        return ivars->timer->WakeAtTime(kIOTimerClockUptimeRaw, 1, 0);
    }
    Die(ivars->how);  // order
    return kIOReturnSuccess;
}
