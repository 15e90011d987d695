// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace opendext {

/// The name of a result code, "kIOReturnBadArgument", or nullptr (docs/facts/ioreturn.csv).
const char* return_name(int32_t code);
/// The name and what it means, "kIOReturnBadArgument: A parameter is invalid", or nullptr.
const char* return_text(int32_t code);
/// The same, or the number: "0xe0001234".
std::string return_words(int32_t code);

}  // namespace opendext
