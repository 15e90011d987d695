// SPDX-License-Identifier: Apache-2.0
#include "tools/common/command_line.h"

#include <charconv>
#include <cstdio>
#include <utility>

namespace opendext::tools {
namespace {

Error wrong(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

std::vector<std::string> split_names(const std::string& names) {
    std::vector<std::string> result;
    size_t begin = 0;
    while (begin <= names.size()) {
        const size_t end = std::min(names.find(',', begin), names.size());
        result.push_back(names.substr(begin, end - begin));
        begin = end + 1;
    }
    return result;
}

}  // namespace

void print_error(std::string_view program, std::string_view message) {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(program.size()), program.data(),
                 static_cast<int>(message.size()), message.data());
}

std::string_view version() {
    return OPENDEXT_VERSION;
}

CommandLine::CommandLine(std::string program, std::string synopsis, std::string description)
    : program_(std::move(program)),
      synopsis_(std::move(synopsis)),
      description_(std::move(description)) {}

CommandLine& CommandLine::add(std::string names, std::string value_name, std::string help,
                              std::function<Status(const std::string&)> set) {
    options_.push_back(
        {split_names(names), std::move(value_name), std::move(help), std::move(set)});
    return *this;
}

CommandLine& CommandLine::flag(std::string names, bool& target, std::string help) {
    return add(std::move(names), "", std::move(help), [&target](const std::string&) {
        target = true;
        return success();
    });
}

CommandLine& CommandLine::option(std::string names, std::string value_name, std::string& target,
                                 std::string help) {
    return add(std::move(names), std::move(value_name), std::move(help),
               [&target](const std::string& value) {
                   target = value;
                   return success();
               });
}

CommandLine& CommandLine::option(std::string names, std::string value_name,
                                 std::optional<std::string>& target, std::string help) {
    return add(std::move(names), std::move(value_name), std::move(help),
               [&target](const std::string& value) {
                   target = value;
                   return success();
               });
}

CommandLine& CommandLine::option(std::string names, std::string value_name,
                                 std::vector<std::string>& targets, std::string help) {
    return add(std::move(names), std::move(value_name), std::move(help),
               [&targets](const std::string& value) {
                   targets.push_back(value);
                   return success();
               });
}

CommandLine& CommandLine::number(std::string names, std::string value_name, int64_t& target,
                                 int64_t low, int64_t high, std::string help) {
    return add(names, std::move(value_name), std::move(help),
               [&target, low, high, names](const std::string& value) -> Status {
                   int64_t number = 0;
                   const auto [end, error] =
                       std::from_chars(value.data(), value.data() + value.size(), number);
                   if (error != std::errc{} || end != value.data() + value.size() || number < low ||
                       number > high) {
                       return wrong(names + " needs a whole number from " + std::to_string(low) +
                                    " to " + std::to_string(high) + ", not '" + value + "'");
                   }
                   target = number;
                   return success();
               });
}

CommandLine& CommandLine::footer(std::string text) {
    footer_ = std::move(text);
    return *this;
}

CommandLine& CommandLine::stop_at_operand() {
    stop_at_operand_ = true;
    return *this;
}

const CommandLine::Option* CommandLine::find(std::string_view name) const {
    for (const Option& option : options_) {
        for (const std::string& own : option.names) {
            if (own == name) return &option;
        }
    }
    return nullptr;
}

Status CommandLine::parse_long(const std::vector<std::string>& arguments, size_t& index) {
    const std::string& argument = arguments[index];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option* option = find(name);
    if (option == nullptr) return wrong("unknown option " + name);
    if (option->value_name.empty()) {
        if (equals != std::string::npos) return wrong(name + " takes no value");
        return option->set("");
    }
    if (equals != std::string::npos) return option->set(argument.substr(equals + 1));
    if (index + 1 >= arguments.size())
        return wrong(name + " needs a value (" + option->value_name + ")");
    return option->set(arguments[++index]);
}

Status CommandLine::parse_short(const std::vector<std::string>& arguments, size_t& index) {
    const std::string& cluster = arguments[index];
    for (size_t i = 1; i < cluster.size(); ++i) {
        const std::string name = std::string("-") + cluster[i];
        const Option* option = find(name);
        if (option == nullptr) return wrong("unknown option " + name);
        if (option->value_name.empty()) {
            OD_TRY(option->set(""));
            continue;
        }
        if (i + 1 < cluster.size()) return option->set(cluster.substr(i + 1));
        if (index + 1 >= arguments.size())
            return wrong(name + " needs a value (" + option->value_name + ")");
        return option->set(arguments[++index]);
    }
    return success();
}

std::optional<int> CommandLine::parse(const std::vector<std::string>& arguments,
                                      size_t least_operands, size_t most_operands) {
    option("--realm", "DIR", realm_,
           "the realm to use; default: $OPENDEXT_REALM, the system's, the user's");
    flag("--help", help_, "print this and end");
    flag("--version", version_, "print the version and end");
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--" || (stop_at_operand_ && !argument.starts_with("-"))) {
            operands_.insert(
                operands_.end(),
                arguments.begin() + static_cast<ptrdiff_t>(i) + (argument == "--" ? 1 : 0),
                arguments.end());
            break;
        }
        // "-5" is a number unless it was declared as an option.
        const bool number = argument.size() > 1 && argument[1] >= '0' && argument[1] <= '9' &&
                            find(argument.substr(0, 2)) == nullptr;
        if (argument.size() < 2 || argument[0] != '-' || number) {
            operands_.push_back(argument);
            continue;
        }
        const Status parsed =
            argument[1] == '-' ? parse_long(arguments, i) : parse_short(arguments, i);
        if (!parsed.ok()) return usage_error(parsed.error().message);
    }
    if (help_) {
        print_help();
        return kExitSuccess;
    }
    if (version_) {
        std::printf("%s (OpenDext) %s\n", program_.c_str(), std::string(version()).c_str());
        return kExitSuccess;
    }
    if (operands_.size() < least_operands) {
        return usage_error("too few arguments; usage: " + program_ + " " + synopsis_);
    }
    if (operands_.size() > most_operands) {
        return usage_error("unexpected argument '" + operands_[most_operands] + "'");
    }
    return std::nullopt;
}

std::optional<int> CommandLine::parse(int argc, char** argv, size_t least_operands,
                                      size_t most_operands) {
    return parse(std::vector<std::string>(argv + 1, argv + argc), least_operands, most_operands);
}

int CommandLine::usage_error(std::string_view message) const {
    print_error(program_, message);
    std::fprintf(stderr, "Try '%s --help'.\n", program_.c_str());
    return kExitUsage;
}

int CommandLine::failure(const Error& error) const {
    print_error(program_, error.text());
    return kExitFailure;
}

void CommandLine::print_help() const {
    std::printf("usage: %s %s\n\n%s\n\noptions:\n", program_.c_str(), synopsis_.c_str(),
                description_.c_str());
    for (const Option& option : options_) {
        std::string names;
        for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + name;
        if (!option.value_name.empty()) names += " " + option.value_name;
        std::printf("  %-22s  %s\n", names.c_str(), option.help.c_str());
    }
    if (!footer_.empty()) std::printf("\n%s\n", footer_.c_str());
}

}  // namespace opendext::tools
