// SPDX-License-Identifier: Apache-2.0
#include <Blinker_Driver/Blinker.h>
#include <DriverKit/IOLib.h>
#include <os/log.h>

#include "Lamp.h"     // lies in another group: found by its name
#include "counter.h"  // of the library

#if !FOR_DRIVERKIT || !FROM_INCLUDED_FILE || defined(FOR_MACOS)
#error "conditional settings or $(inherited) are wrong"
#endif
#if BLINKER_FILE_FLAG != 7
#error "flags of the file are missing"
#endif
#if __cplusplus < 202002L
#error "the target's language standard does not count"
#endif

kern_return_t IMPL(Blinker, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "%{public}s blinks %u time", lamp_name(), counter_next());
    return RegisterService();
}
