/* SPDX-License-Identifier: Apache-2.0 */
#include "Plain.h"

kern_return_t IMPL(Plain, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    return RegisterService();
}

kern_return_t IMPL(Plain, Stop) {
    return Stop(provider, SUPERDISPATCH);
}
