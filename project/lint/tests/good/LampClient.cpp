/* SPDX-License-Identifier: Apache-2.0 */
#include "LampClient.h"

kern_return_t IMPL(LampClient, Start) {
    return Start(provider, SUPERDISPATCH);
}
