/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the runners that uses devices: the same in C and C++, compiled as both. Steps come as
 * words; each prints one line.
 */
#ifndef HID_SUITE_CLIENT_SIDE_H_
#define HID_SUITE_CLIENT_SIDE_H_

#include <IOKit/hid/IOHIDManager.h>
#include <opendext/hid.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kDevices = 8, kWords = 16, kRoom = 512 };

struct Used {
    char name[32];
    IOHIDDeviceRef device;
    uint8_t report[kRoom];
    int came; /* 1: an input report is in `line` */
    char line[2 * kRoom + 32];
    int removed;
};
static struct Used g_used[kDevices];

static double patience(void) {
    const char* factor = getenv("OPENDEXT_TEST_PATIENCE");
    return 60 * (factor != NULL ? atof(factor) : 1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void say_failure(kern_return_t code) {
    const char* name = opendext_error_name(code);
    printf("error %s %s\n", name != NULL ? name : "?", opendext_last_error_reason());
}

static void hex_of(char* text, const uint8_t* bytes, size_t count) {
    size_t i;
    for (i = 0; i < count; ++i) sprintf(text + 2 * i, "%02x", bytes[i]);
    text[2 * count] = '\0';
}

static size_t bytes_of(const char* text, uint8_t* bytes, size_t room) {
    size_t count = 0;
    while (text[0] != '\0' && text[1] != '\0' && count < room) {
        char pair[3];
        pair[0] = text[0];
        pair[1] = text[1];
        pair[2] = '\0';
        bytes[count++] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    return count;
}

static IOHIDReportType type_of(const char* word) {
    if (strcmp(word, "output") == 0) return kIOHIDReportTypeOutput;
    if (strcmp(word, "feature") == 0) return kIOHIDReportTypeFeature;
    return kIOHIDReportTypeInput;
}

static void put_number(CFMutableDictionaryRef matching, const char* key, int value) {
    CFStringRef name = CFStringCreateWithCString(kCFAllocatorDefault, key, kCFStringEncodingUTF8);
    CFNumberRef number = CFNumberCreate(kCFAllocatorDefault, kCFNumberIntType, &value);
    CFDictionarySetValue(matching, name, number);
    CFRelease(number);
    CFRelease(name);
}

static CFMutableDictionaryRef empty_dictionary(void) {
    return CFDictionaryCreateMutable(kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks,
                                     &kCFTypeDictionaryValueCallBacks);
}

/* KEY=VALUE words: numbers where VALUE is one, else texts. */
static CFMutableDictionaryRef dictionary_of(char** words, int count) {
    CFMutableDictionaryRef made = empty_dictionary();
    int i;
    for (i = 0; i < count; ++i) {
        char* value = strchr(words[i], '=');
        char* end = NULL;
        long number;
        if (value == NULL) continue;
        *value++ = '\0';
        number = strtol(value, &end, 0);
        if (*end == '\0') {
            put_number(made, words[i], (int)number);
        } else {
            CFStringRef key =
                CFStringCreateWithCString(kCFAllocatorDefault, words[i], kCFStringEncodingUTF8);
            CFStringRef text =
                CFStringCreateWithCString(kCFAllocatorDefault, value, kCFStringEncodingUTF8);
            CFDictionarySetValue(made, key, text);
            CFRelease(text);
            CFRelease(key);
        }
    }
    return made;
}

static struct Used* used(const char* name) {
    int i;
    for (i = 0; i < kDevices; ++i) {
        if (g_used[i].device != NULL && strcmp(g_used[i].name, name) == 0) return &g_used[i];
    }
    for (i = 0; i < kDevices; ++i) {
        if (g_used[i].device == NULL) {
            memset(&g_used[i], 0, sizeof g_used[i]);
            snprintf(g_used[i].name, sizeof g_used[i].name, "%s", name);
            return &g_used[i];
        }
    }
    abort();
}

static void on_input(void* context, IOReturn result, void* sender, IOHIDReportType type,
                     uint32_t id, uint8_t* report, CFIndex length) {
    struct Used* own = (struct Used*)context;
    int begin = sprintf(own->line, "input %u ", id);
    (void)result, (void)sender, (void)type;
    hex_of(own->line + begin, report, (size_t)length);
    own->came = 1;
}

static void on_removed(void* context, IOReturn result, void* sender) {
    (void)result, (void)sender;
    ((struct Used*)context)->removed = 1;
}

/* Runs call-backs of the device until the flag is set. */
static int wait_for_flag(struct Used* own, const int* flag, double seconds) {
    const double end = now() + seconds;
    while (!*flag && now() < end) {
        struct pollfd waited;
        waited.fd = opendext_hid_fd(own->device);
        waited.events = POLLIN;
        if (poll(&waited, 1, 20) == 1) opendext_hid_dispatch(own->device);
    }
    return *flag;
}

struct Answered {
    int done;
    IOReturn result;
    char reason[512];
};

static void on_answer(void* context, IOReturn result, void* sender, IOHIDReportType type,
                      uint32_t id, uint8_t* report, CFIndex length) {
    struct Answered* own = (struct Answered*)context;
    (void)sender, (void)type, (void)id, (void)report, (void)length;
    own->result = result;
    snprintf(own->reason, sizeof own->reason, "%s", opendext_last_error_reason());
    own->done = 1;
}

static IOReturn wait_for_answer(struct Used* own, IOReturn begun, struct Answered* answered) {
    if (begun != kIOReturnSuccess) return begun;
    wait_for_flag(own, &answered->done, patience());
    return answered->done ? answered->result : kIOReturnInvalid;
}

static IOHIDElementRef find_element(struct Used* own, int page, int usage) {
    CFMutableDictionaryRef matching = empty_dictionary();
    IOHIDElementRef found = NULL;
    CFArrayRef elements;
    put_number(matching, kIOHIDElementUsagePageKey, page);
    put_number(matching, kIOHIDElementUsageKey, usage);
    elements = IOHIDDeviceCopyMatchingElements(own->device, matching, kIOHIDOptionsTypeNone);
    if (elements != NULL && CFArrayGetCount(elements) > 0)
        found = (IOHIDElementRef)CFArrayGetValueAtIndex(elements, 0);
    if (elements != NULL) CFRelease(elements);
    CFRelease(matching);
    return found;
}

static void do_find(char** words, int count) {
    struct Used* own = used(words[1]);
    CFMutableDictionaryRef matching = dictionary_of(words + 2, count - 2);
    IOHIDManagerRef manager = IOHIDManagerCreate(kCFAllocatorDefault, kIOHIDManagerOptionNone);
    CFSetRef devices;
    IOHIDManagerSetDeviceMatching(manager, matching);
    devices = IOHIDManagerCopyDevices(manager);
    if (devices == NULL || CFSetGetCount(devices) != 1) {
        printf("%d devices\n", devices != NULL ? (int)CFSetGetCount(devices) : 0);
    } else {
        const void* device = NULL;
        CFSetGetValues(devices, &device);
        own->device = (IOHIDDeviceRef)CFRetain(device);
        IOHIDDeviceRegisterInputReportCallback(own->device, own->report, sizeof own->report,
                                               on_input, own);
        IOHIDDeviceRegisterRemovalCallback(own->device, on_removed, own);
        printf("found\n");
    }
    if (devices != NULL) CFRelease(devices);
    CFRelease(manager);
    CFRelease(matching);
}

static void do_report(char** words, int count) {
    struct Used* own = used(words[1]);
    const int set = strcmp(words[0], "set") == 0;
    const char* within = count > (set ? 5 : 4) ? words[set ? 5 : 4] : NULL;
    struct Answered answered;
    uint8_t report[kRoom];
    CFIndex length = sizeof report;
    IOReturn result;
    memset(&answered, 0, sizeof answered);
    if (set) length = (CFIndex)bytes_of(words[4], report, sizeof report);
    if (set && within == NULL) {
        result =
            IOHIDDeviceSetReport(own->device, type_of(words[2]), atoi(words[3]), report, length);
    } else if (set) {
        result = wait_for_answer(
            own,
            IOHIDDeviceSetReportWithCallback(own->device, type_of(words[2]), atoi(words[3]), report,
                                             length, atof(within), on_answer, &answered),
            &answered);
    } else if (within == NULL) {
        result =
            IOHIDDeviceGetReport(own->device, type_of(words[2]), atoi(words[3]), report, &length);
    } else {
        result = wait_for_answer(
            own,
            IOHIDDeviceGetReportWithCallback(own->device, type_of(words[2]), atoi(words[3]), report,
                                             &length, atof(within), on_answer, &answered),
            &answered);
    }
    if (result != kIOReturnSuccess) {
        say_failure(result);
    } else if (set) {
        printf("ok\n");
    } else {
        char text[2 * kRoom + 1];
        hex_of(text, report, (size_t)length);
        printf("ok %s\n", text);
    }
}

static void do_value(char** words, int count) {
    struct Used* own = used(words[1]);
    IOHIDElementRef element =
        find_element(own, (int)strtol(words[2], NULL, 0), (int)strtol(words[3], NULL, 0));
    IOReturn result;
    if (element == NULL) {
        printf("no element\n");
        return;
    }
    if (count > 4) {
        IOHIDValueRef value = IOHIDValueCreateWithIntegerValue(kCFAllocatorDefault, element, 0,
                                                               strtol(words[4], NULL, 0));
        result = IOHIDDeviceSetValue(own->device, element, value);
        CFRelease(value);
        if (result == kIOReturnSuccess) printf("ok\n");
    } else {
        IOHIDValueRef value = NULL;
        result = IOHIDDeviceGetValue(own->device, element, &value);
        if (result == kIOReturnSuccess) printf("ok %ld\n", (long)IOHIDValueGetIntegerValue(value));
    }
    if (result != kIOReturnSuccess) say_failure(result);
}

static void do_property(char** words) {
    CFStringRef key =
        CFStringCreateWithCString(kCFAllocatorDefault, words[2], kCFStringEncodingUTF8);
    CFTypeRef value = IOHIDDeviceGetProperty(used(words[1])->device, key);
    char text[256] = "nothing";
    int64_t number = 0;
    if (value != NULL && CFGetTypeID(value) == CFStringGetTypeID()) {
        CFStringGetCString((CFStringRef)value, text, sizeof text, kCFStringEncodingUTF8);
    } else if (value != NULL && CFGetTypeID(value) == CFNumberGetTypeID()) {
        CFNumberGetValue((CFNumberRef)value, kCFNumberSInt64Type, &number);
        snprintf(text, sizeof text, "%lld", (long long)number);
    }
    printf("%s\n", text);
    CFRelease(key);
}

/* 0: the step is not one of these. */
static int use(char** words, int count) {
    if (strcmp(words[0], "find") == 0) {
        do_find(words, count);
    } else if (strcmp(words[0], "open") == 0) {
        const IOReturn result =
            IOHIDDeviceOpen(used(words[1])->device,
                            count > 2 ? kIOHIDOptionsTypeSeizeDevice : kIOHIDOptionsTypeNone);
        if (result == kIOReturnSuccess) {
            printf("ok\n");
        } else {
            say_failure(result);
        }
    } else if (strcmp(words[0], "close") == 0) {
        const IOReturn result = IOHIDDeviceClose(used(words[1])->device, kIOHIDOptionsTypeNone);
        if (result == kIOReturnSuccess) {
            printf("ok\n");
        } else {
            say_failure(result);
        }
    } else if (strcmp(words[0], "set") == 0 || strcmp(words[0], "get") == 0) {
        do_report(words, count);
    } else if (strcmp(words[0], "value") == 0) {
        do_value(words, count);
    } else if (strcmp(words[0], "property") == 0) {
        do_property(words);
    } else if (strcmp(words[0], "read") == 0) {
        struct Used* own = used(words[1]);
        printf("%s\n", wait_for_flag(own, &own->came, patience()) ? own->line : "nothing");
        own->came = 0;
    } else if (strcmp(words[0], "gone") == 0) {
        struct Used* own = used(words[1]);
        printf("%s\n", wait_for_flag(own, &own->removed, patience()) ? "gone" : "there");
    } else if (strcmp(words[0], "drop") == 0) {
        struct Used* own = used(words[1]);
        CFRelease(own->device);
        own->device = NULL;
        printf("ok\n");
    } else {
        return 0;
    }
    return 1;
}

/* The words of a line; how many. */
static int words_of(char* line, char** words) {
    int count = 0;
    char* rest = NULL;
    char* word;
    for (word = strtok_r(line, " \n", &rest); word != NULL && count < kWords;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    return count;
}

#endif
