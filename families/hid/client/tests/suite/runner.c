/* SPDX-License-Identifier: Apache-2.0 */
/* The runner in C: devices that it plays by <opendext/hid.h>. */
#include "client_side.h"

struct Played {
    char name[32];
    opendext_hid_device_t device;
    int silent;
    IOReturn refuses;
    uint8_t kept[3][256][64]; /* by type and id */
    size_t sizes[3][256];
};
static struct Played g_played[kDevices];

static IOReturn get(void* context, opendext_hid_request_t request, IOHIDReportType type,
                    uint32_t id, uint8_t* report, size_t* length) {
    struct Played* own = context;
    (void)request;
    if (own->silent) return OPENDEXT_HID_LATER;
    if (own->refuses != 0) return own->refuses;
    if (own->sizes[type][id] == 0) return kIOReturnUnsupported;
    if (own->sizes[type][id] < *length) *length = own->sizes[type][id];
    memcpy(report, own->kept[type][id], *length);
    return kIOReturnSuccess;
}

static IOReturn set(void* context, opendext_hid_request_t request, IOHIDReportType type,
                    uint32_t id, const uint8_t* report, size_t length) {
    struct Played* own = context;
    (void)request;
    if (own->silent) return OPENDEXT_HID_LATER;
    if (own->refuses != 0) return own->refuses;
    if (length > sizeof own->kept[type][id]) return kIOReturnMessageTooLarge;
    memcpy(own->kept[type][id], report, length);
    own->sizes[type][id] = length;
    return kIOReturnSuccess;
}

static struct Played* played(const char* name) {
    int i;
    for (i = 0; i < kDevices; ++i) {
        if (g_played[i].device != NULL && strcmp(g_played[i].name, name) == 0) return &g_played[i];
    }
    for (i = 0; g_played[i].device != NULL; ++i) {
    }
    memset(&g_played[i], 0, sizeof g_played[i]);
    snprintf(g_played[i].name, sizeof g_played[i].name, "%s", name);
    return &g_played[i];
}

static void play(char** words, int count) {
    struct Played* own = played(words[1]);
    uint8_t bytes[kRoom];
    kern_return_t result = kIOReturnSuccess;
    if (strcmp(words[0], "plug") == 0) {
        const size_t size = bytes_of(words[2], bytes, sizeof bytes);
        CFMutableDictionaryRef properties = dictionary_of(words + 3, count - 3);
        opendext_hid_device_callbacks callbacks;
        memset(&callbacks, 0, sizeof callbacks);
        callbacks.context = own;
        callbacks.get_report = get;
        callbacks.set_report = set;
        result = opendext_hid_device_create(bytes, size, properties, &callbacks, 0, &own->device);
        CFRelease(properties);
    } else if (strcmp(words[0], "send") == 0) {
        result = opendext_hid_device_send(own->device, 0, bytes,
                                          bytes_of(words[2], bytes, sizeof bytes));
    } else if (strcmp(words[0], "users") == 0) {
        const double end = now() + patience();
        while (opendext_hid_device_users(own->device) != (uint32_t)atoi(words[2]) && now() < end)
            usleep(1000);
        printf("%u users\n", opendext_hid_device_users(own->device));
        return;
    } else if (strcmp(words[0], "silent") == 0) {
        own->silent = atoi(words[2]);
    } else if (strcmp(words[0], "refuse") == 0) {
        own->refuses = (IOReturn)strtoul(words[2], NULL, 0);
    } else if (strcmp(words[0], "unplug") == 0) {
        opendext_hid_device_destroy(own->device);
        own->device = NULL;
    } else {
        printf("no such step\n");
        return;
    }
    if (result == kIOReturnSuccess) {
        printf("ok\n");
    } else {
        say_failure(result);
    }
}

int main(void) {
    char line[2048];
    char* words[kWords];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const int count = words_of(line, words);
        if (count > 0 && !use(words, count)) play(words, count);
        fflush(stdout);
    }
    return 0;
}
