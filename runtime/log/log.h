// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Log lines of the driver process: os_log of the driver and messages of the runtime itself.
namespace opendext::runtime {

/// Values of os_log_type_t.
enum class LogType : uint8_t { standard = 0, info = 1, debug = 2, error = 16, fault = 17 };

struct LogLine {
    LogType type = LogType::standard;
    uint64_t time_ns = 0;  ///< CLOCK_REALTIME
    uint32_t thread = 0;
    std::string_view subsystem;
    std::string_view category;
    std::string_view text;
};

/// Where lines go. Called from any thread, in the order of each thread's lines.
class LogSink {
  public:
    virtual ~LogSink() = default;
    virtual void write(const LogLine& line) = 0;
};

/// Sets the sink (not owned, must outlive its use); nullptr = standard error, which is also where
/// lines go before the first call.
void set_log_sink(LogSink* sink);

void log_line(LogType type, std::string_view subsystem, std::string_view category,
              std::string_view text);

/// A line of the runtime itself (subsystem "org.opendext.runtime").
void log(LogType type, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// An error in the driver's use of an interface: logged as a fault with the words "driver bug".
void log_driver_bug(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace opendext::runtime
