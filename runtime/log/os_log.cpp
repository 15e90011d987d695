// SPDX-License-Identifier: Apache-2.0
// os_log as drivers see it (sdk/platform/os/log.h) and IOLog.
#include <DriverKit/IOLib.h>
#include <execinfo.h>
#include <os/log.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/log_format/format.h"
#include "runtime/log/log.h"

struct os_log_s {
    const char* subsystem;
    const char* category;
};

os_log_s _os_log_default{"", ""};

namespace {

using opendext::runtime::LogType;

/// Many formats end with a line feed, although a line of the log needs none.
std::string_view without_end(std::string_view line) {
    while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    return line;
}

struct NamedLog {
    std::string subsystem;
    std::string category;
    os_log_s log{};
};

void backtrace_to_log() {
    void* frames[64];
    const int count = backtrace(frames, 64);
    char** names = backtrace_symbols(frames, count);
    for (int i = 1; i < count && names != nullptr; ++i) {
        opendext::runtime::log_line(LogType::standard, "", "backtrace", names[i]);
    }
    ::free(names);
}

}  // namespace

extern "C" {

os_log_t os_log_create(const char* subsystem, const char* category) {
    // Never freed: a log object may be used from destructors that run at exit.
    static auto& logs =
        *new std::map<std::pair<std::string, std::string>, std::unique_ptr<NamedLog>>;
    static auto& mutex = *new std::mutex;
    const std::lock_guard lock(mutex);
    auto& entry = logs[{subsystem ? subsystem : "", category ? category : ""}];
    if (!entry) {
        entry = std::make_unique<NamedLog>();
        entry->subsystem = subsystem ? subsystem : "";
        entry->category = category ? category : "";
        entry->log = {entry->subsystem.c_str(), entry->category.c_str()};
    }
    return &entry->log;
}

bool os_log_type_enabled(os_log_t log, os_log_type_t) {
    return log != OS_LOG_DISABLED;
}

void opendext_os_log(os_log_t log, os_log_type_t type, const char* format, ...) {
    const int saved = errno;
    if (log == OS_LOG_DISABLED || format == nullptr) return;
    va_list arguments;
    va_start(arguments, format);
    const std::string text = opendext::format_os_log(format, arguments, saved);
    va_end(arguments);
    opendext::runtime::log_line(static_cast<LogType>(type), log->subsystem, log->category,
                                without_end(text));
    errno = saved;
}

int IOLogv(const char* format, va_list arguments) {
    const std::string text = opendext::format_os_log(format, arguments, errno);
    opendext::runtime::log_line(LogType::standard, "", "IOLog", without_end(text));
    return static_cast<int>(text.size());
}

int IOLog(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = IOLogv(format, arguments);
    va_end(arguments);
    return size;
}

void IOLogBuffer(const char* title, const void* buffer, size_t size) {
    IOLog("%s (%zu bytes)", title, size);
    const auto* bytes = static_cast<const uint8_t*>(buffer);
    if (bytes == nullptr) return;
    constexpr size_t kShown = 4096;
    if (size > kShown) size = kShown;
    for (size_t start = 0; start < size; start += 16) {
        char line[16 * 3 + 16 + 24];
        int at = snprintf(line, sizeof line, "%06zx ", start);
        const size_t end = start + 16 < size ? start + 16 : size;
        for (size_t i = start; i < end; ++i) {
            at += snprintf(line + at, sizeof line - static_cast<size_t>(at), " %02x", bytes[i]);
        }
        IOLog("%s", line);
    }
}

void OSReportWithBacktrace(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    IOLogv(format, arguments);
    va_end(arguments);
    backtrace_to_log();
}

void panic(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::string text = "panic: " + opendext::format_os_log(format, arguments, errno);
    va_end(arguments);
    opendext::runtime::log_line(LogType::fault, "", "panic", text);
    backtrace_to_log();
    abort();
}

}  // extern "C"
