// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "project/settings/settings.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

std::string replace_others(std::string text, std::string_view allowed, char by) {
    std::replace_if(
        text.begin(), text.end(),
        [allowed](unsigned char c) {
            return std::isalnum(c) == 0 &&
                   allowed.find(static_cast<char>(c)) == std::string_view::npos;
        },
        by);
    return text;
}

std::string map(std::string text, int (*change)(int)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}

std::string identifier(std::string text) {
    if (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0)
        text.front() = '_';
    return replace_others(std::move(text), "_", '_');
}

std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (std::string_view(" \t\n\"'\\$").find(c) != std::string_view::npos) result += '\\';
        result += c;
    }
    return result;
}

bool is_yes(std::string_view text) {
    return text == "YES" || text == "yes" || text == "true" || text == "1";
}

std::string standardized(const std::string& text) {
    const std::string result = fs::path(text).lexically_normal().string();
    return result.size() > 1 && result.ends_with('/') ? result.substr(0, result.size() - 1)
                                                      : result;
}

}  // namespace

Result<std::string> apply_modifier(std::string value, std::string_view modifier) {
    const size_t equals = modifier.find('=');
    if (equals != std::string_view::npos) {
        const std::string_view name = modifier.substr(0, equals);
        const std::string text(modifier.substr(equals + 1));
        const fs::path path(value);
        if (name == "default") return value.empty() ? text : std::move(value);
        if (name == "dir") return (fs::path(text) / path.filename()).string();
        if (name == "file") return (path.parent_path() / text).string();
        if (name == "base")
            return (path.parent_path() / (text + path.extension().string())).string();
        if (name == "suffix") return (path.parent_path() / path.stem()).string() + text;
        if (name == "relativeto") return path.lexically_relative(text).string();
        if (name == "isancestor") {
            const std::string relative = fs::path(text).lexically_relative(path).string();
            return std::string(relative.empty() || relative.starts_with("..") ? "NO" : "YES");
        }
    }
    if (modifier == "rfc1034identifier") return replace_others(std::move(value), ".-", '-');
    if (modifier == "c99extidentifier" || modifier == "identifier")
        return identifier(std::move(value));
    if (modifier == "lower") return map(std::move(value), std::tolower);
    if (modifier == "upper") return map(std::move(value), std::toupper);
    if (modifier == "quote") return escaped(value);
    if (modifier == "dir") {
        const std::string parent = fs::path(value).parent_path().string();
        return parent.empty() || parent.ends_with('/') ? parent : parent + "/";
    }
    if (modifier == "file") return fs::path(value).filename().string();
    if (modifier == "base") return fs::path(value).stem().string();
    if (modifier == "suffix") return fs::path(value).extension().string();
    if (modifier == "standardizepath") return standardized(value);
    if (modifier == "not") return std::string(is_yes(value) ? "NO" : "YES");
    return Error{
        Errc::invalid, 0,
        "unknown modifier \"" + std::string(modifier) +
            "\": use rfc1034identifier, c99extidentifier, identifier, lower, upper, quote, "
            "dir, file, base, suffix, standardizepath, not or default=TEXT"};
}

}  // namespace opendext::project
