// SPDX-License-Identifier: Apache-2.0
// opendext serial: virtual serial ports whose bytes travel over the network. `opendext NAME …` runs
// `opendext-NAME`; `opendext serial NAME …` runs `opendext-serial-NAME` where it is not one of the
// commands here.
#include <unistd.h>

#include "apps/serial-over-tcp/cli/agent_control.h"
#include "apps/serial-over-tcp/cli/commands.h"
#include "tools/common/command_line.h"

namespace {

using namespace opendext;
using namespace opendext::serial_tcp;

struct Command {
    const char* name;
    const char* synopsis;
    int (*run)(const cli::Words& arguments);
};
constexpr Command kCommands[] = {
    {"add", "NAME --connect HOST:PORT | --listen [ADDRESS:]PORT [OPTION]…", cli::add},
    {"rm", "NAME", cli::remove},
    {"ls", "[NAME] [--json]", cli::list},
    {"set", "NAME [KEY=VALUE]… [--json]", cli::set},
    {"watch", "[--json]", cli::watch},
    {"stop", "", cli::stop},
};

/// What this program is when the agent's starter, or the keeper, runs it.
struct Role {
    const char* name;
    int (*run)(const Realm& realm);
};
constexpr Role kRoles[] = {
    {"agent", cli::agent_main}, {"guard", cli::guard_main}, {"at-start", cli::at_start_main}};

std::filesystem::path programs() {
    return installation_prefix() / "libexec" / "opendext";
}
constexpr const char* kPrefix = "opendext-serial-";

std::string command_list() {
    std::string text = "Commands:";
    for (const Command& command : kCommands)
        text += std::string("\n  ") + command.name + " " + command.synopsis;
    std::error_code error;
    std::vector<std::string> others;
    for (const auto& file : std::filesystem::directory_iterator(programs(), error)) {
        const std::string name = file.path().filename();
        if (name.starts_with(kPrefix)) others.push_back(name.substr(std::string(kPrefix).size()));
    }
    std::sort(others.begin(), others.end());
    for (const std::string& name : others) text += "\n  " + name + " …";
    return text + "\n`opendext serial COMMAND --help` tells more.";
}

/// Turns into the program of a command that is not here. Comes back only if there is none.
void run_other(const std::string& command, const cli::Words& arguments) {
    const std::string program = programs() / (kPrefix + command);
    if (command.find('/') != std::string::npos || ::access(program.c_str(), X_OK) != 0) return;
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::execv(program.c_str(), words.data());
}

}  // namespace

int main(int argc, char** argv) {
    tools::CommandLine line("opendext serial", "COMMAND …",
                            "Serial ports: virtual ones whose bytes travel over the network, and "
                            "those that there are.");
    line.stop_at_operand().footer(command_list());
    if (const auto status = line.parse(argc, argv, 1, SIZE_MAX)) return *status;
    cli::Words rest(line.operands().begin() + 1, line.operands().end());
    const std::string& name = line.operands().front();
    for (const Role& role : kRoles) {
        if (name == role.name) return role.run(line.realm());
    }
    // What stands before the command holds for it.
    if (!line.realm_option().empty()) rest.insert(rest.begin(), {"--realm", line.realm_option()});
    for (const Command& command : kCommands) {
        if (name == command.name) return command.run(rest);
    }
    run_other(name, rest);
    return line.usage_error("there is no command \"" + name + "\"");
}
