// SPDX-License-Identifier: Apache-2.0
// os_log for client programs: the same header and the same formats as for drivers, but the lines
// are the program's own. They go where programs of this system log, the journal or syslog; to
// standard error where there is neither, or where OPENDEXT_LOG is "stderr".
#include <os/log.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/log_format/format.h"

struct os_log_s {
    std::string subsystem;
    std::string category;
};

os_log_s _os_log_default;

namespace {

int priority(os_log_type_t type) {
    switch (type) {
        case OS_LOG_TYPE_DEBUG:
            return LOG_DEBUG;
        case OS_LOG_TYPE_INFO:
            return LOG_INFO;
        case OS_LOG_TYPE_ERROR:
            return LOG_ERR;
        case OS_LOG_TYPE_FAULT:
            return LOG_CRIT;
        default:
            return LOG_NOTICE;
    }
}

bool to_standard_error() {
    static const bool choice = [] {
        const char* wanted = ::secure_getenv("OPENDEXT_LOG");
        if (wanted != nullptr) return std::string_view(wanted) == "stderr";
        return ::access("/dev/log", W_OK) != 0;
    }();
    return choice;
}

void write_line(const os_log_s& log, os_log_type_t type, std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::string origin;
    if (!log.subsystem.empty()) origin = "[" + log.subsystem + ":" + log.category + "] ";
    if (to_standard_error()) {
        // One write: lines of several threads stay whole.
        const std::string line =
            std::string(program_invocation_short_name) + ": " + origin + text + "\n";
        (void)!::write(STDERR_FILENO, line.data(), line.size());
    } else {
        ::syslog(LOG_USER | priority(type), "%s%s", origin.c_str(), text.c_str());
    }
}

}  // namespace

extern "C" {

os_log_t os_log_create(const char* subsystem, const char* category) {
    // Never freed: a log object may be used from destructors that run at exit.
    using Names = std::pair<std::string, std::string>;
    static auto& logs = *new std::map<Names, std::unique_ptr<os_log_s>>;
    static auto& mutex = *new std::mutex;
    const Names names{subsystem != nullptr ? subsystem : "", category != nullptr ? category : ""};
    const std::lock_guard lock(mutex);
    auto& log = logs[names];
    if (!log) log = std::make_unique<os_log_s>(os_log_s{names.first, names.second});
    return log.get();
}

bool os_log_type_enabled(os_log_t log, os_log_type_t) {
    return log != OS_LOG_DISABLED;
}

void opendext_os_log(os_log_t log, os_log_type_t type, const char* format, ...) {
    const int saved = errno;
    if (log == OS_LOG_DISABLED || format == nullptr) return;
    va_list arguments;
    va_start(arguments, format);
    write_line(*log, type, opendext::format_os_log(format, arguments, saved));
    va_end(arguments);
    errno = saved;
}

}  // extern "C"
