// SPDX-License-Identifier: Apache-2.0
// opendext serial serve: a tty, over the network.
#include <opendext/client.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/serial-over-tcp/agent/line_link.h"
#include "apps/serial-over-tcp/agent/registry.h"
#include "apps/serial-over-tcp/agent/tls.h"
#include "apps/serial-over-tcp/serve/server.h"
#include "families/serial/driver/line_control.h"
#include "tools/common/command_line.h"
#include "tools/common/realm_control.h"

namespace {

using namespace opendext;
using namespace opendext::serial_tcp;

/// What the command line says.
struct Wish {
    std::string device;
    std::string listen;
    std::string protocol = "auto";
    std::string line;
    std::string clients;
    std::string allow;
    std::string mode;
    std::string timeout;
    std::string buffer;
    TlsOptions tls;
    int64_t baud = 0;
    bool no_lock_file = false;
};

/// A path, or the name of a port of the realm, whatever node it has at the moment.
Result<std::string> locate(const Realm& realm, const std::string& device) {
    if (device.find('/') != std::string::npos) return device;
    const Error unknown{Errc::not_found, 0,
                        "there is no port " + device +
                            ": give the path of a device, or a name that `opendext serial ports` "
                            "lists"};
    if (!tools::realm_is_up(realm)) return unknown;
    opendext_set_realm(realm.root().c_str());
    if (const auto port = find_port(device)) return port->device;
    return unknown;
}

void override(telnet::LineSettings& settings, const serial::LineControl& control) {
    using Flow = serial::LineControl::Flow;
    if (control.data_bits) settings.data_size = *control.data_bits;
    if (control.parity) settings.parity = static_cast<telnet::Parity>(*control.parity);
    if (control.half_stop_bits) settings.stop_size = stop_size_of(*control.half_stop_bits);
    if (control.flow) {
        settings.flow = *control.flow == Flow::hardware   ? telnet::Flow::hardware
                        : *control.flow == Flow::software ? telnet::Flow::xon_xoff
                                                          : telnet::Flow::none;
    }
    settings.dtr = control.dtr.value_or(settings.dtr);
    settings.rts = control.rts.value_or(settings.rts);
}

Result<Server::Options> server_options(const Wish& wish, const Realm& realm) {
    Server::Options options;
    options.locate = [realm, device = wish.device] { return locate(realm, device); };
    options.line.lock_file = !wish.no_lock_file;
    options.log = [](const std::string& text) {
        std::fprintf(stderr, "opendext serial serve: %s\n", text.c_str());
    };
    serial::LineControl control;
    uint32_t break_ms = 0;
    if (Status applied = control.apply(wish.line, break_ms); !applied.ok())
        return std::move(applied).error().in("--line");
    if (break_ms != 0) return Error{Errc::invalid, 0, "--line: a break is no setting"};
    options.prepare = [control, baud = wish.baud](telnet::LineSettings& settings) {
        if (baud != 0) settings.baud_rate = static_cast<uint32_t>(baud);
        override(settings, control);
    };
    const auto protocol = telnet::parse_protocol(wish.protocol);
    if (!protocol)
        return Error{Errc::invalid, 0,
                     "--protocol: \"" + wish.protocol +
                         "\" is not possible: give raw, telnet, rfc2217 or auto"};
    options.setup.protocol = *protocol;
    options.setup.role = telnet::Session::Role::server;
    if (!wish.tls.certificate.empty()) {
        options.setup.tls = OD_TRY(TlsContext::make(wish.tls, TlsContext::Role::listen, ""));
    } else if (!wish.tls.key.empty() || !wish.tls.client_ca.empty()) {
        return Error{Errc::invalid, 0, "--tls-key and --tls-client-ca go with --tls-cert"};
    }
    return options;
}

Result<std::unique_ptr<Connection>> connection_of(const Wish& wish) {
    const Remote remote = OD_TRY(Remote::parse_listen(wish.listen));
    LinkOptions link;
    const std::pair<const char*, const std::string&> words[] = {{"clients", wish.clients},
                                                                {"allow", wish.allow},
                                                                {"mode", wish.mode},
                                                                {"timeout", wish.timeout},
                                                                {"buffer", wish.buffer}};
    for (const auto& [key, value] : words) {
        if (value.empty()) continue;
        if (Status set = link.set(key, value); !set.ok())
            return Error{set.error().code, 0, "--" + set.error().text()};
    }
    link.when_full = WhenFull::drop_oldest;
    auto connection = std::make_unique<Connection>(remote, link);
    OD_TRY(connection->listen());
    return connection;
}

/// Readable when the program shall end.
UniqueFd end_signals() {
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

int main(int argc, char** argv) {
    Wish wish;
    tools::CommandLine line(
        "opendext serial serve", "DEVICE|NAME --listen [ADDRESS:]PORT|unix:PATH [OPTION]…",
        "Serves a tty over the network until it is ended: a device, real or pseudo, or a port of "
        "the realm.");
    line.option("--listen", "[ADDRESS:]PORT", wish.listen,
                "wait for callers; port 0 takes a free one; or unix:PATH")
        .option("--protocol", "PROTOCOL", wish.protocol,
                "raw, telnet, rfc2217 (the caller sets the line), or auto: as the caller begins "
                "(default)")
        .number("--baud", "N", wish.baud, 1, 100'000'000, "speed to begin with")
        .option("--line", "WORDS", wish.line,
                "how the line is set to begin with, such as \"bits=7 parity=even stop=1 "
                "flow=rtscts dtr=0 rts=1\"")
        .option("--clients", "N", wish.clients, "callers at the same time (1)")
        .option("--allow", "ADDRESS[/PREFIX],…", wish.allow, "only these may call")
        .option("--mode", "MODE", wish.mode, "with unix: mode of the socket's file (0600)")
        .option("--timeout", "SECONDS", wish.timeout, "a caller that answers nothing is gone (10)")
        .option("--buffer", "SIZE", wish.buffer,
                "keep the newest SIZE bytes that come while nobody is connected (0)")
        .option("--tls-cert", "FILE", wish.tls.certificate, "own certificate chain (PEM): use TLS")
        .option("--tls-key", "FILE", wish.tls.key, "its key (PEM)")
        .option("--tls-client-ca", "FILE", wish.tls.client_ca,
                "callers need a certificate of these authorities")
        .flag("--no-lock-file", wish.no_lock_file, "make no lock file in /run/lock")
        .footer(
            "The device is taken exclusively. When it goes, it is waited for: callers that "
            "speak RFC 2217 are\ntold that the carrier is gone, the others are disconnected.");
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    if (wish.listen.empty()) return line.usage_error("give --listen");
    wish.device = line.operands().front();
    wish.tls.on = !wish.tls.certificate.empty();

    auto options = server_options(wish, line.realm());
    if (!options.ok()) return line.failure(options.error());
    const bool encrypted = options->setup.tls != nullptr;
    auto connection = connection_of(wish);
    if (!connection.ok()) return line.failure(connection.error());
    const std::string place = (*connection)->remote().place();
    const UniqueFd stop = end_signals();
    Server server(std::move(*options), std::move(*connection));
    if (const Status opened = server.open(); !opened.ok()) return line.failure(opened.error());
    std::printf("serving %s at %s, protocol %s%s\n", server.line()->path().c_str(), place.c_str(),
                wish.protocol.c_str(), encrypted ? " over TLS" : "");
    std::fflush(stdout);
    ::sd_notify(0, "READY=1");
    server.run(stop.get());
    ::sd_notify(0, "STOPPING=1");
    return tools::kExitSuccess;
}
