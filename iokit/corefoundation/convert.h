// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::cf {

/// A new CF object with the contents of `value`; collections are mutable, as IOKit gives them. Null
/// becomes kCFNull. Numbers of up to 32 bits become SInt32, larger ones SInt64.
[[nodiscard]] CFTypeRef from_value(const Value& value);
[[nodiscard]] CFMutableDictionaryRef from_dictionary(const opendext::Dictionary& dictionary);

/// The contents of a CF object. Errc::invalid for types that a registry property cannot have, for
/// dictionary keys that are not strings, and for nesting deeper than messages may be.
[[nodiscard]] Result<Value> to_value(CFTypeRef ref);

}  // namespace opendext::cf
