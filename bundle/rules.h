// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bundle/plist.h"

namespace opendext::bundle {

/// One breach of a rule of Info.plist.
struct Problem {
    enum class Severity { error, warning };
    Severity severity = Severity::error;
    std::string path;  ///< the key, '/' between levels
    std::string
        message;  ///< one line: "FILE:LINE:COLUMN: KEY: value and what is wrong with it: way out"
};
[[nodiscard]] std::string_view to_string(Problem::Severity severity);

/// Applies the rules of docs/facts/plist-keys.csv that hold for every dext, whatever its family:
/// what has to be there, what must not, and the types of the keys that take part in matching. Keys
/// it does not know pass: they are properties. Problems come in the order of the keys; none means
/// that the file is right.
[[nodiscard]] std::vector<Problem> check_info(const Plist& info);

/// Rules of an entitlements file: a dictionary whose keys are entitlement names.
[[nodiscard]] std::vector<Problem> check_entitlements(const Plist& entitlements);

/// The first error (warnings passed over) as an Error, or success.
[[nodiscard]] Status first_error(const std::vector<Problem>& problems);

/// "may be part of a file name, a bundle identifier": letters, digits, '.', '-', '_', no leading
/// dot.
[[nodiscard]] bool is_identifier(std::string_view text);

/// May be the name of a bundle or of its executable, as Xcode allows: anything but a path, a hidden
/// file and control characters.
[[nodiscard]] bool is_file_name(std::string_view text);

}  // namespace opendext::bundle
