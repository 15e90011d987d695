// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rpc/fd.h"

// What a driver process needs in a build with AddressSanitizer or ThreadSanitizer
// (OPENDEXT_SANITIZE, CONTRIBUTING.md, "With sanitizers"). In every other build the functions do
// nothing.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OPENDEXT_SANITIZED 1
#else
#define OPENDEXT_SANITIZED 0
#endif

namespace opendext::prepared {

/// Whether this is such a build. There the address space of a driver is not limited: most of it is
/// the sanitizer's shadow memory, of which little is ever used.
constexpr bool kSanitized = OPENDEXT_SANITIZED != 0;

/// Where a driver's sanitizer reports go: a file named after the bundle in `folder`
/// ($OPENDEXT_SANITIZER_REPORTS), opened before the sandbox closes and placed where standard error
/// is. None in other builds, without a folder, and where it cannot be written to.
UniqueFd open_sanitizer_reports(const std::string& folder, const std::string& bundle_id);

/// Tells the sanitizer that files are out of reach from now on, so that it reads now what it wants
/// to know of them, and that its reports go to standard error.
void announce_sandbox();

}  // namespace opendext::prepared
