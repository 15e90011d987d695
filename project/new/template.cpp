// SPDX-License-Identifier: Apache-2.0
#include "project/new/template.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

#include "bundle/rules.h"
#include "project/classes.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCommon = "common";
constexpr const char* kSummary = "summary.txt";
constexpr std::string_view kLicenceTag = "SPDX-License-Identifier";
// Class names travel in fields of 96 bytes, identifiers are shorter than 64 characters
// (docs/facts/semantics.md sections 1 and 2); what is appended to a name needs its room.
constexpr size_t kMaximumName = 48;
constexpr size_t kMaximumIdentifier = 63;

// What a class cannot be called, in C++23; and what the macros of every driver's sources are
// called.
constexpr std::array kReserved = {"alignas",   "alignof",      "and",           "and_eq",
                                  "asm",       "auto",         "bitand",        "bitor",
                                  "bool",      "break",        "case",          "catch",
                                  "char",      "char16_t",     "char32_t",      "char8_t",
                                  "class",     "co_await",     "co_return",     "co_yield",
                                  "compl",     "concept",      "const",         "const_cast",
                                  "consteval", "constexpr",    "constinit",     "continue",
                                  "decltype",  "default",      "delete",        "do",
                                  "double",    "dynamic_cast", "else",          "enum",
                                  "explicit",  "export",       "extern",        "false",
                                  "float",     "for",          "friend",        "goto",
                                  "if",        "inline",       "int",           "long",
                                  "main",      "mutable",      "namespace",     "new",
                                  "noexcept",  "not",          "not_eq",        "nullptr",
                                  "operator",  "or",           "or_eq",         "private",
                                  "protected", "public",       "register",      "reinterpret_cast",
                                  "requires",  "return",       "short",         "signed",
                                  "sizeof",    "static",       "static_assert", "static_cast",
                                  "std",       "struct",       "super",         "switch",
                                  "template",  "this",         "thread_local",  "throw",
                                  "true",      "try",          "typedef",       "typeid",
                                  "typename",  "union",        "unsigned",      "using",
                                  "virtual",   "void",         "volatile",      "wchar_t",
                                  "while",     "xor",          "xor_eq",        "IMPL",
                                  "KERNEL",    "LOCAL",        "LOCALHOST",     "LOCALONLY",
                                  "NATIVE",    "REMOTE",       "REPLY",         "SUPERDISPATCH",
                                  "TARGET"};

Error invalid(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The nearest identifier: what remains of `name` with each forbidden character left out and the
/// letter behind it made upper case. "" if nothing remains.
std::string suggestion(const std::string& name) {
    std::string result;
    bool raise = false;
    for (const char c : name) {
        const bool good = is_letter(c) || (!result.empty() && (is_digit(c) || c == '_'));
        if (!good) {
            raise = true;
            continue;
        }
        result += raise || result.empty()
                      ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                      : c;
        raise = false;
    }
    return result.substr(0, kMaximumName);
}

Status check_bundle_id(const std::string& id) {
    const std::string advice =
        ": give a reverse-DNS name such as org.example.MyDriver with --bundle-id";
    if (id.size() > kMaximumIdentifier)
        return invalid("\"" + id + "\" has more than 63 characters" + advice);
    bool start = true;
    size_t dots = 0;
    for (const char c : id) {
        const bool good = is_letter(c) || is_digit(c) || (!start && (c == '-' || c == '.'));
        if (!good) return invalid("\"" + id + "\" is no bundle identifier" + advice);
        dots += c == '.' ? 1 : 0;
        start = c == '.';
    }
    if (dots == 0 || start) return invalid("\"" + id + "\" is no bundle identifier" + advice);
    return success();
}

using Values = std::map<std::string, std::string>;

std::string replaced(std::string text, const Values& values) {
    for (const auto& [from, to] : values) {
        for (size_t at = text.find(from); at != std::string::npos;
             at = text.find(from, at + to.size()))
            text.replace(at, from.size(), to);
    }
    return text;
}

/// The text with its values, without the lines of our licence: the project is its author's.
std::string instantiated(const std::string& text, const Values& values) {
    std::istringstream lines(text);
    std::string result;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(kLicenceTag) == std::string::npos) result += line + "\n";
    }
    return replaced(std::move(result), values);
}

Status copy_template(const fs::path& from, const fs::path& to, const Values& values) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(from, error), end; !error && it != end;
         it.increment(error)) {
        const fs::path relative = it->path().lexically_relative(from);
        if (relative == kSummary) continue;
        const fs::path target = to / replaced(relative.string(), values);
        if (it->is_directory(error)) {
            fs::create_directories(target, error);
            continue;
        }
        std::ifstream in(it->path(), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        fs::create_directories(target.parent_path(), error);
        std::ofstream out(target, std::ios::binary | std::ios::trunc);
        out << instantiated(text.str(), values);
        out.close();
        if (!in || !out) return Error::system("cannot write " + target.string());
        fs::permissions(
            target, fs::status(it->path(), error).permissions() | fs::perms::owner_write, error);
    }
    if (error) return Error::system("cannot copy " + from.string(), error.value());
    return success();
}

