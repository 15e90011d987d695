// SPDX-License-Identifier: Apache-2.0
// opendext NAME ARGUMENTS: a built-in command, or the program opendext-NAME of a family or an
// application.

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tools/opendext/commands.h"

namespace opendext::tools {
namespace {

std::string command_list() {
    std::string text = "commands:";
    const auto add = [&text](const std::string& name, const std::string& summary) {
        text += "\n  " + name;
        if (summary.empty()) return;
        text.append(name.size() < 12 ? 12 - name.size() : 1, ' ');
        text += summary;
    };
    for (const Builtin& builtin : builtins()) add(builtin.name, builtin.summary);
    const std::vector<std::string> found = found_commands();
    if (!found.empty()) text += "\n\nfurther commands of this installation:";
    for (const std::string& name : found) add(name, "");
    return text +
           "\n\nEvery command has --help. A realm that is not there is started by the first "
           "command that needs it.";
}

/// Turns into the program. Comes back only with an error.
int run_program(const std::filesystem::path& program, const std::vector<std::string>& words,
                const std::string& realm) {
    if (!realm.empty()) {
        // The program sees the realm as if it had been in the environment; its own --realm would
        // win.
        ::setenv("OPENDEXT_REALM", std::filesystem::absolute(realm).c_str(), 1);
    }
    std::vector<char*> arguments{const_cast<char*>(program.c_str())};
    for (size_t i = 1; i < words.size(); ++i)
        arguments.push_back(const_cast<char*>(words[i].c_str()));
    arguments.push_back(nullptr);
    ::execv(program.c_str(), arguments.data());
    print_error("opendext", Error::system("cannot run " + program.string()).text());
    return kExitFailure;
}

int main(int argc, char** argv) {
    CommandLine line(
        "opendext", "[--realm DIR] COMMAND [ARGUMENTS]",
        "Builds, installs and looks after driver extensions (dexts) written for DriverKit.");
    line.stop_at_operand().footer(command_list());
    if (const auto status = line.parse(argc, argv, 1, SIZE_MAX)) return *status;
    const std::vector<std::string>& words = line.operands();
    for (const Builtin& builtin : builtins()) {
        if (words[0] == builtin.name)
            return builtin.run({words.begin() + 1, words.end()}, line.realm_option());
    }
    const std::filesystem::path program = find_command(words[0]);
    if (program.empty()) return line.usage_error("there is no command '" + words[0] + "'");
    return run_program(program, words, line.realm_option());
}

}  // namespace
}  // namespace opendext::tools

int main(int argc, char** argv) {
    return opendext::tools::main(argc, argv);
}
