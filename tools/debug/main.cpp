// SPDX-License-Identifier: Apache-2.0
// opendext debug: a debugger on a driver.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "rpc/protocol/debug.h"
#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/registry.h"
#include "tools/debug/debugger.h"

namespace opendext::debug_tool {
namespace {

namespace client = protocol::client;

std::string text_of(const Dictionary& properties, const char* key) {
    const std::string* text = find_string(properties, key);
    return text == nullptr ? "" : *text;
}

bool is_meant(const client::Entry& entry, const std::string& name) {
    const std::string bundle = text_of(entry.properties, "CFBundleIdentifier");
    const std::string server = text_of(entry.properties, "IOUserServerName");
    return bundle == name || server == name || text_of(entry.properties, "IOUserClass") == name ||
           bundle.substr(bundle.rfind('.') + 1) == name || tools::text_of_id(entry.id) == name ||
           std::to_string(entry.server_pid) == name;
}

/// The process of the newest driver object that `name` means.
Result<int32_t> running_process(tools::DaemonClient& daemon, const std::string& name) {
    const tools::RegistryImage image = OD_TRY(tools::read_registry(daemon));
    int32_t pid = 0;
    for (const auto& [id, entry] : image.entries) {
        if (entry.server_pid > 0 && is_meant(entry, name)) pid = entry.server_pid;
    }
    if (pid != 0) return pid;
    return Error{Errc::not_found, 0,
                 "no driver of the realm is called " + name + "; `opendext debug " + name +
                     " --wait` takes the next one that starts"};
}

/// Waits until one does. The connection must stay until the debugger has it.
Result<int32_t> next_process(tools::DaemonClient& daemon, const std::string& name,
                             std::chrono::milliseconds patience) {
    const uint64_t serial = OD_TRY(daemon.send(client::DebugNext{name}));
    // Said only now: who reads it may start the driver at once.
    std::fprintf(stderr, "waiting for the next process of %s\n", name.c_str());
    return OD_TRY(daemon.answer<client::DebugWaiting>(serial, patience)).pid;
}

int run(const tools::CommandLine& line, const std::vector<std::string>& command, bool print) {
    if (print) {
        for (const std::string& word : command) {
            const bool plain = word.find_first_of(" \"'$") == std::string::npos;
            std::printf(plain ? "%s " : "'%s' ", word.c_str());
        }
        std::printf("\n");
        return tools::kExitSuccess;
    }
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    return line.failure(Error::system("cannot run " + command[0]));
}

/// The debuggers themselves say nothing more than that it is not permitted.
Status check_tracing() {
    constexpr const char* kScope = "/proc/sys/kernel/yama/ptrace_scope";
    constexpr int kNobody = 3;
    int scope = 0;
    std::ifstream(kScope) >> scope;
    if (scope < kNobody) return success();
    return Error{Errc::not_permitted, 0,
                 std::string("no debugger can attach on this machine: ") + kScope +
                     " lets nobody trace, and cannot be lowered while the machine runs"};
}

int main(int argc, char** argv) {
    bool wait = false;
    bool print = false;
    std::string with;
    int64_t timeout = 86400;
    tools::CommandLine line("opendext debug", "NAME [--wait] [--with gdb|lldb] [-- ARGUMENTS]",
                            "Puts a debugger on a driver process, with its sources and libraries "
                            "found. Deadlines stand "
                            "still while it is there.");
    line.flag("--wait", wait,
              "take the next process of the driver, before any of its code runs (static "
              "constructors included)")
        .option("--with,--debugger", "DEBUGGER", with,
                "gdb (default) or lldb, with a version or not, or where it is")
        .number("--timeout", "SECONDS", timeout, 1, 864000,
                "how long --wait waits (default: a day)")
        .flag("--print", print, "print the debugger's command and do not run it")
        .footer(
            "NAME is a bundle identifier or its last part or an IOUserServerName; of a driver that "
            "runs also its class, process id or registry entry id. ARGUMENTS go to the debugger.\n"
            "With --wait, set breakpoints, then `continue`: the driver is loaded then.");
    if (const auto status = line.parse(argc, argv, 1, SIZE_MAX)) return *status;
    if (wait && print) return line.usage_error("--print has no process to wait for");
    if (const Status allowed = check_tracing(); !print && !allowed.ok())
        return line.failure(allowed.error());
    const std::string& name = line.operands()[0];
    const Result<std::filesystem::path> debugger = find_debugger(with);
    if (!debugger.ok()) return line.failure(debugger.error());
    Result<tools::DaemonClient> daemon =
        tools::DaemonClient::connect(line.realm(), "opendext debug");
    if (!daemon.ok()) return line.failure(daemon.error());
    const Result<int32_t> pid = wait ? next_process(*daemon, name, std::chrono::seconds(timeout))
                                     : running_process(*daemon, name);
    if (!pid.ok()) return line.failure(pid.error());
    // The driver waits as long as we are connected: until the debugger ends, if it never attaches.
    ::fcntl(daemon->fd(), F_SETFD, 0);
    const auto program = installation_prefix() / "libexec" / "opendext" / "opendext-driver";
    return run(line,
               debugger_command(debugger->string(), *pid, program,
                                {line.operands().begin() + 1, line.operands().end()}),
               print);
}

}  // namespace
}  // namespace opendext::debug_tool

int main(int argc, char** argv) {
    return opendext::debug_tool::main(argc, argv);
}
