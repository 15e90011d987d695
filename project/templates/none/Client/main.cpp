/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the driver, opens it, and makes each of its calls. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <stdio.h>
#include <string.h>

#include "@NAME@Calls.h"

int main()
{
    io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("@NAME@"));
    if (service == IO_OBJECT_NULL) {
        fprintf(stderr, "@NAME@ does not run: opendext install @NAME@.dext\n");
        return 1;
    }
    io_connect_t connection = IO_OBJECT_NULL;
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    IOObjectRelease(service);
    if (ret != KERN_SUCCESS) {
        fprintf(stderr, "cannot open @NAME@: 0x%08x\n", ret);
        return 1;
    }

    const uint64_t numbers[] = {40, 2};
    for (const uint64_t & number : numbers) {
        uint64_t total = 0;
        uint32_t count = 1;
        ret = IOConnectCallScalarMethod(connection, k@NAME@CallAdd, &number, 1, &total, &count);
        if (ret != KERN_SUCCESS) {
            fprintf(stderr, "add: 0x%08x\n", ret);
            return 1;
        }
        printf("total %llu\n", static_cast<unsigned long long>(total));
    }

    @NAME@Text text = {};
    text.length = 6;
    memcpy(text.bytes, "drawer", text.length);
    @NAME@Text turned = {};
    size_t size = sizeof(turned);
    ret = IOConnectCallStructMethod(connection, k@NAME@CallReverse, &text, sizeof(text), &turned, &size);
    if (ret != KERN_SUCCESS) {
        fprintf(stderr, "reverse: 0x%08x\n", ret);
        return 1;
    }
    printf("%.*s turned is %.*s\n", static_cast<int>(text.length), text.bytes, static_cast<int>(turned.length), turned.bytes);
    IOServiceClose(connection);
    return 0;
}
