// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <string>

namespace opendext::cf {

/// printf's formatting with %@ for a CFTypeRef. UTF-8 in and out. An unknown conversion is copied
/// as it stands.
[[nodiscard]] std::string format(const std::string& format, va_list arguments);

}  // namespace opendext::cf
