// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/remote.h"

#include <charconv>

namespace opendext::serial_tcp {
namespace {

Error malformed(const std::string& text, const std::string& form) {
    return Error{Errc::invalid, 0, "\"" + text + "\" is not " + form};
}

Result<std::string> parse_port(const std::string& text, const std::string& whole, int low) {
    int number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < low ||
        number > 65535) {
        return Error{Errc::invalid, 0,
                     "\"" + text + "\" in \"" + whole +
                         "\" is not a TCP port: give a number from " + std::to_string(low) +
                         " to 65535"};
    }
    return std::to_string(number);
}

/// Splits at the last colon; brackets protect those of an IPv6 address.
Result<std::pair<std::string, std::string>> split(const std::string& text,
                                                  const std::string& form) {
    if (text.starts_with('[')) {
        const size_t end = text.find("]:");
        if (end == std::string::npos || end == 1) return malformed(text, form);
        return std::pair{text.substr(1, end - 1), text.substr(end + 2)};
    }
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return malformed(text, form);
    if (text.find(':') != colon) {
        return malformed(text, form + ": put an IPv6 address into brackets, [ADDRESS]:PORT");
    }
    return std::pair{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

std::string Remote::text() const {
    const std::string place = host.find(':') != std::string::npos ? "[" + host + "]" : host;
    return std::string(mode == Mode::connect ? "connect " : "listen ") +
           (place.empty() ? port : place + ":" + port);
}

Result<Remote> Remote::parse_connect(const std::string& text) {
    auto [host, port] = OD_TRY(split(text, "of the form HOST:PORT"));
    return Remote{Mode::connect, host, OD_TRY(parse_port(port, text, 1))};
}

Result<Remote> Remote::parse_listen(const std::string& text) {
    if (text.find(':') == std::string::npos) {
        return Remote{Mode::listen, "", OD_TRY(parse_port(text, text, 0))};
    }
    auto [host, port] = OD_TRY(split(text, "of the form [ADDRESS:]PORT"));
    return Remote{Mode::listen, host, OD_TRY(parse_port(port, text, 0))};
}

Result<Remote> Remote::parse(const std::string& text) {
    if (text.starts_with("connect ")) return parse_connect(text.substr(8));
    if (text.starts_with("listen ")) return parse_listen(text.substr(7));
    return malformed(text, "\"connect HOST:PORT\" or \"listen [ADDRESS:]PORT\"");
}

Result<Addresses> resolve(const Remote& remote) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (remote.mode == Remote::Mode::listen ? AI_PASSIVE : 0);
    addrinfo* list = nullptr;
    const int status = ::getaddrinfo(remote.host.empty() ? nullptr : remote.host.c_str(),
                                     remote.port.c_str(), &hints, &list);
    if (status == EAI_SYSTEM) return Error::system("looking up host " + remote.host);
    if (status != 0) {
        return Error{Errc::not_found, 0,
                     "host " + remote.host + " not found (" + ::gai_strerror(status) + ")"};
    }
    return Addresses(list);
}

std::string describe(const sockaddr* address, socklen_t length) {
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getnameinfo(address, length, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "?";
    }
    const bool six = address->sa_family == AF_INET6;
    return (six ? "[" : "") + std::string(host) + (six ? "]:" : ":") + port;
}

}  // namespace opendext::serial_tcp
