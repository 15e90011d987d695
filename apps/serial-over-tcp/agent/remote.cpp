// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/remote.h"

#include <netdb.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>

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

constexpr std::string_view kUnix = "unix:";

Result<Remote> parse_unix(Remote::Mode mode, const std::string& text) {
    const std::string path = text.substr(kUnix.size());
    if (path.empty() || path.back() == '/') return malformed(text, "of the form unix:PATH");
    std::error_code error;
    Remote remote{mode, "", "", std::filesystem::absolute(path, error).lexically_normal()};
    constexpr size_t kLongest = sizeof sockaddr_un::sun_path - 1;
    if (error || remote.path.size() > kLongest) {
        return Error{Errc::invalid, 0,
                     "\"" + text + "\": the path of a Unix socket may have at most " +
                         std::to_string(kLongest) + " bytes, this one has " +
                         std::to_string(remote.path.size())};
    }
    return remote;
}

}  // namespace

std::string Remote::place() const {
    if (is_unix()) return std::string(kUnix) + path;
    const std::string place = host.find(':') != std::string::npos ? "[" + host + "]" : host;
    return place.empty() ? port : place + ":" + port;
}

std::string Remote::text() const {
    return (mode == Mode::connect ? "connect " : "listen ") + place();
}

Result<Remote> Remote::parse_connect(const std::string& text) {
    if (text.starts_with(kUnix)) return parse_unix(Mode::connect, text);
    auto [host, port] = OD_TRY(split(text, "of the form HOST:PORT or unix:PATH"));
    return Remote{Mode::connect, host, OD_TRY(parse_port(port, text, 1))};
}

Result<Remote> Remote::parse_listen(const std::string& text) {
    if (text.starts_with(kUnix)) return parse_unix(Mode::listen, text);
    if (text.find(':') == std::string::npos) {
        return Remote{Mode::listen, "", OD_TRY(parse_port(text, text, 0))};
    }
    auto [host, port] = OD_TRY(split(text, "of the form [ADDRESS:]PORT or unix:PATH"));
    return Remote{Mode::listen, host, OD_TRY(parse_port(port, text, 0))};
}

Result<Remote> Remote::parse(const std::string& text) {
    if (text.starts_with("connect ")) return parse_connect(text.substr(8));
    if (text.starts_with("listen ")) return parse_listen(text.substr(7));
    return malformed(text, "\"connect HOST:PORT\" or \"listen [ADDRESS:]PORT\"");
}

Result<std::vector<SocketAddress>> resolve(const Remote& remote) {
    std::vector<SocketAddress> addresses;
    if (remote.is_unix()) {
        auto& address = addresses.emplace_back();
        auto* file = reinterpret_cast<sockaddr_un*>(&address.storage);
        file->sun_family = AF_UNIX;
        std::memcpy(file->sun_path, remote.path.data(), remote.path.size());
        address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path)) +
                         static_cast<socklen_t>(remote.path.size()) + 1;
        return addresses;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (remote.mode == Remote::Mode::listen ? AI_PASSIVE : 0);
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(remote.host.empty() ? nullptr : remote.host.c_str(),
                                     remote.port.c_str(), &hints, &found);
    if (status == EAI_SYSTEM) return Error::system("looking up host " + remote.host);
    if (status != 0) {
        return Error{Errc::not_found, 0,
                     "host " + remote.host + " not found (" + ::gai_strerror(status) + ")"};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        if (at->ai_addrlen > sizeof(sockaddr_storage)) continue;
        auto& address = addresses.emplace_back();
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        address.length = at->ai_addrlen;
    }
    return addresses;
}

std::string SocketAddress::text() const {
    if (storage.ss_family == AF_UNIX) {
        const char* path = reinterpret_cast<const sockaddr_un*>(&storage)->sun_path;
        const size_t most = length - std::min<size_t>(length, offsetof(sockaddr_un, sun_path));
        return std::string(kUnix) + std::string(path, ::strnlen(path, most));
    }
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getnameinfo(get(), length, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "?";
    }
    const bool six = storage.ss_family == AF_INET6;
    return (six ? "[" : "") + std::string(host) + (six ? "]:" : ":") + port;
}

}  // namespace opendext::serial_tcp
