// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/realm.h"
#include "rpc/result.h"

namespace opendext::tools {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;  ///< the request was understood and could not be carried out
inline constexpr int kExitUsage = 2;    ///< the command line is wrong

/// The command line of one tool: declared, parsed, explained by `--help`. Every tool has `--realm
/// DIR`, `--help` and
/// `--version` without declaring them.
///
///     bool json = false;
///     std::string connect;
///     CommandLine line("opendext serial add", "NAME --connect HOST:PORT", "Adds a port.");
///     line.flag("--json", json, "print JSON").option("--connect", "HOST:PORT", connect, "where to
///     connect"); if (const auto status = line.parse(argc, argv, 1, 1)) return *status; Realm realm
///     = line.realm();
///
/// Accepted forms: `-l -w 0`, `-lw0`, `--connect=X`, `--connect X`, `--` ends the options. Options
/// may follow operands.
class CommandLine {
  public:
    CommandLine(std::string program, std::string synopsis, std::string description);

    /// `names` is "-f" or "-f,--follow" or "--json". The targets must outlive parse().
    CommandLine& flag(std::string names, bool& target, std::string help);
    CommandLine& option(std::string names, std::string value_name, std::string& target,
                        std::string help);
    CommandLine& option(std::string names, std::string value_name,
                        std::optional<std::string>& target, std::string help);
    /// May be given several times.
    CommandLine& option(std::string names, std::string value_name,
                        std::vector<std::string>& targets, std::string help);
    /// A whole number from `low` to `high`.
    CommandLine& number(std::string names, std::string value_name, int64_t& target, int64_t low,
                        int64_t high, std::string help);
    /// Text behind the list of options in `--help`.
    CommandLine& footer(std::string text);
    /// Options end at the first operand: what follows it belongs to somebody else.
    CommandLine& stop_at_operand();

    /// Parses. A value is the status to exit with at once: 0 after --help and --version, 2 after an
    /// error, which has been printed with a pointer to `--help`. The number of operands must lie in
    /// the range.
    [[nodiscard]] std::optional<int> parse(const std::vector<std::string>& arguments,
                                           size_t least_operands = 0, size_t most_operands = 0);
    [[nodiscard]] std::optional<int> parse(int argc, char** argv, size_t least_operands = 0,
                                           size_t most_operands = 0);

    [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }
    /// The realm that --realm, OPENDEXT_REALM or the defaults name.
    [[nodiscard]] Realm realm() const { return Realm::select(realm_); }
    /// The value of --realm; empty if it was not given.
    [[nodiscard]] const std::string& realm_option() const { return realm_; }

    /// Prints `program: message` with a pointer to `--help`; gives kExitUsage.
    int usage_error(std::string_view message) const;
    /// Prints `program: text of the error`; gives kExitFailure.
    int failure(const Error& error) const;

  private:
    struct Option {
        std::vector<std::string> names;
        std::string value_name;  ///< empty: a flag
        std::string help;
        std::function<Status(const std::string&)> set;
    };
    CommandLine& add(std::string names, std::string value_name, std::string help,
                     std::function<Status(const std::string&)> set);
    [[nodiscard]] const Option* find(std::string_view name) const;
    Status parse_long(const std::vector<std::string>& arguments, size_t& index);
    Status parse_short(const std::vector<std::string>& arguments, size_t& index);
    void print_help() const;

    std::string program_;
    std::string synopsis_;
    std::string description_;
    std::string footer_;
    std::vector<Option> options_;
    std::vector<std::string> operands_;
    std::string realm_;
    bool stop_at_operand_ = false;
    bool help_ = false;
    bool version_ = false;
};

/// Writes `program: message` to standard error.
void print_error(std::string_view program, std::string_view message);

/// The version of this installation, as `--version` prints it.
[[nodiscard]] std::string_view version();

}  // namespace opendext::tools
