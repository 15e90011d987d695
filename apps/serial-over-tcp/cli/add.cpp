// SPDX-License-Identifier: Apache-2.0
// opendext serial add, rm, stop: what changes the ports.
#include <opendext/client.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "apps/serial-over-tcp/agent/wire_setup.h"
#include "apps/serial-over-tcp/cli/agent_control.h"
#include "apps/serial-over-tcp/cli/commands.h"
#include "families/serial/system/port_name.h"
#include "rpc/json.h"
#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp::cli {
namespace {

namespace wire = opendext::protocol::client;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPortDeadline{15'000};

/// The shipped dext is installed where it is not.
Status ensure_dext(const Realm& realm) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext serial"));
    const auto list = OD_TRY(daemon.request<wire::Extensions>(wire::ListExtensions{}));
    for (const auto& extension : list.extensions) {
        if (extension.bundle_id == kBundleId && extension.enabled) return success();
    }
    const auto bundle = installation_prefix() / "share/opendext/dexts/SerialOverTCP.dext";
    return tools::install_extension(realm, "opendext serial", bundle.string());
}

/// Why a port does not come up, as the realm's log says from now on.
class StartFailure {
  public:
    StartFailure(const Realm& realm, const std::string& name)
        : log_(realm.log()), words_("start fail: serial port " + name + ": ") {
        log_.seekg(0, std::ios::end);
    }
    /// Looks at what has come since; empty: nothing of that port.
    const std::string& look() {
        for (std::string line; reason_.empty() && std::getline(log_, line);) {
            const auto entry = parse_json(line);
            const std::string* message = entry.ok() && entry->dictionary() != nullptr
                                             ? find_string(*entry->dictionary(), "message")
                                             : nullptr;
            if (message != nullptr && message->starts_with(words_))
                reason_ = message->substr(words_.size());
        }
        log_.clear();
        return reason_;
    }

  private:
    std::ifstream log_;
    const std::string words_;
    std::string reason_;
};

/// Options of a port: each is a key of LinkOptions, and `--KEY` here.
struct LinkOption {
    const char* key;
    const char* value_name;
    const char* help;
    enum class Only : uint8_t { any, listen, listen_tcp, listen_unix } only;
    std::optional<std::string> value = std::nullopt;
};

std::vector<LinkOption> link_options() {
    using Only = LinkOption::Only;
    return {
        {"timeout", "SECONDS", "a peer that answers nothing for so long is gone (10)", Only::any},
        {"clients", "N", "with --listen: take up to N callers at the same time (1)", Only::listen},
        {"allow", "ADDRESS[/PREFIX],…", "with --listen: only these may call", Only::listen_tcp},
        {"mode", "MODE", "with --listen unix: mode of the socket's file (0600)", Only::listen_unix},
        {"buffer", "SIZE",
         "keep up to SIZE bytes (64k, 2M …) that are written while nobody is there, beyond the "
         "256 KiB that a port holds anyway",
         Only::any},
        {"when-full", "POLICY",
         "when the buffer is full: block the writing program (the default), or drop-oldest",
         Only::any},
        {"protocol", "PROTOCOL",
         "raw (the default), telnet, rfc2217 (line settings go along), or auto: as the peer begins",
         Only::any},
        {"tls-ca", "FILE",
         "with --connect --tls: check the peer against these CAs, not the "
         "system's",
         Only::any},
        {"tls-name", "NAME",
         "with --connect --tls: the certificate has to be for NAME, not the "
         "host",
         Only::any},
        {"tls-cert", "FILE", "with --tls: own certificate chain; --listen needs one", Only::any},
        {"tls-key", "FILE", "with --tls: the key of that certificate", Only::any},
        {"tls-client-ca", "FILE", "with --listen --tls: callers need a certificate of these CAs",
         Only::listen},
    };
}

/// Why this option does not go with where the port leads; empty: it does.
std::string misplaced(const LinkOption& option, const Remote& remote) {
    using Only = LinkOption::Only;
    const std::string name = std::string("--") + option.key;
    if (option.only != Only::any && remote.mode != Remote::Mode::listen)
        return name + " goes with --listen only";
    if (option.only == Only::listen_tcp && remote.is_unix())
        return name + " is for addresses; who may call a Unix socket is said by --mode";
    if (option.only == Only::listen_unix && !remote.is_unix())
        return name + " goes with --listen unix:PATH only";
    return "";
}

}  // namespace

