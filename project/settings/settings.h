// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"

namespace opendext::project {

/// `[sdk=driverkit*]` behind the name of a setting: it counts only where the pattern (as of the
/// shell) fits.
struct Condition {
    std::string key;  ///< sdk, arch, config, variant
    std::string pattern;
    friend bool operator==(const Condition&, const Condition&) = default;
};

/// One line that gives a setting a value. The value is not expanded; a list stands as its words,
/// separated by blanks and quoted as in a shell.
struct Assignment {
    std::string name;
    std::vector<Condition> conditions;
    std::string value;
    std::string where;  ///< "Base.xcconfig:3:1"; empty: not from a file
};

/// Takes the conditions off a name as it is written: `KEY[sdk=macosx*][arch=arm64]`, also
/// `KEY[sdk=macosx*,arch=arm64]`. The error says what is wrong with it.
[[nodiscard]] Result<Assignment> parse_assignment_name(std::string_view written);

/// Settings of one place: a file, one configuration of a target, the command line. Later
/// assignments hide earlier ones of the same name.
using Level = std::vector<Assignment>;

/// Build settings as Xcode evaluates them. Levels lie above each other; `$(inherited)` in a value,
/// and a reference of a setting to itself, mean the value that the assignment hides. Everything is
/// expanded when it is asked for.
class Settings {
  public:
    /// What a reference to a setting without value gives.
    enum class Unknown {
        empty,    ///< nothing, as Xcode does
        refused,  ///< an error that names the option to give it one
    };
    explicit Settings(Unknown unknown = Unknown::empty) : unknown_(unknown) {}

    /// What conditions are compared with: "sdk" -> "driverkit25.0".
    void set_context(std::string key, std::string value);
    /// A level above those that are there.
    void push(Level level);
    /// A single value above everything that is there.
    void push(std::string name, std::string value);

    /// The expanded value; "" for a setting without one. Errors: a modifier that does not exist, a
    /// reference that is not closed, a value that grows without bound; with Unknown::refused also a
    /// setting without value inside it.
    [[nodiscard]] Result<std::string> value(std::string_view name) const;
    /// The value as a list: words split at blanks that are not quoted. A reference inside a word
    /// does not split it, whatever it stands for.
    [[nodiscard]] Result<std::vector<std::string>> list(std::string_view name) const;
    /// YES, true, 1 and the like.
    [[nodiscard]] bool is_on(std::string_view name) const;
    /// There is an assignment whose conditions hold.
    [[nodiscard]] bool has(std::string_view name) const;
    /// Where the value that counts was assigned: "project.pbxproj:120:5", or "".
    [[nodiscard]] std::string where(std::string_view name) const;
    /// `text` with its references replaced.
    [[nodiscard]] Result<std::string> expand(std::string_view text) const;
    /// Names that have a value and begin with `prefix`, in alphabetical order.
    [[nodiscard]] std::vector<std::string> names(std::string_view prefix) const;
    /// References without value that an expansion of `text` meets (Unknown::empty passes them
    /// over).
    [[nodiscard]] std::vector<std::string> missing(std::string_view text) const;

  private:
    friend class Expansion;
    [[nodiscard]] bool holds(const Assignment& assignment) const;

    Unknown unknown_;
    std::map<std::string, std::string, std::less<>> context_;
    /// The assignments of each name, lowest first.
    std::map<std::string, std::vector<Assignment>, std::less<>> assignments_;
};

/// Applies a modifier of a reference, `rfc1034identifier` or `default=TEXT`, to a value. `text` of
/// `default=` and the like is expanded already.
[[nodiscard]] Result<std::string> apply_modifier(std::string value, std::string_view modifier);

/// A word as a list setting has to hold it: quoted when it needs to be.
[[nodiscard]] std::string quote_word(std::string_view word);
/// The words of a list without references.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

}  // namespace opendext::project
