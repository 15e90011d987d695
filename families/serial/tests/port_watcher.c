/* SPDX-License-Identifier: Apache-2.0 */
/* port_watcher: tells of serial ports that come and go, as an application for macOS would. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <stdio.h>
#include <string.h>

enum { kMost = 4096 };

/* What came, by registry entry id: of a service that went, only the id is certain. */
static struct {
    uint64_t id;
    char name[256];
} ports[kMost];
static unsigned count;

static void text_of(io_object_t entry, CFStringRef key, char* text, size_t size) {
    CFTypeRef value = IORegistryEntryCreateCFProperty(entry, key, kCFAllocatorDefault, 0);
    if (value == NULL || CFGetTypeID(value) != CFStringGetTypeID() ||
        !CFStringGetCString(value, text, (CFIndex)size, kCFStringEncodingUTF8))
        snprintf(text, size, "-");
    if (value != NULL) CFRelease(value);
}

/* The vendor of the USB device that the port hangs on, found as programs find it: upwards. */
static long vendor_of(io_object_t port) {
    io_object_t entry = port;
    long vendor = -1;
    IOObjectRetain(entry);
    for (io_object_t parent = IO_OBJECT_NULL;
         IORegistryEntryGetParentEntry(entry, kIOServicePlane, &parent) == KERN_SUCCESS;) {
        IOObjectRelease(entry);
        entry = parent;
        if (!IOObjectConformsTo(entry, "IOUSBHostDevice")) continue;
        CFTypeRef number =
            IORegistryEntryCreateCFProperty(entry, CFSTR("idVendor"), kCFAllocatorDefault, 0);
        if (number != NULL) {
            CFNumberGetValue(number, kCFNumberLongType, &vendor);
            CFRelease(number);
        }
        break;
    }
    IOObjectRelease(entry);
    return vendor;
}

static void came(void* context, io_iterator_t iterator) {
    (void)context;
    for (io_object_t port; (port = IOIteratorNext(iterator)) != IO_OBJECT_NULL;) {
        char path[1024];
        IORegistryEntryGetRegistryEntryID(port, &ports[count].id);
        text_of(port, CFSTR(kIOTTYDeviceKey), ports[count].name, sizeof ports[count].name);
        text_of(port, CFSTR(kIOCalloutDeviceKey), path, sizeof path);
        printf("came %s %s %ld\n", ports[count].name, path, vendor_of(port));
        if (count + 1 < kMost) ++count;
        IOObjectRelease(port);
    }
}

static void went(void* context, io_iterator_t iterator) {
    (void)context;
    for (io_object_t port; (port = IOIteratorNext(iterator)) != IO_OBJECT_NULL;) {
        uint64_t id = 0;
        const char* name = "unknown";
        IORegistryEntryGetRegistryEntryID(port, &id);
        for (unsigned i = 0; i < count; ++i) {
            if (ports[i].id == id) name = ports[i].name;
        }
        printf("went %s\n", name);
        IOObjectRelease(port);
    }
}

static CFMutableDictionaryRef all_ports(void) {
    CFMutableDictionaryRef matching = IOServiceMatching(kIOSerialBSDServiceValue);
    CFDictionarySetValue(matching, CFSTR(kIOSerialBSDTypeKey), CFSTR(kIOSerialBSDAllTypes));
    return matching;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    IONotificationPortRef notices = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(notices),
                       kCFRunLoopDefaultMode);
    io_iterator_t arrivals = IO_OBJECT_NULL;
    io_iterator_t departures = IO_OBJECT_NULL;
    if (IOServiceAddMatchingNotification(notices, kIOFirstMatchNotification, all_ports(), came,
                                         NULL, &arrivals) != KERN_SUCCESS ||
        IOServiceAddMatchingNotification(notices, kIOTerminatedNotification, all_ports(), went,
                                         NULL, &departures) != KERN_SUCCESS)
        return 1;
    came(NULL, arrivals);
    went(NULL, departures);
    printf("watching\n");
    CFRunLoopRun();
    return 2;
}
