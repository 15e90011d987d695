/* SPDX-License-Identifier: Apache-2.0 */
#include "Unruly.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>
#include <os/log.h>

extern "C" void exit(int) __attribute__((noreturn));

static bool Says(OSObject* value, const char* what) {
    OSString* text = OSDynamicCast(OSString, value);
    return text != nullptr && text->isEqualTo(what);
}

static bool IsTo(IOService* driver, const char* key, const char* what) {
    OSDictionary* properties = nullptr;
    if (driver->CopyProperties(&properties) != kIOReturnSuccess) return false;
    const bool is = Says(properties->getObject(key), what);
    OSSafeReleaseNULL(properties);
    return is;
}

static void __attribute__((noinline)) UnrulyHang() {
    while (true) IOSleep(1000);
}

static void __attribute__((noinline)) UnrulyLoop() {
    volatile uint64_t round = 0;
    while (true) round = round + 1;
}

kern_return_t IMPL(Unruly, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    if (IsTo(this, "UnrulyStart", "refuse")) return kIOReturnNoDevice;
    if (IsTo(this, "UnrulyStart", "crash")) __builtin_trap();
    if (IsTo(this, "UnrulyStart", "hang")) UnrulyHang();
    if (IsTo(this, "UnrulyStart", "loop")) UnrulyLoop();
    return RegisterService();
}

kern_return_t IMPL(Unruly, Stop) {
    if (IsTo(this, "UnrulyStop", "crash")) __builtin_trap();
    if (IsTo(this, "UnrulyStop", "hang")) return kIOReturnSuccess;  // super's Stop never comes
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(Unruly, SetPowerState) {
    if (IsTo(this, "UnrulyPower", "hang")) return kIOReturnSuccess;  // nor does super's
    return SetPowerState(powerFlags, SUPERDISPATCH);
}

kern_return_t IMPL(Unruly, UserSetProperties) {
    OSDictionary* table = OSDynamicCast(OSDictionary, properties);
    if (table == nullptr) return kIOReturnBadArgument;
    OSObject* order = table->getObject("UnrulyOrder");
    if (Says(order, "crash")) __builtin_trap();
    if (Says(order, "hang")) UnrulyHang();
    if (Says(order, "loop")) UnrulyLoop();
    if (Says(order, "exit")) exit(0);
    if (Says(order, "fail")) exit(1);
    if (Says(order, "terminate")) return Terminate(0);
    return kIOReturnUnsupported;
}
