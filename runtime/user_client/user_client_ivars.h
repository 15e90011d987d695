// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOUserClient.h>

#include <mutex>

#include "rpc/value.h"

struct IOUserClient_IVars {
    std::mutex mutex;
    opendext::Dictionary entitlements;  // of the client program
};
