// SPDX-License-Identifier: Apache-2.0
// bsd_names: uses the first serial port as programs for BSD's terminals do; a line "NAME: RESULT
// [ERRNO]" for each step.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOBSD.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <IOKit/serial/ioss.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void say(const char* name, long result) {
    printf("%s: %ld %d\n", name, result, result < 0 ? errno : 0);
}

static int find_port(char* path, CFIndex size) {
    io_iterator_t ports = IO_OBJECT_NULL;
    CFMutableDictionaryRef wanted = IOServiceMatching(kIOSerialBSDServiceValue);
    CFDictionarySetValue(wanted, CFSTR(kIOSerialBSDTypeKey), CFSTR(kIOSerialBSDAllTypes));
    if (IOServiceGetMatchingServices(kIOMainPortDefault, wanted, &ports) != KERN_SUCCESS) return 0;
    io_object_t port = IOIteratorNext(ports);
    IOObjectRelease(ports);
    if (port == IO_OBJECT_NULL) return 0;
    CFTypeRef value =
        IORegistryEntryCreateCFProperty(port, CFSTR(kIOCalloutDeviceKey), kCFAllocatorDefault, 0);
    IOObjectRelease(port);
    if (value == NULL) return 0;
    int found = CFStringGetCString((CFStringRef)value, path, size, kCFStringEncodingUTF8);
    CFRelease(value);
    return found;
}

// A command and its answer, which is the same from a port that loops back. The driver has seen all
// settings by then.
static void talk(int fd, const char* name) {
    char answer[4] = "";
    ssize_t got = 0;
    if (write(fd, "AT\r", 3) == 3) {
        while (got < 3) {
            ssize_t more = read(fd, answer + got, (size_t)(3 - got));
            if (more <= 0) break;
            got += more;
        }
    }
    say(name, got == 3 ? memcmp(answer, "AT\r", 3) : -1);
}

int main(void) {
    char path[1024];
    if (!find_port(path, sizeof path)) return 1;
    printf("path: %s\n", path);
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    say("open", fd);
    if (fd < 0) return 1;
    say("exclusive", ioctl(fd, TIOCEXCL));
    say("blocking", fcntl(fd, F_SETFL, 0));

    struct termios before;
    say("get", tcgetattr(fd, &before));
    struct termios options = before;
    cfmakeraw(&options);
    options.c_cc[VMIN] = 0;
    options.c_cc[VTIME] = 100;
    say("cfsetspeed", cfsetspeed(&options, 19200));
    options.c_cflag |= CCTS_OFLOW | CRTS_IFLOW;
    say("set", tcsetattr(fd, TCSANOW, &options));

    speed_t speed = 250000;
    say("IOSSIOSPEED", ioctl(fd, IOSSIOSPEED, &speed));
    talk(fd, "talk");
    user_speed_t wide = 12345678;
    say("IOSSIOSPEED_64", ioctl(fd, IOSSIOSPEED_64, &wide));
    unsigned long latency = 1;
    say("IOSSDATALAT", ioctl(fd, IOSSDATALAT, &latency));
    int preempt = 1;
    say("IOSSPREEMPT", ioctl(fd, IOSSPREEMPT, &preempt));
    say("TIOCSDTR", ioctl(fd, TIOCSDTR));
    say("TIOCCDTR", ioctl(fd, TIOCCDTR));
    int lines = TIOCM_DTR | TIOCM_RTS;
    say("TIOCMSET", ioctl(fd, TIOCMSET, &lines));
    say("TIOCMGET", ioctl(fd, TIOCMGET, &lines));

    talk(fd, "talk again");
    say("TIOCDRAIN", ioctl(fd, TIOCDRAIN));
    say("tcdrain", tcdrain(fd));
    say("restore", tcsetattr(fd, TCSANOW, &before));
    say("close", close(fd));
    return 0;
}
