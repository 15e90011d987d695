// SPDX-License-Identifier: Apache-2.0
#include "runtime/log/log.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace opendext::runtime {
namespace {

std::atomic<LogSink*> g_sink{nullptr};

uint32_t thread_number() {
    thread_local const auto number = static_cast<uint32_t>(syscall(SYS_gettid));
    return number;
}

std::string format_text(const char* format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    char buffer[512];
    const int size = vsnprintf(buffer, sizeof buffer, format, arguments);
    std::string text;
    if (size < 0) {
        text = format;
    } else if (static_cast<size_t>(size) < sizeof buffer) {
        text.assign(buffer, static_cast<size_t>(size));
    } else {
        text.resize(static_cast<size_t>(size));
        vsnprintf(text.data(), text.size() + 1, format, again);
    }
    va_end(again);
    return text;
}

constexpr std::string_view kSubsystem = "org.opendext.runtime";

}  // namespace

void set_log_sink(LogSink* sink) {
    g_sink.store(sink, std::memory_order_release);
}

void log_line(LogType type, std::string_view subsystem, std::string_view category,
              std::string_view text) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const LogLine line{
        type,
        static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec),
        thread_number(),
        subsystem,
        category,
        text};
    if (LogSink* sink = g_sink.load(std::memory_order_acquire)) {
        sink->write(line);
        return;
    }
    std::string out(text);
    out += '\n';
    // Nothing better is left if standard error is closed.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, out.data(), out.size());
}

void log(LogType type, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::string text = format_text(format, arguments);
    va_end(arguments);
    log_line(type, kSubsystem, "", text);
}

void log_driver_bug(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::string text = "driver bug: " + format_text(format, arguments);
    va_end(arguments);
    log_line(LogType::fault, kSubsystem, "driver", text);
}

}  // namespace opendext::runtime
