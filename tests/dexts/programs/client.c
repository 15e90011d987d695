/* SPDX-License-Identifier: Apache-2.0 */
/* The application of the dext in ../clients: opens it, makes each call, prints what came back. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <stdio.h>
#include <string.h>

#include "../clients/ClientsProtocol.h"

/* Two words come with the completion, so it has the form of IOAsyncCallback2. */
static void completed(void* refcon, IOReturn result, void* value, void* square) {
    printf("completed 0x%x: %lu %lu, %s\n", result, (unsigned long)value, (unsigned long)square,
           (const char*)refcon);
    CFRunLoopStop(CFRunLoopGetCurrent());
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    io_service_t service = IOServiceGetMatchingService(
        kIOMainPortDefault, IOServiceNameMatching("conformance-clients"));
    io_connect_t connection = IO_OBJECT_NULL;
    printf("open 1: 0x%x\n", IOServiceOpen(service, mach_task_self(), 1, &connection));
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    printf("open 0: 0x%x\n", ret);
    if (ret != KERN_SUCCESS) return 1;

    const uint64_t numbers[2] = {6, 7};
    uint64_t results[2] = {0, 0};
    uint32_t count = 2;
    ret = IOConnectCallScalarMethod(connection, kClientsAdd, numbers, 2, results, &count);
    printf("add 0x%x: %u: %lu %lu\n", ret, count, (unsigned long)results[0],
           (unsigned long)results[1]);
    printf("add with one: 0x%x\n",
           IOConnectCallScalarMethod(connection, kClientsAdd, numbers, 1, results, &count));

    char turned[16] = "";
    size_t size = sizeof turned;
    ret = IOConnectCallStructMethod(connection, kClientsTurn, "conform", 7, turned, &size);
    printf("turn 0x%x: %.*s\n", ret, (int)size, turned);

    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    uint64_t reference[kIOAsyncCalloutCount];
    reference[kIOAsyncCalloutFuncIndex] = (uint64_t)completed;
    reference[kIOAsyncCalloutRefconIndex] = (uint64_t)"the reference";
    const uint64_t value = 12;
    ret = IOConnectCallAsyncScalarMethod(connection, kClientsLater,
                                         IONotificationPortGetMachPort(port), reference,
                                         kIOAsyncCalloutCount, &value, 1, NULL, NULL);
    printf("later 0x%x\n", ret);
    if (ret == KERN_SUCCESS) CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, false);
    printf("later without a port: 0x%x\n",
           IOConnectCallScalarMethod(connection, kClientsLater, &value, 1, NULL, NULL));

    mach_vm_address_t address = 0;
    mach_vm_size_t length = 0;
    ret = IOConnectMapMemory64(connection, 0, mach_task_self(), &address, &length, kIOMapAnywhere);
    printf("map 0x%x", ret);
    if (ret == KERN_SUCCESS)
        printf(": 0x%x", ((volatile struct ClientsShared*)address)->fromDriver);
    printf("\n");

    count = 1;
    ret = IOConnectCallScalarMethod(connection, kClientsCount, NULL, 0, results, &count);
    printf("count 0x%x: %lu\n", ret, (unsigned long)results[0]);
    printf("unknown: 0x%x\n", IOConnectCallScalarMethod(connection, 99, NULL, 0, NULL, NULL));
    printf("close: 0x%x\n", IOServiceClose(connection));
    IOObjectRelease(service);
    return 0;
}
