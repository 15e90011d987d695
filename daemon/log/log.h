// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/family.h"
#include "rpc/fd.h"

namespace opendext::daemon {

/// One line of the realm's log.
struct LogLine {
    uint64_t time_ns = 0;  ///< CLOCK_REALTIME; 0 = now
    int32_t pid = 0;       ///< 0 = opendextd
    LogLevel level = LogLevel::notice;
    std::string bundle;   ///< of the driver, empty for opendextd
    std::string process;  ///< name of the process
    std::string subsystem;
    std::string category;
    std::string message;
};

/// The realm's log: one JSON object a line with time (ISO 8601, UTC, microseconds), pid, level,
/// bundle, process, subsystem, category, message. At `limit` bytes the file is renamed to NAME.1
/// and a new one begun: readers follow by inode. Lines are written by one write() call and never
/// wait for a disk: each at once or, with gather(), what has come until flush().
class Log {
  public:
    static constexpr size_t kDefaultLimit = size_t{16} * 1024 * 1024;
    explicit Log(std::filesystem::path path, size_t limit = kDefaultLimit)
        : path_(std::move(path)), limit_(limit) {}
    ~Log() { flush(); }
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(LogLine line);
    /// A line of opendextd itself.
    void write(LogLevel level, std::string_view category, std::string_view message);
    /// Lines wait for flush(): whoever waits for what opendextd does need not wait for them too.
    /// Some dozens at most.
    void gather() { gathers_ = true; }
    void flush();
    /// Also shows the daemon's own lines on stderr (a foreground realm).
    void echo(bool on) { echo_ = on; }
    /// The line as it stands in the file, without newline.
    [[nodiscard]] static std::string to_json(const LogLine& line);

  private:
    bool open_file();
    /// Makes room for a line of that size in the file, if need be by another file.
    bool make_room(size_t size);
    void write_text();

    std::filesystem::path path_;
    size_t limit_;
    size_t size_ = 0;
    UniqueFd file_;
    bool echo_ = false;
    bool gathers_ = false;
    std::vector<LogLine> gathered_;
    std::string text_;  ///< of lines on their way to the file
};

/// "2026-01-31T12:00:00.123456Z".
[[nodiscard]] std::string iso_time(uint64_t time_ns);
/// The text as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// Limits the lines of one driver: a burst, then so many a second. What was left out is counted and
/// told.
class LogBudget {
  public:
    LogBudget(double burst, double per_second)
        : tokens_(burst), burst_(burst), per_second_(per_second) {}
    /// Whether a line at `now_ns` (monotonic) may be written; if so, `skipped` says how many were
    /// not before it.
    bool take(uint64_t now_ns, uint64_t& skipped);

  private:
    double tokens_;
    double burst_;
    double per_second_;
    uint64_t last_ns_ = 0;
    uint64_t skipped_ = 0;
};

}  // namespace opendext::daemon
