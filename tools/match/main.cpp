// SPDX-License-Identifier: Apache-2.0
// opendext match: which live services a matching dictionary selects, and if none, which key fits
// nothing.

#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "bundle/plist.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"
#include "tools/match/explain.h"

namespace opendext::match {
namespace {

struct Options {
    std::string class_name;
    std::string name;
    std::vector<std::string> properties;
    bool json = false;
};

Result<bundle::Plist> read(const std::string& path) {
    if (path != "-") return bundle::read_plist(path);
    // One byte more than is accepted, so that the reader says that it is too much.
    std::string bytes(bundle::kMaximumPlistSize + 1, '\0');
    std::cin.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<size_t>(std::cin.gcount()));
    return bundle::parse_plist(bytes, "standard input");
}

/// The value of --property KEY=VALUE: a number, true, false, or text; quotes make a text of
/// anything.
Value value_from(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        return std::string(text.substr(1, text.size() - 2));
    const bool hexadecimal = text.starts_with("0x");
    const std::string_view digits = hexadecimal ? text.substr(2) : text;
    const bool negative = digits.starts_with("-");
    uint64_t magnitude = 0;
    const char* begin = digits.data() + (negative ? 1 : 0);
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(begin, end, magnitude, hexadecimal ? 16 : 10);
    if (begin == end || stop != end || error != std::errc{}) return std::string(text);
    return Number{negative ? 0 - magnitude : magnitude, 64};
}

/// The dictionaries to try with a title for each: the file's one, or its personalities.
Result<std::vector<std::pair<std::string, Dictionary>>> dictionaries(const tools::CommandLine& line,
                                                                     const Options& options) {
    std::vector<std::pair<std::string, Dictionary>> result;
    if (!line.operands().empty()) {
        const bundle::Plist plist = OD_TRY(read(line.operands()[0]));
        Dictionary root = OD_TRY(plist.dictionary());
        const Value* personalities = find(root, "IOKitPersonalities");
        if (personalities == nullptr) {
            result.emplace_back("", std::move(root));
        } else if (personalities->dictionary() == nullptr) {
            return Error{Errc::invalid, 0,
                         plist.where("IOKitPersonalities") +
                             ": IOKitPersonalities must be a dictionary, it is " +
                             bundle::describe(*personalities)};
        } else {
            for (const auto& [name, value] : *personalities->dictionary()) {
                if (value.dictionary() == nullptr) {
                    return Error{Errc::invalid, 0,
                                 plist.where("IOKitPersonalities/" + name) + ": the personality " +
                                     name + " must be a dictionary, it is " +
                                     bundle::describe(value)};
                }
                result.emplace_back(name, *value.dictionary());
            }
        }
    } else {
        result.emplace_back("", Dictionary{});
    }
    Dictionary properties;
    for (const std::string& property : options.properties) {
        const size_t equals = property.find('=');
        if (equals == 0 || equals == std::string::npos)
            return Error{Errc::invalid, 0, "--property needs KEY=VALUE, not '" + property + "'"};
        properties[property.substr(0, equals)] =
            value_from(std::string_view(property).substr(equals + 1));
    }
    for (auto& [title, dictionary] : result) {
        if (!options.class_name.empty()) dictionary["IOProviderClass"] = options.class_name;
        if (!options.name.empty()) dictionary["IONameMatch"] = options.name;
        if (!properties.empty()) dictionary["IOPropertyMatch"] = properties;
    }
    return result;
}

Result<int> run(const tools::CommandLine& line, const Options& options) {
    const auto wanted = OD_TRY(dictionaries(line, options));
    const Realm realm = line.realm();
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext match"));
    const tools::RegistryImage image = OD_TRY(tools::read_registry(daemon));
    int status = tools::kExitSuccess;
    Array all;
    std::string text;
    for (const auto& [title, dictionary] : wanted) {
        const Answer answer = OD_TRY(explain(daemon, image, dictionary));
        if (answer.selected.empty()) status = tools::kExitFailure;
        if (!title.empty()) text += title + ":\n";
        text += to_text(answer);
        Value value = to_value(answer);
        value.dictionary()->emplace("personality", title);
        all.push_back(std::move(value));
    }
    if (options.json) text = tools::to_json(all, 2) + "\n";
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return Error::system("cannot write");
    return status;
}

int main(int argc, char** argv) {
    Options options;
    tools::CommandLine line(
        "opendext match", "[PLIST | -] [--class CLASS] [--name NAME] [--property KEY=VALUE]...",
        "Shows which live services a matching dictionary selects. For one that selects nothing: "
        "which of its keys fit nothing, and what is wrong with the services that come nearest.");
    line.option("--class", "CLASS", options.class_name,
                "services of this class or derived from it (IOServiceMatching)")
        .option("--name", "NAME", options.name, "services of this name (IOServiceNameMatching)")
        .option("--property", "KEY=VALUE", options.properties,
                "services with this property (IOPropertyMatch); may be given several times")
        .flag("--json", options.json, "print JSON (docs/schemas/opendext-match.json)")
        .footer(
            "PLIST is a property list, XML or binary: a matching dictionary, a personality, or an "
            "Info.plist, of which every personality is tried; - reads it from standard input. "
            "VALUE is true, false, a number (also 0x...), or text; \"...\" is always text.");
    if (const auto status = line.parse(argc, argv, 0, 1)) return *status;
    if (line.operands().empty() && options.class_name.empty() && options.name.empty() &&
        options.properties.empty()) {
        return line.usage_error("give PLIST, --class, --name or --property");
    }
    const Result<int> status = run(line, options);
    return status.ok() ? *status : line.failure(status.error());
}

}  // namespace
}  // namespace opendext::match

int main(int argc, char** argv) {
    return opendext::match::main(argc, argv);
}
