// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSData.h>

#include <cstddef>

namespace opendext::runtime {

/// Makes `data`, to which nobody but the caller has a reference, hold a copy of other bytes as if
/// newly made. False: they do not fit in where it holds its own, nothing was changed. Takes the
/// bytes before it returns; any thread that may write to `data`.
bool refill(OSData& data, const void* bytes, size_t size);

}  // namespace opendext::runtime
