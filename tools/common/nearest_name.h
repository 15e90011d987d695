// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/nearest_name.h"

namespace opendext::tools {
using opendext::nearest_name;
}  // namespace opendext::tools
