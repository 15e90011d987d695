// SPDX-License-Identifier: Apache-2.0
// opendext serial: virtual serial ports whose bytes travel over TCP. `opendext NAME …` runs
// `opendext-NAME`.
#include <fcntl.h>
#include <opendext/client.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <set>
#include <thread>

#include "apps/serial-over-tcp/agent/agent.h"
#include "families/serial/system/port_name.h"
#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

extern char** environ;

namespace {

using namespace opendext;
using namespace opendext::serial_tcp;
namespace wire = opendext::protocol::client;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPortDeadline{15'000};
constexpr milliseconds kAgentDeadline{10'000};

// --- the agent
// ----------------------------------------------------------------------------------------------------

/// Starts the realm's agent, detached, and waits until it takes requests.
Status start_agent(const Realm& realm) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::system("pipe");
    UniqueFd ready(ends[0]);
    UniqueFd theirs(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    const std::string root = realm.root().string();
    const std::string self = (installation_prefix() / "libexec/opendext/opendext-serial").string();
    const char* arguments[] = {self.c_str(), "--realm", root.c_str(), "agent", nullptr};
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, self.c_str(), &actions, &attributes,
                                     const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return Error::system("starting " + self, failed);
    theirs.reset();
    pollfd wait{ready.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(kAgentDeadline.count())) == 0) {
        return Error{Errc::timed_out, 0, "the agent of the serial ports did not start"};
    }
    return success();
}

/// Runs in the detached process; descriptor 3 tells the starter.
int agent_main(const Realm& realm) {
    ::signal(SIGPIPE, SIG_IGN);
    (void)::chdir("/");
    UniqueFd starter(3);
    ::fcntl(3, F_SETFD, FD_CLOEXEC);
    if (opendext_set_realm(realm.root().c_str()) != KERN_SUCCESS) return 1;
    Agent agent(realm);
    const Status ended = agent.run([&] {
        (void)!::write(starter.get(), "r", 1);
        starter.reset();
    });
    return ended.ok() ? 0 : 1;
}

template <typename Request>
Result<Answer> ask_agent(const Realm& realm, const Request& request, bool start) {
    for (int attempt = 0;; ++attempt) {
        auto socket = Socket::connect(agent_socket(realm));
        if (!socket.ok()) {
            // An agent that just ends still has its lock: the next attempt finds it gone.
            if (!start || attempt == 5)
                return std::move(socket).error().in("no agent of the serial ports");
            OD_TRY(start_agent(realm));
            continue;
        }
        OD_TRY(socket->send(encode(request)));
        auto message = socket->receive_within(std::chrono::seconds(30));
        if (!message.ok()) {
            if (message.error().code == Errc::peer_gone && start && attempt < 5) continue;
            return std::move(message).error().in("agent of the serial ports");
        }
        return decode<Answer>(*message);
    }
}

/// The shipped dext is installed where it is not.
Status ensure_dext(const Realm& realm) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext serial"));
    const auto list = OD_TRY(daemon.request<wire::Extensions>(wire::ListExtensions{}));
    for (const auto& extension : list.extensions) {
        if (extension.bundle_id == kBundleId && extension.enabled) return success();
    }
    const auto bundle = installation_prefix() / "share/opendext/dexts/SerialOverTCP.dext";
    OD_TRY(daemon.request<wire::Reply>(wire::Install{bundle.string()}));
    return success();
}

// --- commands
// -----------------------------------------------------------------------------------------------------

std::optional<PortInfo> find_port(const std::string& name) {
    for (auto& port : list_ports()) {
        if (port.name == name) return std::move(port);
    }
    return std::nullopt;
}

/// Polls quickly: a port is there within a fraction of a second.
bool wait_until(const std::function<bool()>& condition) {
    const auto end = steady_clock::now() + kPortDeadline;
    while (!condition()) {
        if (steady_clock::now() > end) return false;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
}

int add(const std::vector<std::string>& arguments) {
    std::string connect;
    std::string listen;
    tools::CommandLine line(
        "opendext serial add", "NAME --connect HOST:PORT | --listen [ADDRESS:]PORT",
        "Adds a serial port NAME whose bytes travel over TCP, and prints its device.");
    line.option("--connect", "HOST:PORT", connect,
                "call this host, again and again until it answers")
        .option("--listen", "[ADDRESS:]PORT", listen, "wait for a caller");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    if (connect.empty() == listen.empty())
        return line.usage_error("give either --connect or --listen");
    const auto name = serial::make_port_name(line.operands().front(), "");
    if (!name.ok())
        return line.failure(
            Error{Errc::invalid, 0,
                  "port name \"" + line.operands().front() +
                      "\" is not allowed: use at most 64 letters, digits and ._-+@:, "
                      "the first neither a dot nor a dash"});
    const auto remote =
        connect.empty() ? Remote::parse_listen(listen) : Remote::parse_connect(connect);
    if (!remote.ok()) return line.failure(remote.error());
    if (const auto found = resolve(*remote); !found.ok()) {
        return line.failure(Error{
            Errc::not_found, 0,
            found.error().text() + ": check the name, or give the address; nothing was added"});
    }
    const Realm realm = line.realm();
    if (const auto up = tools::ensure_realm(realm); !up.ok()) return line.failure(up.error());
    if (const auto dext = ensure_dext(realm); !dext.ok()) return line.failure(dext.error());
    opendext_set_realm(realm.root().c_str());

    const auto answer = ask_agent(realm, AddRequest{*name, remote->text()}, true);
    if (!answer.ok()) return line.failure(answer.error());
    if (!answer->error.empty()) return line.failure(Error{Errc::invalid, 0, answer->error});
    std::optional<PortInfo> port;
    if (!wait_until([&] { return (port = find_port(*name)) && !port->state.empty(); })) {
        (void)ask_agent(realm, RemoveRequest{*name}, false);
        return line.failure(
            Error{Errc::timed_out, 0,
                  "port " + *name + " did not come up and was removed; `opendext logs` says why"});
    }
    std::printf("%s\n", port->device.c_str());
    if (remote->mode == Remote::Mode::listen && remote->port == "0") {
        std::fprintf(stderr, "%s\n", answer->remote.c_str());
    }
    return tools::kExitSuccess;
}

int remove(const std::vector<std::string>& arguments) {
    tools::CommandLine line("opendext serial rm", "NAME",
                            "Removes a port; a program that has it open sees a hang-up.");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const std::string& name = line.operands().front();
    const Realm realm = line.realm();
    if (!tools::realm_is_up(realm))
        return line.failure(Error{Errc::not_found, 0, "there is no port " + name});
    opendext_set_realm(realm.root().c_str());
    const auto port = find_port(name);
    if (port && port->remote.empty()) {
        return line.failure(Error{Errc::invalid, 0,
                                  "port " + name + " belongs to " + port->bundle_id +
                                      "; uninstall that driver or remove its device"});
    }
    if (!port && !Socket::connect(agent_socket(realm)).ok()) {
        return line.failure(Error{Errc::not_found, 0, "there is no port " + name});
    }
    const auto answer = ask_agent(realm, RemoveRequest{name}, true);
    if (!answer.ok()) return line.failure(answer.error());
    if (!answer->error.empty()) return line.failure(Error{Errc::invalid, 0, answer->error});
    std::error_code error;
    const bool gone = wait_until([&] {
        return !find_port(name) &&
               (!port ||
                !std::filesystem::exists(std::filesystem::symlink_status(port->device, error)));
    });
    if (!gone)
        return line.failure(
            Error{Errc::timed_out, 0, "port " + name + " is still there; see `opendext logs`"});
    return tools::kExitSuccess;
}

Value to_value(const PortInfo& port) {
    return Dictionary{{"name", port.name},
                      {"device", port.device},
                      {"dialin", port.dialin},
                      {"remote", port.remote},
                      {"state", port.state},
                      {"peer", port.peer},
                      {"pid", static_cast<uint32_t>(port.pid)},
                      {"backend", port.backend},
                      {"connections", static_cast<uint64_t>(port.connections)},
                      {"bundle_id", port.bundle_id}};
}

void print_details(const PortInfo& port) {
    std::printf(
        "%s\n  device      %s\n  dial-in     %s\n  remote      %s\n  state       %s%s%s\n  driver  "
        "    %s, pid %d\n",
        port.name.c_str(), port.device.c_str(), port.dialin.c_str(),
        port.remote.empty() ? "-" : port.remote.c_str(),
        port.state.empty() ? "-" : port.state.c_str(), port.peer.empty() ? "" : " to ",
        port.peer.c_str(), port.bundle_id.c_str(), port.pid);
    if (port.backend != "pty") {
        std::printf("  backend     %s\n", port.backend.c_str());
        return;
    }
    std::printf(
        "  backend     pty (a pseudo-terminal). Speed, stop bits and flow control settings reach "
        "the driver.\n"
        "              It cannot carry, and what happens instead:\n"
        "              7 data bits, parity   tcsetattr fails with EINVAL; the line is always 8N\n"
        "              modem lines           reading or setting them fails with ENOTTY\n"
        "              break                 succeeds and is not passed on\n"
        "              drain                 tcdrain returns when the bytes have reached the "
        "pseudo-terminal\n"
        "              lists of ports        programs do not list it; give them the path of the "
        "device\n");
}

int list(const std::vector<std::string>& arguments) {
    bool json = false;
    tools::CommandLine line(
        "opendext serial ls", "[NAME]",
        "Lists the serial ports of the realm; with NAME also what that port cannot do.");
    line.flag("--json", json, "print an array of objects (docs/schemas/serial.json)");
    if (const auto status = line.parse(arguments, 0, 1)) return *status;
    const Realm realm = line.realm();
    std::vector<PortInfo> ports;
    if (tools::realm_is_up(realm)) {
        opendext_set_realm(realm.root().c_str());
        ports = list_ports();
    }
    if (!line.operands().empty()) {
        const std::string& name = line.operands().front();
        std::erase_if(ports, [&](const PortInfo& port) { return port.name != name; });
        if (ports.empty())
            return line.failure(Error{Errc::not_found, 0, "there is no port " + name});
    }
    if (json) {
        Array rows;
        for (const auto& port : ports) rows.push_back(to_value(port));
        std::printf("%s\n", tools::to_json(rows, 2).c_str());
    } else if (!line.operands().empty()) {
        print_details(ports.front());
    } else {
        for (const auto& port : ports) {
            std::printf("%-16s %-32s %-28s %s\n", port.name.c_str(), port.device.c_str(),
                        port.remote.empty() ? "-" : port.remote.c_str(),
                        port.state.empty() ? "-" : port.state.c_str());
        }
    }
    return tools::kExitSuccess;
}

int watch(const std::vector<std::string>& arguments) {
    tools::CommandLine line("opendext serial watch", "",
                            "Prints each change of the ports and their states, until Ctrl-C.");
    if (const auto status = line.parse(arguments)) return *status;
    const Realm realm = line.realm();
    if (!tools::realm_is_up(realm))
        return line.failure(Error{Errc::not_found, 0, "the realm is not up"});
    opendext_set_realm(realm.root().c_str());
    std::map<std::string, std::string> seen;
    while (tools::realm_is_up(realm)) {
        std::map<std::string, std::string> now;
        for (const auto& port : list_ports()) {
            now[port.name] = port.device + "  " + port.remote + "  " + port.state +
                             (port.peer.empty() ? "" : " to " + port.peer);
        }
        for (const auto& [name, text] : now) {
            if (seen[name] != text) std::printf("%s  %s\n", name.c_str(), text.c_str());
        }
        for (const auto& [name, text] : seen) {
            if (!text.empty() && !now.contains(name)) std::printf("%s  removed\n", name.c_str());
        }
        std::fflush(stdout);
        seen = std::move(now);
        std::this_thread::sleep_for(milliseconds(200));
    }
    return tools::kExitSuccess;
}

int stop(const std::vector<std::string>& arguments) {
    tools::CommandLine line("opendext serial stop", "",
                            "Ends the agent: connections close, ports stay and wait for it.");
    if (const auto status = line.parse(arguments)) return *status;
    const auto answer = ask_agent(line.realm(), StopRequest{}, false);
    if (!answer.ok()) return line.failure(answer.error());
    return tools::kExitSuccess;
}

}  // namespace

int main(int argc, char** argv) {
    tools::CommandLine line("opendext serial", "add | rm | ls | watch | stop …",
                            "Virtual serial ports whose bytes travel over TCP.");
    line.stop_at_operand().footer(
        "Commands:\n"
        "  add NAME --connect HOST:PORT | --listen [ADDRESS:]PORT\n"
        "  rm NAME\n"
        "  ls [NAME] [--json]\n"
        "  watch\n"
        "  stop\n"
        "`opendext serial COMMAND --help` tells more.");
    if (const auto status = line.parse(argc, argv, 1, 1000)) return *status;
    std::vector<std::string> rest(line.operands().begin() + 1, line.operands().end());
    const std::string& command = line.operands().front();
    if (command == "agent") return agent_main(line.realm());
    // What stands before the command holds for it.
    if (!line.realm_option().empty()) {
        rest.insert(rest.begin(), {"--realm", line.realm_option()});
    }
    if (command == "add") return add(rest);
    if (command == "rm") return remove(rest);
    if (command == "ls") return list(rest);
    if (command == "watch") return watch(rest);
    if (command == "stop") return stop(rest);
    return line.usage_error("there is no command \"" + command + "\"");
}
