/* SPDX-License-Identifier: Apache-2.0 */
/* Types on the keyboard through the driver's user client, and sees what arrives as any program sees a HID device. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/hid/IOHIDLib.h>
#include <stdint.h>
#include <stdio.h>

#include "@NAME@Calls.h"

static const uint64_t kTyped[] = {0x0b, 0x0c}; /* h, i */
static const int kReports = 2 * sizeof(kTyped) / sizeof(kTyped[0]);

struct Seen
{
    int reports;
    uint8_t down; /* the key that is down, or 0 */
};

/* A report of the keyboard: its third byte is the key. */
static void Arrived(void * context, IOReturn, void *, IOHIDReportType, uint32_t, uint8_t * report, CFIndex length)
{
    Seen * seen = static_cast<Seen *>(context);
    const uint8_t key = length > 2 ? report[2] : 0;
    printf("%s: usage 0x%02x\n", key != 0 ? "down" : "up", key != 0 ? key : seen->down);
    seen->down = key;
    if (++seen->reports == kReports) {
        CFRunLoopStop(CFRunLoopGetCurrent());
    }
}

static int Fail(const char * what, int code)
{
    fprintf(stderr, "%s: 0x%08x\n", what, static_cast<unsigned>(code));
    return 1;
}

int main()
{
    io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("@NAME@"));
    if (service == IO_OBJECT_NULL) {
        fprintf(stderr, "@NAME@ does not run: opendext install @NAME@.dext\n");
        return 1;
    }
    io_connect_t connection = IO_OBJECT_NULL;
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    if (ret != KERN_SUCCESS) {
        return Fail("cannot open @NAME@", ret);
    }

    IOHIDDeviceRef keyboard = IOHIDDeviceCreate(kCFAllocatorDefault, service);
    IOObjectRelease(service);
    if (keyboard == nullptr) {
        fprintf(stderr, "@NAME@ is no HID device\n");
        return 1;
    }
    ret = IOHIDDeviceOpen(keyboard, kIOHIDOptionsTypeNone);
    if (ret != kIOReturnSuccess) {
        return Fail("cannot open the keyboard", ret);
    }
    Seen seen = {};
    uint8_t report[8];
    IOHIDDeviceRegisterInputReportCallback(keyboard, report, sizeof(report), Arrived, &seen);
    IOHIDDeviceScheduleWithRunLoop(keyboard, CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);

    for (const uint64_t & usage : kTyped) {
        ret = IOConnectCallScalarMethod(connection, k@NAME@CallPress, &usage, 1, nullptr, nullptr);
        if (ret != KERN_SUCCESS) {
            return Fail("press", ret);
        }
    }
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, 10, false);
    if (seen.reports != kReports) {
        fprintf(stderr, "%d reports arrived within 10 s\n", seen.reports);
        return 1;
    }

    /* As a system does when caps lock is pressed. */
    const uint8_t lights = 0x02;
    ret = IOHIDDeviceSetReport(keyboard, kIOHIDReportTypeOutput, 0, &lights, sizeof(lights));
    if (ret != kIOReturnSuccess) {
        return Fail("lights", ret);
    }
    uint64_t on = 0;
    uint32_t count = 1;
    ret = IOConnectCallScalarMethod(connection, k@NAME@CallLights, nullptr, 0, &on, &count);
    if (ret != KERN_SUCCESS) {
        return Fail("lights", ret);
    }
    printf("lights: 0x%02x\n", static_cast<unsigned>(on));

    IOHIDDeviceClose(keyboard, kIOHIDOptionsTypeNone);
    CFRelease(keyboard);
    IOServiceClose(connection);
    return 0;
}
