// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rpc/result.h"

namespace opendext::project {

/// One command of a build. It is up to date when a record beside its first output says that the
/// same command has made the outputs from the same inputs (by size and modification time), and the
/// outputs are still there.
struct Job {
    std::string title;  ///< "compile Driver.cpp", for the progress line
    std::vector<std::string> command;
    /// Put behind the first word of the command when it runs; makes no difference to the result.
    std::vector<std::string> unrecorded;
    std::vector<std::filesystem::path> outputs;  ///< the first names the record (OUTPUT.job)
    std::vector<std::filesystem::path> inputs;
    std::filesystem::path
        depfile;  ///< make-style, written by the command: further inputs; empty: none
    /// Outputs as the command writes them, in the order of `outputs`; renamed when it has
    /// succeeded, and only where the contents differ, so that what depends on them stays up to
    /// date. Empty: the command writes `outputs` itself.
    std::vector<std::filesystem::path> temporaries;
};

struct RunOptions {
    unsigned parallel = 1;
    bool verbose = false;   ///< print each command
    bool quiet = false;     ///< no progress, only what the commands print
    bool terminal = false;  ///< progress in one line that is overwritten
};

/// Counts over the phases of one build, for the progress line.
struct Progress {
    size_t done = 0;
    size_t total = 0;
    size_t ran = 0;       ///< commands that were not up to date
    std::string printed;  ///< what failed commands printed
};

/// Runs those of `jobs` that are out of date, `parallel` at a time; they must not depend on each
/// other. What a command prints comes out in one piece when it ends. After a failure no further
/// command is started; the error says how many failed. The outputs of a failed command are removed.
[[nodiscard]] Status run_jobs(const std::vector<Job>& jobs, const RunOptions& options,
                              Progress& progress);

/// Runs a command and gives what it prints, whatever its status.
[[nodiscard]] Result<std::string> output_of(const std::vector<std::string>& command);

/// The prerequisites named by a make-style dependency file.
[[nodiscard]] std::vector<std::filesystem::path> parse_depfile(const std::filesystem::path& path);

/// Writes `text` unless the file holds it already.
[[nodiscard]] Status write_if_changed(const std::filesystem::path& path, const std::string& text);

}  // namespace opendext::project
