// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::tools {

/// Checks `value` against a JSON Schema: type, enum, required, properties, additionalProperties,
/// items, anyOf and $ref within the document, which is what docs/schemas uses; any other keyword of
/// the schema is an error.
[[nodiscard]] Status check_schema(const Value& value, const Value& schema);
/// The schema docs/schemas/NAME.json.
[[nodiscard]] Result<Value> read_schema(const std::string& name);

}  // namespace opendext::tools
