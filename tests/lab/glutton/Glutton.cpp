/* SPDX-License-Identifier: Apache-2.0 */
#include "Glutton.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>
#include <os/log.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int* volatile gNowhere = (volatile int*)0x10;

/* Until somebody ends it. */
static void EatMemory() {
    for (;;) {
        const size_t size = (size_t)1 << 20;
        volatile char* some = (volatile char*)malloc(size);
        for (size_t at = 0; some != nullptr && at < size; at += 4096) some[at] = 1;
    }
}

static void* Wait(void*) {
    for (;;) usleep(1000000);
}

/* As many as it gets. */
static void EatThreads() {
    unsigned count = 0;
    pthread_t thread;
    while (pthread_create(&thread, nullptr, Wait, nullptr) == 0) ++count;
    os_log(OS_LOG_DEFAULT, "threads: %u", count);
}

static void* Spin(void*) {
    for (volatile unsigned long turns = 0;; turns = turns + 1) {
    }
}

static void Crash() {
    *gNowhere = 1;  // crash
}

static void Hang() {
    for (volatile bool forever = true; forever;) usleep(10000);  // hang
}

kern_return_t IMPL(Glutton, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) ret = RegisterService();
    return ret;
}

kern_return_t IMPL(Glutton, UserSetProperties) {
    OSDictionary* table = OSDynamicCast(OSDictionary, properties);
    OSString* order =
        table == nullptr ? nullptr : OSDynamicCast(OSString, table->getObject("GluttonOrder"));
    if (order == nullptr) return kIOReturnBadArgument;
    if (order->isEqualTo("memory")) EatMemory();
    if (order->isEqualTo("threads")) EatThreads();
    if (order->isEqualTo("processor")) {
        pthread_t thread;
        pthread_create(&thread, nullptr, Spin, nullptr);
    }
    if (order->isEqualTo("crash")) Crash();
    if (order->isEqualTo("hang")) Hang();
    return kIOReturnSuccess;
}
