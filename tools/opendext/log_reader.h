// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "rpc/fd.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::tools {

/// Reads a realm's log line by line: first the older half (`log.1`), then the newer, then what is
/// appended. The file may be renamed and begun anew meanwhile (it is, when it is full): no line is
/// lost or given twice.
class LogReader {
  public:
    explicit LogReader(std::filesystem::path path);

    /// Calls `line` for every whole line that is there now and was not given before.
    /// Errc::not_found if there is no log.
    [[nodiscard]] Status read(const std::function<void(std::string_view)>& line);
    /// Waits until there may be more, at most `timeout`.
    void wait(std::chrono::milliseconds timeout);

  private:
    /// Gives the rest of the open file.
    Status drain(const std::function<void(std::string_view)>& line);
    /// Whether the log's name means another file than ours by now.
    [[nodiscard]] bool replaced() const;
    [[nodiscard]] UniqueFd following_file() const;

    const std::filesystem::path path_;
    UniqueFd file_;
    UniqueFd watch_;       ///< inotify on the folder
    std::string partial_;  ///< the beginning of a line whose end is not there yet
    bool begun_ = false;
};

/// Whether a line of the log concerns `name`: the identifier of a bundle or its last part, a
/// process or a subsystem.
[[nodiscard]] bool concerns(const Dictionary& line, std::string_view name);
/// "13:05:01.123456 error   com.example.driver[123]: message"; more lines of a message are
/// indented.
[[nodiscard]] std::string to_text(const Dictionary& line);

}  // namespace opendext::tools
