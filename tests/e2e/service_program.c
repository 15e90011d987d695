/* SPDX-License-Identifier: Apache-2.0 */
/* program COMMAND ARGUMENTS: what service_test.py does as an application. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ServiceProtocol.h"

enum { kInOut = 3, kShare = 0x10, kPage = 4096 };

static io_service_t find(const char* name) {
    io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching(name));
    if (service == IO_OBJECT_NULL) {
        printf("no service %s\n", name);
        exit(3);
    }
    return service;
}

static io_connect_t open_root(void) {
    io_service_t service = find("ServiceRoot");
    io_connect_t connection = IO_OBJECT_NULL;
    const kern_return_t result = IOServiceOpen(service, mach_task_self(), 0, &connection);
    IOObjectRelease(service);
    if (result != kIOReturnSuccess) {
        printf("open 0x%x\n", result);
        exit(4);
    }
    return connection;
}

static void call(io_connect_t connection, uint32_t selector, const uint64_t* in, uint32_t count,
                 const char* what) {
    uint64_t out = 0;
    uint32_t outs = 1;
    const kern_return_t result =
        IOConnectCallScalarMethod(connection, selector, in, count, &out, &outs);
    printf("%s 0x%x %llu\n", what, result, (unsigned long long)out);
    fflush(stdout);
}

static uint8_t* pages(size_t count) {
    uint8_t* memory =
        mmap(NULL, count * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) exit(5);
    memset(memory, 1, count * kPage);
    return memory;
}

static void memory(void) {
    io_connect_t connection = open_root();
    uint8_t* here = pages(2);
    uint8_t* there = pages(1);
    const uint64_t copied[] = {kInOut, (uint64_t)here + 10, 100, (uint64_t)there, 50};
    call(connection, kServiceTakeMemory, copied, 5, "copied");
    printf("first bytes %u %u\n", here[10], there[0]);
    here[11] = 9;
    call(connection, kServiceLookAgain, NULL, 0, "copy has");

    const uint64_t shared[] = {kInOut | kShare, (uint64_t)here, 2 * kPage};
    call(connection, kServiceTakeMemory, shared, 3, "shared");
    printf("first byte %c\n", here[0]);
    here[1] = 77;
    call(connection, kServiceLookAgain, NULL, 0, "share has");
    const uint64_t again[] = {kInOut | kShare, (uint64_t)here + kPage, kPage};
    call(connection, kServiceTakeMemory, again, 3, "shared again");
    printf("first byte %c\n", here[kPage]);

    const uint64_t crooked[] = {kInOut | kShare, (uint64_t)there + 1, 10};
    call(connection, kServiceTakeMemory, crooked, 3, "crooked");
    const uint64_t nowhere[] = {kInOut, 4096, 10};
    call(connection, kServiceTakeMemory, nowhere, 3, "nowhere");
    const uint64_t strange[] = {kInOut | 0x1000, (uint64_t)there, 10};
    call(connection, kServiceTakeMemory, strange, 3, "strange");
    IOServiceClose(connection);
}

int main(int argc, char** argv) {
    const char* command = argc > 1 ? argv[1] : "";
    const uint64_t argument = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    if (strcmp(command, "memory") == 0) {
        memory();
    } else if (strcmp(command, "open") == 0) {
        io_service_t service = find(argv[2]);
        io_connect_t connection = IO_OBJECT_NULL;
        const uint32_t type = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0;
        printf("open 0x%x\n", IOServiceOpen(service, mach_task_self(), type, &connection));
    } else if (strcmp(command, "set") == 0) {
        io_service_t service = find("ServiceNub");
        const int32_t seven = 7;
        CFNumberRef number = CFNumberCreate(kCFAllocatorDefault, kCFNumberSInt32Type, &seven);
        const void* keys[] = {CFSTR("FromOutside")};
        const void* values[] = {number};
        CFDictionaryRef properties =
            CFDictionaryCreate(kCFAllocatorDefault, keys, values, 1, &kCFTypeDictionaryKeyCallBacks,
                               &kCFTypeDictionaryValueCallBacks);
        printf("set 0x%x\n", IORegistryEntrySetCFProperties(service, properties));
    } else {
        static const struct {
            const char* name;
            uint32_t selector;
        } kCalls[] = {{"crash", kServiceCrash},     {"exit", kServiceExit},
                      {"item", kServiceSetItem},    {"power", kServiceChangePower},
                      {"busy", kServiceAdjustBusy}, {"entitlements", kServiceEntitlements}};
        for (size_t i = 0; i < sizeof kCalls / sizeof kCalls[0]; ++i) {
            if (strcmp(command, kCalls[i].name) != 0) continue;
            io_connect_t connection = open_root();
            call(connection, kCalls[i].selector, &argument, 1, command);
            IOServiceClose(connection);
        }
    }
    return 0;
}
