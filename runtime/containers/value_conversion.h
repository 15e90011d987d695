// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/result.h"
#include "rpc/value.h"

class OSObject;

namespace opendext::runtime {

/// A container as a plain value. Fails for an object of another class and for containers nested
/// deeper than messages may be (a cycle).
Result<Value> to_value(const OSObject* object);

/// A new object with the value; the caller owns the reference. nullptr for a null value, which
/// containers do not have.
OSObject* from_value(const Value& value);

}  // namespace opendext::runtime
