/* SPDX-License-Identifier: Apache-2.0 */
#include "InputFaults.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSMappedFile.h>
#include <stdlib.h>
#include <string.h>

extern "C" void _exit(int) __attribute__((noreturn));

static _Atomic(uint8_t) gPoint;
static _Atomic(uint8_t) gFault;

void InputArm(uint8_t point, uint8_t fault) {
    gFault = fault;
    gPoint = point;
}

static uint64_t digits(const char* text) {
    return static_cast<uint64_t>((text[0] - '0') * 10 + (text[1] - '0'));
}

void InputArmFromFile(uint64_t number) {
    OSMappedFile* file = nullptr;
    if (OSMappedFile::createFromPath("armed", 0, 0, &file) != kIOReturnSuccess) return;
    if (file->size() >= 6) {
        const char* text = static_cast<const char*>(file->data());
        if (digits(text) == number)
            InputArm(static_cast<uint8_t>(digits(text + 2)),
                     static_cast<uint8_t>(digits(text + 4)));
    }
    OSSafeReleaseNULL(file);
}

static void spin(uint64_t ms) {
    const uint64_t end = clock_gettime_nsec_np(CLOCK_UPTIME_RAW) + ms * 1000000;
    while (clock_gettime_nsec_np(CLOCK_UPTIME_RAW) < end) {
    }
}

uint8_t InputReach(uint8_t point) {
    uint8_t wanted = point;
    if (!__c11_atomic_compare_exchange_strong(&gPoint, &wanted, kInputNowhere, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST))
        return kInputFaults;
    switch (gFault) {
        case kInputHang:
            for (;;) IOSleep(1000);
        case kInputNullWrite: {
            static volatile uintptr_t nothing = 0;
            *reinterpret_cast<volatile int*>(nothing) = 1;
            break;
        }
        case kInputAbort:
            abort();
        case kInputExit:
            _exit(3);
        case kInputSpin:
            spin(30);
            break;
    }
    return gFault;
}

uint32_t InputNumberAt(const uint8_t* report, uint32_t at) {
    uint32_t value = 0;
    memcpy(&value, report + at, sizeof value);
    return value;
}

void InputPutNumber(uint8_t* report, uint32_t at, uint32_t value) {
    memcpy(report + at, &value, sizeof value);
}
