/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of writing to the log that drivers have. The test compares the lines. */
#include <errno.h>
#include <stdarg.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSString.h>
#include <os/log.h>

#include "LoggingDriver.h"

#define LOG_PREFIX "LoggingDriver: "
#define DLOG(fmt, args...) os_log(OS_LOG_DEFAULT, LOG_PREFIX fmt, ##args)
#define TRACE() IOLog("LoggingDriver: %s:%d\n", __FUNCTION__, 7)

static void varargs(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Facts: IOLogv
static void varargs(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    IOLogv(format, arguments);
    va_end(arguments);
}

// Facts: os_log_create, os_log, os_log_info, os_log_debug, os_log_error, os_log_fault
// Facts: os_log_with_type, IOLog, IOService.StringFromReturn(IOReturn)
kern_return_t IMPL(LoggingDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;

    os_log_t log = os_log_create("org.example.subsystem", "category");
    os_log(log, "LoggingDriver: with a log object");
    os_log_info(log, "LoggingDriver: info");
    os_log_debug(log, "LoggingDriver: debug");
    os_log_error(log, "LoggingDriver: error");
    os_log_fault(log, "LoggingDriver: fault");
    os_log_with_type(log, OS_LOG_TYPE_INFO, "LoggingDriver: with type %d", 1);
    if (os_log_type_enabled(log, OS_LOG_TYPE_DEFAULT)) DLOG("enabled");

    DLOG("plain");
    DLOG("numbers %d %u %x %#x %llu %zu %lld %hhu", -1, 2u, 0x3f, 0x3f, 4ull, sizeof(uint64_t),
         -5ll, (unsigned char)6);
    uint64_t wide = 0x123456789abcdefull;
    DLOG("uint64_t %llx", wide);
    DLOG("strings %s %{public}s %{private}s %.3s", "one", "two", "three", "fourteen");
    DLOG("bools %{bool}d %{BOOL}d %{bool}d", true, false, 1);
    DLOG("errno %{darwin.errno}d", ENOENT);
    errno = EACCES;
    DLOG("m %m");
    DLOG("pointer %p", (void*)0x1234);
    DLOG("double %.2f char %c percent %%", 1.5, 'c');
    DLOG("width [%5d] [%-5d] [%05d] [%*d]", 42, 42, 42, 4, 7);
    const unsigned char uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
                                    1,    2,    3,    4,    5,    6,    7,    8};
    DLOG("uuid %{uuid_t}.16P", uuid);
    const uint8_t bytes[4] = {0xde, 0xad, 0xbe, 0xef};
    DLOG("bytes %.*P", 4, bytes);
    DLOG("return %{public}s", StringFromReturn(kIOReturnNotReady));
    IOLog("LoggingDriver: IOLog %d\n", 8);
    varargs("LoggingDriver: %s %d", "varargs", 9);
    TRACE();
    OSString* text = OSString::withCString("contents");
    DLOG("object %s", text->getCStringNoCopy());
    OSSafeReleaseNULL(text);
    DLOG("complete");
    return RegisterService();
}
