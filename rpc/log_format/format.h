// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <cstddef>
#include <string>

namespace opendext {

/// Bytes of a line; the rest is cut off, and the line says so.
inline constexpr size_t kMaxLogLine = size_t{24} * 1024;
void cut_log_line(std::string& line);

/// The text of an os_log or IOLog line: printf's conversions with every length modifier, the words
/// in braces of sdk/platform/os/log.h, %m (of `error_number`) and %.*P (bytes). %n writes nowhere
/// and %@ shows nothing. A conversion that is not known ends the formatting there, with the rest of
/// `format` as it stands: the arguments after it cannot be found.
std::string format_os_log(const char* format, va_list arguments, int error_number);

}  // namespace opendext
