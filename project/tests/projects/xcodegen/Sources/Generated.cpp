// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>
#include <Generated/Generated.h>
#include <os/log.h>

#if GENERATED_VALUE != 9 || FROM_YAML != 1
#error "settings or compiler flags of project.yml are missing"
#endif

kern_return_t IMPL(Generated, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "generated and started");
    return RegisterService();
}
