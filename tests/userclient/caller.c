/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a service that is found by its name, registered or not, and makes one call; or watches
 * services come and go. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static io_service_t find(const char* wanted) {
    io_iterator_t all = IO_OBJECT_NULL;
    io_registry_entry_t entry = IO_OBJECT_NULL;
    if (IORegistryCreateIterator(kIOMainPortDefault, kIOServicePlane, kIORegistryIterateRecursively,
                                 &all) != KERN_SUCCESS) {
        return IO_OBJECT_NULL;
    }
    for (;;) {
        entry = IOIteratorNext(all);
        if (entry == IO_OBJECT_NULL) {
            if (IOIteratorIsValid(all)) break;
            IOIteratorReset(all); /* something came or went meanwhile */
            continue;
        }
        io_name_t name = "";
        if (IORegistryEntryGetName(entry, name) == KERN_SUCCESS && strcmp(name, wanted) == 0) break;
        IOObjectRelease(entry);
    }
    IOObjectRelease(all);
    return entry;
}

static int failed(const char* what, kern_return_t ret) {
    printf("%s 0x%x %s\n", what, ret, opendext_last_error_reason());
    return 1;
}

static void events(void* word, io_iterator_t iterator) {
    io_service_t service = IO_OBJECT_NULL;
    while ((service = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
        uint64_t id = 0;
        IORegistryEntryGetRegistryEntryID(service, &id);
        printf("%s 0x%llx\n", (const char*)word, (unsigned long long)id);
        IOObjectRelease(service);
    }
}

static kern_return_t add(IONotificationPortRef port, const char* type, const char* name,
                         char* word) {
    io_iterator_t iterator = IO_OBJECT_NULL;
    kern_return_t ret = IOServiceAddMatchingNotification(port, type, IOServiceNameMatching(name),
                                                         events, word, &iterator);
    if (ret == KERN_SUCCESS) events(word, iterator);
    return ret;
}

static int watch(const char* name) {
    static char published[] = "published";
    static char terminated[] = "terminated";
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                       kCFRunLoopDefaultMode);
    kern_return_t ret = add(port, kIOPublishNotification, name, published);
    if (ret == KERN_SUCCESS) ret = add(port, kIOTerminatedNotification, name, terminated);
    if (ret != KERN_SUCCESS) return failed("watch", ret);
    printf("watching\n");
    CFRunLoopRun();
    return 0;
}

/* caller watch NAME | caller NAME open | caller NAME set KEY | caller NAME SELECTOR [INPUT...] */
int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3) return 2;
    if (strcmp(argv[1], "watch") == 0) return watch(argv[2]);
    io_service_t service = find(argv[1]);
    if (service == IO_OBJECT_NULL) return failed("find", kIOReturnNotFound);
    kern_return_t ret = KERN_SUCCESS;
    if (strcmp(argv[2], "set") == 0 && argc == 4) {
        CFStringRef key = CFStringCreateWithCString(NULL, argv[3], kCFStringEncodingUTF8);
        ret = IORegistryEntrySetCFProperty(service, key, kCFBooleanTrue);
        CFRelease(key);
        if (ret != KERN_SUCCESS) return failed("set", ret);
        printf("set 0x0\n");
        return 0;
    }
    io_connect_t connection = IO_OBJECT_NULL;
    ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    if (ret != KERN_SUCCESS) return failed("open", ret);
    if (strcmp(argv[2], "open") == 0) {
        printf("open 0x0\n");
        return 0;
    }
    uint64_t in[16] = {0};
    uint64_t out[2] = {0};
    uint32_t count = 2;
    for (int i = 3; i < argc && i < 19; ++i) in[i - 3] = strtoull(argv[i], NULL, 0);
    ret = IOConnectCallScalarMethod(connection, (uint32_t)atoi(argv[2]), in, (uint32_t)(argc - 3),
                                    out, &count);
    if (ret != KERN_SUCCESS) return failed("call", ret);
    printf("call 0x0 %llu %llu\n", (unsigned long long)out[0], (unsigned long long)out[1]);
    IOServiceClose(connection);
    IOObjectRelease(service);
    return 0;
}
