/* SPDX-License-Identifier: Apache-2.0 */
#include "SubjectFaults.h"

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSMappedFile.h>
#include <os/log.h>
#include <stdlib.h>
#include <string.h>

#include "SubjectProtocol.h"

/* Of the C library: a driver has no business with them. */
extern "C" int close(int);
extern "C" void _exit(int) __attribute__((noreturn));
extern "C" int fork();
extern "C" long syscall(long, ...);
/* Of 64-bit Linux: pthread_attr_t has 56 bytes, a pthread_t is a word. */
struct ThreadAttributes {
    alignas(8) char bytes[64];
};
extern "C" int pthread_attr_init(ThreadAttributes*);
extern "C" int pthread_attr_setstacksize(ThreadAttributes*, size_t);
extern "C" int pthread_create(unsigned long*, const ThreadAttributes*, void* (*)(void*), void*);
extern "C" int pthread_join(unsigned long, void**);

static _Atomic(uint64_t) gPoint;
static _Atomic(uint64_t) gFault;

void SubjectArm(uint64_t point, uint64_t fault) {
    gFault = fault;
    gPoint = point;
}

void SubjectReach(uint64_t point) {
    uint64_t wanted = point;
    if (!__c11_atomic_compare_exchange_strong(&gPoint, &wanted, kSubjectNowhere, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST)) {
        return;
    }
    SubjectDo(nullptr, gFault, 1);
}

static uint64_t digits(const char* text) {
    return static_cast<uint64_t>((text[0] - '0') * 10 + (text[1] - '0'));
}

void SubjectArmFromFile(uint64_t instance) {
    OSMappedFile* file = nullptr;
    if (OSMappedFile::createFromPath("armed", 0, 0, &file) != kIOReturnSuccess) return;
    if (file->size() >= 6) {
        const char* text = static_cast<const char*>(file->data());
        if (digits(text) == instance) SubjectArm(digits(text + 2), digits(text + 4));
    }
    OSSafeReleaseNULL(file);
}

static void spin(uint64_t ms) {
    const uint64_t end = clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + ms * 1000000;
    while (clock_gettime_nsec_np(CLOCK_UPTIME_RAW) < end) {
    }
}

__attribute__((noinline)) static uint64_t overflow(uint64_t depth) {
    volatile char room[4096];
    room[depth % sizeof room] = 1;
    return overflow(depth + 1) + static_cast<uint64_t>(room[0]);
}

static void take_memory() {
    const size_t piece = 16 << 20;
    static void* pieces[512];
    int count = 0;
    while (count < 512 && (pieces[count] = IOMalloc(piece)) != nullptr) {
        memset(pieces[count], 1, 4096);
        ++count;
    }
    os_log(OS_LOG_DEFAULT, "subject: %d pieces of memory", count);
    while (count-- != 0) IOFree(pieces[count], piece);
}

static void take_descriptors() {
    static IOBufferMemoryDescriptor* held[6000];
    int count = 0;
    while (count < 6000 && IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 16384, 0,
                                                            &held[count]) == kIOReturnSuccess) {
        ++count;
    }
    os_log(OS_LOG_DEFAULT, "subject: %d memory descriptors", count);
    while (count-- != 0) OSSafeReleaseNULL(held[count]);
}

static void take_threads() {
    static IODispatchQueue* queues[200];
    int count = 0;
    while (count < 200 &&
           IODispatchQueue::Create("subject.many", 0, 0, &queues[count]) == kIOReturnSuccess) {
        queues[count]->DispatchAsync(^{
          IOSleep(20);
        });
        ++count;
    }
    while (count-- != 0) {
        queues[count]->DispatchSync(^{
        });
        OSSafeReleaseNULL(queues[count]);
    }
}

/* Threads beside those of queues, until there are no more; they live until the last one is there.
 */
static void take_raw_threads() {
    /* More than the campaign's realms allow (sandbox.threads), where that can be had. */
    constexpr int kMost = 400;
    static unsigned long threads[kMost];
    static _Atomic(bool) enough;
    enough = false;
    ThreadAttributes attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32768);
    int count = 0;
    const auto wait = [](void*) -> void* {
        while (!enough) IOSleep(50);
        return nullptr;
    };
    while (count < kMost && pthread_create(&threads[count], &attributes, wait, nullptr) == 0)
        ++count;
    os_log(OS_LOG_DEFAULT, "subject: %d threads", count);
    enough = true;
    while (count-- != 0) pthread_join(threads[count], nullptr);
}

