/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the port in the registry, as serial programs do, writes a line to it and reads it back. */
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The path of the call-out device of the driver's port; false if there is none. */
static bool FindPort(char * path, size_t size)
{
    io_iterator_t ports = IO_OBJECT_NULL;
    if (IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching(kIOSerialBSDServiceValue), &ports) != KERN_SUCCESS) {
        return false;
    }
    bool found = false;
    for (io_object_t port = IOIteratorNext(ports); port != IO_OBJECT_NULL; port = IOIteratorNext(ports)) {
        CFTypeRef base = IORegistryEntryCreateCFProperty(port, CFSTR(kIOTTYBaseNameKey), kCFAllocatorDefault, 0);
        CFTypeRef callout = IORegistryEntryCreateCFProperty(port, CFSTR(kIOCalloutDeviceKey), kCFAllocatorDefault, 0);
        if (base != nullptr && callout != nullptr && CFEqual(base, CFSTR("@NAME_LOWER@"))) {
            found = CFStringGetCString(static_cast<CFStringRef>(callout), path, static_cast<CFIndex>(size), kCFStringEncodingUTF8);
        }
        if (base != nullptr) {
            CFRelease(base);
        }
        if (callout != nullptr) {
            CFRelease(callout);
        }
        IOObjectRelease(port);
    }
    IOObjectRelease(ports);
    return found;
}

int main()
{
    char path[512] = "";
    if (!FindPort(path, sizeof(path))) {
        fprintf(stderr, "@NAME@ has no port: opendext install @NAME@.dext\n");
        return 1;
    }
    int port = open(path, O_RDWR | O_NOCTTY);
    if (port < 0) {
        perror(path);
        return 1;
    }
    termios settings = {};
    tcgetattr(port, &settings);
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    if (tcsetattr(port, TCSANOW, &settings) != 0) {
        perror("tcsetattr");
        return 1;
    }

    const char sent[] = "once round the loop";
    const size_t length = sizeof(sent) - 1;
    if (write(port, sent, length) != static_cast<ssize_t>(length)) {
        perror("write");
        return 1;
    }
    char received[sizeof(sent)] = "";
    size_t filled = 0;
    while (filled < length) {
        pollfd ready = {port, POLLIN, 0};
        if (poll(&ready, 1, 10000) != 1) {
            fprintf(stderr, "nothing came back for 10 s\n");
            return 1;
        }
        ssize_t count = read(port, received + filled, length - filled);
        if (count <= 0) {
            perror("read");
            return 1;
        }
        filled += static_cast<size_t>(count);
    }
    printf("came back: %s\n", received);
    close(port);
    return 0;
}
