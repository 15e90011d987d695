// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/settings.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

namespace opendext::prepared {
namespace {

constexpr std::string_view kPrefix = "sandbox.";

/// Takes a value, or says what may stand there.
using Setter = std::function<std::optional<std::string>(std::string_view)>;

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

/// A whole number that may be followed by one of `units`, and is multiplied by what that says.
std::optional<uint64_t> read_number(std::string_view text,
                                    const std::map<std::string, uint64_t, std::less<>>& units) {
    uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    const auto unit =
        units.find(trim({rest, static_cast<size_t>(text.data() + text.size() - rest)}));
    if (unit == units.end() || __builtin_mul_overflow(number, unit->second, &number))
        return std::nullopt;
    return number;
}

template <typename T>
Setter number(T& target, std::map<std::string, uint64_t, std::less<>> units, uint64_t most,
              const char* what) {
    return [&target, units = std::move(units), most,
            what](std::string_view value) -> std::optional<std::string> {
        const auto read = read_number(value, units);
        if (!read || *read > most) return what;
        target = static_cast<T>(*read);
        return std::nullopt;
    };
}

std::map<std::string, Setter, std::less<>> setters(SandboxSettings& settings) {
    const std::map<std::string, uint64_t, std::less<>> sizes{
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    constexpr const char* kSize = "a size such as 256 MiB, or 0 for no limit";
    constexpr const char* kCount = "a whole number, 0 for no limit";
    constexpr uint64_t kLargestSize = uint64_t{1} << 62;
    constexpr uint64_t kLargestCount = 1 << 20;
    Limits& limits = settings.limits;
    return {
        {"require",
         [&](std::string_view value) -> std::optional<std::string> {
             Result<std::vector<std::string>> items = parse_items(value);
             if (!items.ok()) return items.error().text();
             settings.require = std::move(items).value();
             return std::nullopt;
         }},
        {"layout", number(settings.layout, {{"", 1}}, kLargestCount, kCount)},
        {"memory", number(limits.memory, sizes, kLargestSize, kSize)},
        {"threads", number(limits.threads, {{"", 1}}, kLargestCount, kCount)},
        {"cpu", number(limits.cpu_percent, {{"", 1}, {"%", 1}}, 100'000,
                       "percent of one processor, for example 150 %, or 0 for no limit")},
        {"descriptors", number(limits.descriptors, {{"", 1}}, kLargestCount, kCount)},
        {"address-space", number(limits.address_space, sizes, kLargestSize, kSize)},
        {"cgroup",
         [&](std::string_view value) -> std::optional<std::string> {
             if (!value.starts_with('/')) return "an absolute path";
             settings.cgroup = value;
             return std::nullopt;
         }},
    };
}

template <typename Names>
std::string joined(const Names& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

}  // namespace

const std::vector<std::string>& sandbox_items() {
    static const std::vector<std::string> items{"namespaces", "users",    "landlock",
                                                "mount",      "listener", "cgroup"};
    return items;
}

Result<std::vector<std::string>> parse_items(std::string_view text) {
    std::vector<std::string> items;
    for (size_t from = 0; from <= text.size();) {
        const size_t end = std::min(text.find(',', from), text.size());
        const std::string item(trim(text.substr(from, end - from)));
        from = end + 1;
        if (item.empty()) continue;
        if (std::ranges::find(sandbox_items(), item) == sandbox_items().end()) {
            return Error{
                Errc::invalid, 0,
                "\"" + item + "\" is no part of the sandbox; there are " + joined(sandbox_items())};
        }
        items.push_back(item);
    }
    return items;
}

Status parse_settings(std::string_view text, std::string_view name, SandboxSettings& settings) {
    const auto all = setters(settings);
    for (size_t line_number = 1; !text.empty(); ++line_number) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trim(text.substr(0, std::min(end, text.find('#'))));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.starts_with(kPrefix)) continue;  // opendextd's
        const size_t equals = line.find('=');
        const std::string_view key =
            trim(line.substr(0, equals)).substr(std::min(kPrefix.size(), equals));
        const std::string where = std::string(name) + ":" + std::to_string(line_number) + ": " +
                                  std::string(trim(line.substr(0, equals)));
        if (equals == std::string_view::npos)
            return Error{Errc::invalid, 0, where + " has no value: key = value"};
        const auto setter = all.find(key);
        if (setter == all.end()) {
            std::vector<std::string> keys;
            for (const auto& [known, ignored] : all) keys.push_back(std::string(kPrefix) + known);
            return Error{Errc::invalid, 0, where + " is unknown; there are " + joined(keys)};
        }
        const std::string_view value = trim(line.substr(equals + 1));
        if (const auto wanted = setter->second(value)) {
            return Error{Errc::invalid, 0,
                         where + " = " + std::string(value) + ": expected " + *wanted};
        }
    }
    return success();
}

Status read_settings(const std::filesystem::path& file, SandboxSettings& settings) {
    if (!std::filesystem::exists(file)) return success();
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) return Error{Errc::system, EIO, "cannot read " + file.string()};
    return parse_settings(text.str(), file.string(), settings);
}

}  // namespace opendext::prepared
