/* SPDX-License-Identifier: Apache-2.0 */
#include "LateClient.h"

kern_return_t IMPL(LateClient, Start) {
    return Start(provider, SUPERDISPATCH);
}