bool is_empty_or_absent(const fs::path& folder) {
    std::error_code error;
    return !fs::exists(fs::symlink_status(folder, error)) ||
           (fs::is_directory(folder, error) && fs::is_empty(folder, error) && !error);
}

}  // namespace

Result<std::vector<Template>> list_templates(const fs::path& root) {
    std::vector<Template> found;
    std::error_code error;
    for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!it->is_directory(error) || name == kCommon) continue;
        std::ifstream file(it->path() / kSummary);
        Template entry{name, ""};
        for (std::string line; std::getline(file, line);) entry.summary = line;
        found.push_back(std::move(entry));
    }
    if (error || found.empty()) {
        return Error{Errc::not_found, error.value(),
                     root.string() + ": there are no templates: this OpenDext is incomplete"};
    }
    std::ranges::sort(found, {}, &Template::name);
    return found;
}

Status check_project_name(const std::string& name, const std::set<std::string>& sdk_classes) {
    if (name.empty()) return invalid("the name is empty: give one such as MyDriver");
    const bool identifier = is_letter(name[0]) && std::ranges::all_of(name, [](char c) {
                                return is_letter(c) || is_digit(c) || c == '_';
                            });
    if (!identifier) {
        const std::string better = suggestion(name);
        return invalid("\"" + name +
                       "\" cannot name a class: use letters, digits and '_', with a letter first" +
                       (better.empty() ? "" : ", such as " + better));
    }
    if (name.size() > kMaximumName) {
        return invalid("\"" + name + "\" has " + std::to_string(name.size()) +
                       " characters: use at most " + std::to_string(kMaximumName));
    }
    if (std::ranges::find(kReserved, name) != kReserved.end())
        return invalid("\"" + name + "\" is a word of the language: choose another, such as " +
                       suggestion(name) + "Driver");
    if (sdk_classes.contains(name))
        return invalid("\"" + name + "\" is a class of the SDK: choose another, such as My" + name);
    return success();
}

Result<fs::path> create_project(const fs::path& root, const NewProject& project,
                                const std::set<std::string>& sdk_classes) {
    OD_TRY(check_project_name(project.name, sdk_classes));
    const std::vector<Template> templates = OD_TRY(list_templates(root));
    if (std::ranges::find(templates, project.family, &Template::name) == templates.end()) {
        std::set<std::string> names;
        std::string list;
        for (const Template& entry : templates) {
            names.insert(entry.name);
            list += (list.empty() ? "" : ", ") + entry.name;
        }
        const std::string near = nearest_name(project.family, names);
        return invalid("there is no family \"" + project.family + "\"" +
                       (near.empty() ? "" : ", did you mean " + near + "?") +
                       " (there are: " + list + ")");
    }
    std::string lower = project.name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string bundle_id = project.bundle_id;
    if (bundle_id.empty()) {
        bundle_id = "org.example." + project.name;
        std::ranges::replace(bundle_id, '_', '-');
    }
    OD_TRY(check_bundle_id(bundle_id));

    std::error_code error;
    fs::path folder =
        fs::absolute(project.directory.empty() ? fs::path(project.name) : project.directory, error)
            .lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
    if (!is_empty_or_absent(folder)) {
        return invalid(folder.string() +
                       " is there already: choose another folder with --directory, or remove it");
    }
    fs::create_directories(folder.parent_path(), error);
    if (error)
        return Error::system("cannot create " + folder.parent_path().string(), error.value());

    const Values values = {
        {"@NAME@", project.name}, {"@NAME_LOWER@", lower}, {"@BUNDLE_ID@", bundle_id}};
    // Made beside its place and renamed: never half there.
    std::string staging =
        (folder.parent_path() / ("." + folder.filename().string() + "-XXXXXX")).string();
    if (::mkdtemp(staging.data()) == nullptr)
        return Error::system("cannot write into " + folder.parent_path().string());
    fs::permissions(staging, fs::perms{0755}, error);
    Status done = copy_template(root / kCommon, staging, values);
    if (done.ok()) done = copy_template(root / project.family, staging, values);
    if (done.ok()) {
        fs::rename(staging, folder, error);  // takes the place of an empty folder too
        if (error) done = Error::system("cannot create " + folder.string(), error.value());
    }
    if (!done.ok()) {
        fs::remove_all(staging, error);
        return std::move(done).error();
    }
    return folder;
}

}  // namespace opendext::project