/* A driver that gets a process of its own by any way ends at once: that would be the defect. */
static void make_processes(uint64_t amount) {
    constexpr long kVfork = 58;
    constexpr long kClone = 56;
    constexpr long kClone3 = 435;
    for (uint64_t i = 0; i < amount; ++i) {
        if (fork() >= 0 || syscall(kClone, 17, 0, 0, 0, 0) >= 0 ||
            syscall(kClone3, nullptr, 0) >= 0 || syscall(kVfork) >= 0) {
            _exit(99);
        }
    }
}

static kern_return_t change_power(IOService* service) {
    kern_return_t ret = service->JoinPMTree();
    if (ret == kIOReturnSuccess) ret = service->ChangePowerState(kIOServicePowerCapabilityLow);
    return ret == kIOReturnSuccess ? service->ChangePowerState(kIOServicePowerCapabilityOn) : ret;
}

static kern_return_t run_block() {
    IODispatchQueue* queue = nullptr;
    const kern_return_t ret = IODispatchQueue::Create("subject.block", 0, 0, &queue);
    if (ret != kIOReturnSuccess) return ret;
    queue->DispatchAsync(^{
      SubjectReach(kSubjectInBlock);
    });
    OSSafeReleaseNULL(queue);
    return ret;
}

static kern_return_t set_properties(IOService* service, uint64_t amount) {
    static char text[8192];
    memset(text, 'x', sizeof text - 1);
    kern_return_t ret = kIOReturnSuccess;
    for (uint64_t i = 0; i < amount && ret == kIOReturnSuccess; ++i) {
        text[0] = static_cast<char>('a' + i % 26);
        OSDictionary* properties = OSDictionary::withCapacity(1);
        OSDictionarySetStringValue(properties, "SubjectText", text);
        ret = service->SetProperties(properties);
        OSSafeReleaseNULL(properties);
    }
    return ret;
}

static kern_return_t make_services(IOService* service, uint64_t amount) {
    kern_return_t ret = kIOReturnSuccess;
    for (uint64_t i = 0; i < amount && ret == kIOReturnSuccess; ++i) {
        IOService* made = nullptr;
        ret = service->Create(service, "MoreProperties", &made);
        if (ret != kIOReturnSuccess) return ret;
        ret = made->RegisterService();
        made->Terminate(0);
        OSSafeReleaseNULL(made);
    }
    return ret;
}

kern_return_t SubjectDo(IOService* service, uint64_t fault, uint64_t amount) {
    static volatile int zero = 0;
    switch (fault) {
        case kSubjectHang:
            for (;;) IOSleep(1000);
        case kSubjectSpin:
            spin(amount);
            return kIOReturnSuccess;
        case kSubjectNullWrite:
            *reinterpret_cast<volatile int*>(static_cast<uintptr_t>(zero)) = 1;
            return kIOReturnError;
        case kSubjectAbort:
            abort();
        case kSubjectTrap:
            __builtin_trap();
        case kSubjectDivide:
            zero = static_cast<int>(amount + 7) / zero;
            return kIOReturnError;
        case kSubjectExit:
            _exit(static_cast<int>(amount));
        case kSubjectOverflow:
            return overflow(0) == 0 ? kIOReturnError : kIOReturnBusy;
        case kSubjectDoubleFree: {
            void* volatile memory = IOMalloc(64);
            IOFree(memory, 64);
            IOFree(memory, 64);
            return kIOReturnSuccess;
        }
        case kSubjectMemory:
            take_memory();
            return kIOReturnSuccess;
        case kSubjectDescriptors:
            take_descriptors();
            return kIOReturnSuccess;
        case kSubjectThreads:
            take_threads();
            return kIOReturnSuccess;
        case kSubjectLogs:
            for (uint64_t i = 0; i < amount; ++i)
                os_log(OS_LOG_DEFAULT, "subject: a line of many, %llu", i);
            return kIOReturnSuccess;
        case kSubjectProperties:
            return service ? set_properties(service, amount) : kIOReturnNotReady;
        case kSubjectServices:
            return service ? make_services(service, amount) : kIOReturnNotReady;
        case kSubjectCloseControl:
            close(3);
            return kIOReturnSuccess;
        case kSubjectRawThreads:
            take_raw_threads();
            return kIOReturnSuccess;
        case kSubjectForks:
            make_processes(amount);
            return kIOReturnSuccess;
        case kSubjectPower:
            return service ? change_power(service) : kIOReturnNotReady;
        case kSubjectBlock:
            return run_block();
        default:
            return kIOReturnBadArgument;
    }
}
