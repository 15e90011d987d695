/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a keyboard through IOHIDManager: prints the keys that are pressed, ends with Escape.
 * Compiles on macOS unchanged. */
#include <IOKit/hid/IOHIDManager.h>
#include <IOKit/hid/IOHIDUsageTables.h>
#include <stdio.h>

static void on_value(void* context, IOReturn result, void* sender, IOHIDValueRef value) {
    IOHIDElementRef element = IOHIDValueGetElement(value);
    uint32_t usage = IOHIDElementGetUsage(element);
    (void)context, (void)result, (void)sender;
    if (usage < kHIDUsage_KeyboardA || usage > kHIDUsage_KeyboardRightGUI) return;
    printf("key 0x%02x %s\n", (unsigned)usage, IOHIDValueGetIntegerValue(value) ? "down" : "up");
    fflush(stdout);
    if (usage == kHIDUsage_KeyboardEscape && !IOHIDValueGetIntegerValue(value))
        CFRunLoopStop(CFRunLoopGetCurrent());
}

static void on_device(void* context, IOReturn result, void* sender, IOHIDDeviceRef device) {
    char name[64] = "?";
    CFTypeRef product = IOHIDDeviceGetProperty(device, CFSTR(kIOHIDProductKey));
    (void)context, (void)result, (void)sender;
    if (product) CFStringGetCString(product, name, sizeof name, kCFStringEncodingUTF8);
    printf("reading %s\n", name);
    fflush(stdout);
}

static void set(CFMutableDictionaryRef matching, CFStringRef key, int value) {
    CFNumberRef number = CFNumberCreate(kCFAllocatorDefault, kCFNumberIntType, &value);
    CFDictionarySetValue(matching, key, number);
    CFRelease(number);
}

int main(void) {
    IOHIDManagerRef manager = IOHIDManagerCreate(kCFAllocatorDefault, kIOHIDManagerOptionNone);
    CFMutableDictionaryRef keyboards = CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    IOReturn opened;
    set(keyboards, CFSTR(kIOHIDDeviceUsagePageKey), kHIDPage_GenericDesktop);
    set(keyboards, CFSTR(kIOHIDDeviceUsageKey), kHIDUsage_GD_Keyboard);
    IOHIDManagerSetDeviceMatching(manager, keyboards);
    IOHIDManagerRegisterDeviceMatchingCallback(manager, on_device, NULL);
    IOHIDManagerRegisterInputValueCallback(manager, on_value, NULL);
    IOHIDManagerScheduleWithRunLoop(manager, CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    opened = IOHIDManagerOpen(manager, kIOHIDOptionsTypeNone);
    if (opened != kIOReturnSuccess)
        fprintf(stderr, "some device cannot be opened: 0x%x\n", (unsigned)opened);
    CFRunLoopRun();
    IOHIDManagerClose(manager, kIOHIDOptionsTypeNone);
    CFRelease(keyboards);
    CFRelease(manager);
    return 0;
}
