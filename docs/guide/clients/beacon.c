/* SPDX-License-Identifier: Apache-2.0 */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>
#include <stdio.h>
#include <string.h>

#include "BeaconCalls.h"

static int failed(const char* what, kern_return_t code) {
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", what, opendext_error_name(code), opendext_last_error_reason());
    return 1;
}

/* Two words come with each completion, so the function has the form of IOAsyncCallback2. */
static void flashed(void* context, IOReturn result, void* number, void* period) {
    const uint64_t* last = context;
    printf("flash %lu after %lu ms: 0x%x\n", (unsigned long)number, (unsigned long)period, result);
    if ((uint64_t)number == *last) CFRunLoopStop(CFRunLoopGetCurrent());
}

int main(void) {
    io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("Beacon"));
    if (service == IO_OBJECT_NULL) return failed("Beacon", kIOReturnNotFound);
    io_connect_t connection = IO_OBJECT_NULL;
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    IOObjectRelease(service);
    if (ret != KERN_SUCCESS) return failed("open", ret);

    /* Scalars: at most 16 each way. */
    const uint64_t period = 20;
    uint64_t before = 0;
    uint32_t count = 1;
    ret = IOConnectCallScalarMethod(connection, kBeaconSetPeriod, &period, 1, &before, &count);
    if (ret != KERN_SUCCESS) return failed("set period", ret);
    printf("the period was %lu ms\n", (unsigned long)before);

    /* A structure each way. */
    BeaconText text = {6, "drawer"}, turned;
    size_t size = sizeof turned;
    ret = IOConnectCallStructMethod(connection, kBeaconTurn, &text, sizeof text, &turned, &size);
    if (ret != KERN_SUCCESS) return failed("turn", ret);
    printf("%s turned is %.*s\n", text.bytes, (int)turned.length, turned.bytes);

    /* Completions come through a notification port, here to the run loop of this thread. */
    const uint64_t flashes = 3;
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    uint64_t reference[kIOAsyncCalloutCount] = {0};
    reference[kIOAsyncCalloutFuncIndex] = (uint64_t)flashed;
    reference[kIOAsyncCalloutRefconIndex] = (uint64_t)&flashes;
    ret = IOConnectCallAsyncScalarMethod(connection, kBeaconFlash,
                                         IONotificationPortGetMachPort(port), reference,
                                         kIOAsyncCalloutCount, &flashes, 1, NULL, NULL);
    if (ret != KERN_SUCCESS) return failed("flash", ret);
    CFRunLoopRun();

    /* A call that the driver's table does not know in this form: code, and why. */
    ret = IOConnectCallScalarMethod(connection, kBeaconSetPeriod, NULL, 0, &before, &count);
    if (ret != KERN_SUCCESS) failed("set period without one", ret);

    IOServiceClose(connection);
    IONotificationPortDestroy(port);
    return 0;
}
