// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/json.h"

namespace opendext::tools {

using opendext::parse_json;
using opendext::quote_json;
using opendext::to_json;

}  // namespace opendext::tools
