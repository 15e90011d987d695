// SPDX-License-Identifier: Apache-2.0
#include "Synced.h"
#include <DriverKit/IOLib.h>
#include <os/log.h>
#include "Table.h"

#if SYNCED_FLAG != 3
#error "flags by relative path are missing"
#endif
#if __cplusplus <= 202002L
#error "this target is C++23"
#endif

kern_return_t IMPL(Synced, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "synced, entry %d", table_entry(1));
    return RegisterService();
}
