// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/result.h"

namespace opendext::crash {

/// From here on this program can compute, read and write the descriptors that it has, and end. It
/// reads files that the process under report chose, with a library that was not written for files
/// of an enemy: whoever takes it over has nothing but a report to write.
Status confine();

}  // namespace opendext::crash
