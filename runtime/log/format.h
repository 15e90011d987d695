// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <string>

namespace opendext::runtime {

/// The text of an os_log line: printf's conversions, `%{public,bool}d`-style options, %m (of
/// `error_number`) and
/// %.*P (bytes). A conversion that is not known ends the formatting there, with the rest of
/// `format` as it stands: the arguments after it cannot be found.
std::string format_os_log(const char* format, va_list arguments, int error_number);

}  // namespace opendext::runtime
