// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace opendext::project {

/// The bytes of a header map: clang takes such a file where it takes a folder of headers (-I,
/// -iquote), and looks up what stands in #include in it, whatever its case. Xcode makes them so
/// that every header of a project is found by its name alone. Keys are what is included ("X.h",
/// "Lib/X.h"), values absolute paths. Of keys that differ only in case the first one counts.
[[nodiscard]] std::string make_header_map(const std::map<std::string, std::string>& headers);

}  // namespace opendext::project
