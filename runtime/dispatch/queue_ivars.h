// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IODispatchQueue.h>

#include <memory>
#include <string>

#include "runtime/dispatch/executor.h"

struct IODispatchQueue_IVars {
    std::shared_ptr<opendext::runtime::Executor> executor;
};