bool wait_until(const std::function<bool()>& condition) {
    const auto end = steady_clock::now() + kPortDeadline;
    while (!condition()) {
        if (steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

int add(const Words& arguments) {
    std::string connect;
    std::string listen;
    LinkOptions options;
    std::vector<LinkOption> choices = link_options();
    tools::CommandLine line(
        "opendext serial add", "NAME --connect HOST:PORT | --listen [ADDRESS:]PORT [OPTION]…",
        "Adds a serial port NAME whose bytes travel over the network, and prints its device.");
    line.option("--connect", "HOST:PORT", connect,
                "call this host, again and again until it answers; or unix:PATH")
        .option("--listen", "[ADDRESS:]PORT", listen,
                "wait for a caller; port 0 takes a free one; or unix:PATH");
    for (LinkOption& choice : choices)
        line.option(std::string("--") + choice.key, choice.value_name, choice.value, choice.help);
    line.flag("--tls", options.tls.on,
              "encrypt, and check the peer's certificate; with --listen --tls-cert is needed")
        .flag("--save", options.saved,
              "the port comes back whenever the realm starts, until `opendext serial rm NAME`")
        .footer(
            "A byte counts as sent when it is handed to the network: one that was on its way "
            "when a connection\nbroke is not sent again.");
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
    for (const LinkOption& choice : choices) {
        if (!choice.value) continue;
        if (const auto why = misplaced(choice, *remote); !why.empty()) return line.usage_error(why);
        if (const auto set = options.set(choice.key, *choice.value); !set.ok())
            return line.usage_error("--" + set.error().text());
    }
    if (const auto setup = make_wire_setup(*remote, options); !setup.ok())
        return line.failure(setup.error());
    if (const auto found = resolve(*remote); !found.ok()) {
        return line.failure(Error{
            Errc::not_found, 0,
            found.error().text() + ": check the name, or give the address; nothing was added"});
    }
    const Realm realm = line.realm();
    if (const auto up = tools::ensure_realm(realm); !up.ok()) return line.failure(up.error());
    if (const auto dext = ensure_dext(realm); !dext.ok()) return line.failure(dext.error());
    opendext_set_realm(realm.root().c_str());

    StartFailure failure(realm, *name);
    const auto answer = ask_agent(realm, AddRequest{*name, remote->text(), options.text()}, true);
    if (!answer.ok()) return line.failure(answer.error());
    if (!answer->error.empty()) return line.failure(Error{Errc::invalid, 0, answer->error});
    std::optional<PortInfo> port;
    const bool over = wait_until([&] {
        return !failure.look().empty() || ((port = find_port(*name)) && !port->state.empty());
    });
    if (const std::string& reason = failure.look(); !reason.empty()) {
        (void)ask_agent(realm, RemoveRequest{*name}, false);
        return line.failure(Error{Errc::invalid, 0,
                                  "port " + *name + " did not come up and was removed: " + reason});
    }
    if (!over) {
        (void)ask_agent(realm, RemoveRequest{*name}, false);
        return line.failure(
            Error{Errc::timed_out, 0,
                  "port " + *name + " did not come up and was removed; `opendext logs` says why"});
    }
    std::printf("%s\n", port->device.c_str());
    std::fflush(stdout);
    if (remote->mode == Remote::Mode::listen && remote->port == "0") {
        std::fprintf(stderr, "%s\n", answer->remote.c_str());
    }
    return tools::kExitSuccess;
}

int remove(const Words& arguments) {
    tools::CommandLine line("opendext serial rm", "NAME",
                            "Removes a port, also from those that are saved; a program that has it "
                            "open sees a hang-up.");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const std::string& name = line.operands().front();
    const Realm realm = line.realm();
    const Error unknown{Errc::not_found, 0, "there is no port " + name};
    if (!tools::realm_is_up(realm)) {
        const auto forgotten = SavedPorts(realm).remove(name);
        if (!forgotten.ok()) return line.failure(forgotten.error());
        return *forgotten ? tools::kExitSuccess : line.failure(unknown);
    }
    opendext_set_realm(realm.root().c_str());
    const auto port = find_port(name);
    if (port && port->remote.empty()) {
        return line.failure(Error{Errc::invalid, 0,
                                  "port " + name + " belongs to " + port->bundle_id +
                                      "; uninstall that driver or remove its device"});
    }
    std::error_code error;
    if (!port && !Socket::connect(agent_socket(realm)).ok() &&
        !std::filesystem::exists(SavedPorts(realm).path(), error)) {
        return line.failure(unknown);
    }
    const auto answer = ask_agent(realm, RemoveRequest{name}, true);
    if (!answer.ok()) return line.failure(answer.error());
    if (!answer->error.empty()) return line.failure(Error{Errc::invalid, 0, answer->error});
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

int stop(const Words& arguments) {
    tools::CommandLine line("opendext serial stop", "",
                            "Ends the agent: connections close, ports stay and wait for it.");
    if (const auto status = line.parse(arguments)) return *status;
    const auto answer = ask_agent(line.realm(), StopRequest{}, false);
    if (!answer.ok()) return line.failure(answer.error());
    return tools::kExitSuccess;
}

}  // namespace opendext::serial_tcp::cli
