// SPDX-License-Identifier: Apache-2.0
// A "dext" for the keeper's stand-in of the runtime: tries to get out while it is loaded, and again
// when asked.
#include <string>

#include "tests/isolation/attempts.h"

namespace {

std::string record() {
    std::string text;
    attempts::try_everything([&](const attempts::Attempt& attempt) {
        text += std::string(attempt.call) +
                (attempt() ? " refused\n" : " gave " + std::to_string(attempt.result) + "\n");
    });
    return text;
}

/// A static constructor: runs inside dlopen, before step two.
const std::string while_loading = record();

}  // namespace

extern "C" [[gnu::visibility("default")]] const char* escape_attempts() {
    static std::string now;
    now = while_loading + "---\n" + record();
    return now.c_str();
}
