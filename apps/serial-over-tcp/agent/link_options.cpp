// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/link_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

namespace opendext::serial_tcp {
namespace {

Error bad_value(const std::string& key, const std::string& value, const std::string& fix) {
    return Error{Errc::invalid, 0, key + ": \"" + value + "\" is not possible: " + fix};
}

Result<uint64_t> parse_number(const std::string& key, const std::string& value, uint64_t low,
                              uint64_t high) {
    uint64_t number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || stop != end || number < low || number > high) {
        return bad_value(
            key, value,
            "give a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return number;
}

/// One option: how it is written, and how it is read.
struct Key {
    const char* name;
    std::string (*print)(const LinkOptions&);  ///< empty: it has its default
    Status (*parse)(LinkOptions&, const std::string&);
};

std::string print_timeout(const LinkOptions& options) {
    if (options.timeout == LinkOptions{}.timeout) return "";
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(options.timeout.count()) / 1000);
    return text;
}

Status parse_timeout(LinkOptions& options, const std::string& value) {
    double seconds = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] =
        std::from_chars(value.data(), end, seconds, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || !(seconds >= 1 && seconds <= 3600)) {
        return bad_value("timeout", value, "give seconds from 1 to 3600");
    }
    options.timeout = std::chrono::milliseconds(std::lround(seconds * 1000));
    return success();
}

Status parse_clients(LinkOptions& options, const std::string& value) {
    options.clients =
        static_cast<uint32_t>(OD_TRY(parse_number("clients", value, 1, kMostClients)));
    return success();
}

Status parse_allow(LinkOptions& options, const std::string& value) {
    auto list = AllowList::parse(value);
    if (!list.ok()) return std::move(list).error().in("allow");
    options.allow = std::move(*list);
    return success();
}

std::string print_mode(const LinkOptions& options) {
    if (options.mode == LinkOptions{}.mode) return "";
    char text[8];
    std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(options.mode));
    return text;
}

Status parse_mode(LinkOptions& options, const std::string& value) {
    unsigned mode = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, mode, 8);
    if (error != std::errc{} || stop != end || mode > 0777)
        return bad_value("mode", value, "give an octal mode of a file, for example 0660");
    options.mode = mode;
    return success();
}

Status parse_buffer(LinkOptions& options, const std::string& value) {
    auto size = parse_size(value);
    if (!size.ok() || *size == 0 || *size > kLargestBuffer)
        return bad_value("buffer", value, "give bytes, 64k, 2M …, at most 1G");
    options.buffer = *size;
    return success();
}

Status parse_when_full(LinkOptions& options, const std::string& value) {
    for (const WhenFull policy : {WhenFull::block, WhenFull::drop_oldest}) {
        if (value != to_string(policy)) continue;
        options.when_full = policy;
        return success();
    }
    return bad_value("when-full", value, "give block or drop-oldest");
}

Status parse_saved(LinkOptions& options, const std::string& value) {
    if (value != "yes") return bad_value("saved", value, "give yes, or leave it out");
    options.saved = true;
    return success();
}

Status parse_protocol(LinkOptions& options, const std::string& value) {
    const auto protocol = telnet::parse_protocol(value);
    if (!protocol) return bad_value("protocol", value, "give raw, telnet, rfc2217 or auto");
    options.protocol = *protocol;
    return success();
}

Status parse_tls(LinkOptions& options, const std::string& value) {
    if (value != "yes") return bad_value("tls", value, "give yes, or leave it out");
    options.tls.on = true;
    return success();
}

/// A file of TLS: the agent does not live where the user typed its name.
template <std::string TlsOptions::* member>
constexpr Key tls_file(const char* name) {
    return {name, [](const LinkOptions& options) { return options.tls.*member; },
            [](LinkOptions& options, const std::string& value) -> Status {
                if (value.empty()) return bad_value("tls", value, "give the name of a file");
                std::error_code error;
                options.tls.*member = std::filesystem::absolute(value, error).string();
                return success();
            }};
}

const Key kKeys[] = {
    {"timeout", print_timeout, parse_timeout},
    {"clients",
     [](const LinkOptions& options) {
         return options.clients == 1 ? "" : std::to_string(options.clients);
     },
     parse_clients},
    {"allow", [](const LinkOptions& options) { return options.allow.text(); }, parse_allow},
    {"mode", print_mode, parse_mode},
    {"buffer",
     [](const LinkOptions& options) {
         return options.buffer == 0 ? "" : std::to_string(options.buffer);
     },
     parse_buffer},
    {"when-full",
     [](const LinkOptions& options) -> std::string {
         return options.when_full == WhenFull::block ? "" : to_string(options.when_full);
     },
     parse_when_full},
    {"saved", [](const LinkOptions& options) -> std::string { return options.saved ? "yes" : ""; },
     parse_saved},
    {"protocol",
     [](const LinkOptions& options) -> std::string {
         return options.protocol == telnet::Protocol::raw ? ""
                                                          : telnet::to_string(options.protocol);
     },
     parse_protocol},
    {"tls", [](const LinkOptions& options) -> std::string { return options.tls.on ? "yes" : ""; },
     parse_tls},
    tls_file<&TlsOptions::ca>("tls-ca"),
    {"tls-name", [](const LinkOptions& options) { return options.tls.name; },
     [](LinkOptions& options, const std::string& value) -> Status {
         if (value.empty()) return bad_value("tls-name", value, "give a host name");
         options.tls.name = value;
         return success();
     }},
    tls_file<&TlsOptions::certificate>("tls-cert"),
    tls_file<&TlsOptions::key>("tls-key"),
    tls_file<&TlsOptions::client_ca>("tls-client-ca"),
};

/// Spaces separate words, so none may be inside: they and the escape itself are written as %20.
std::string escape(const std::string& value) {
    std::string text;
    for (const char c : value) {
        if (static_cast<unsigned char>(c) > ' ' && c != '%' && c != 0x7f) {
            text += c;
            continue;
        }
        char code[4];
        std::snprintf(code, sizeof code, "%%%02x", static_cast<unsigned char>(c));
        text += code;
    }
    return text;
}

Result<std::string> unescape(const std::string& text) {
    std::string value;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            value += text[at];
            continue;
        }
        unsigned code = 0;
        const char* start = text.data() + at + 1;
        if (at + 2 >= text.size() || std::from_chars(start, start + 2, code, 16).ptr != start + 2)
            return Error{Errc::malformed, 0, "\"" + text + "\": two digits have to follow %"};
        value += static_cast<char>(code);
        at += 2;
    }
    return value;
}

}  // namespace

const char* to_string(WhenFull policy) {
    switch (policy) {
        case WhenFull::block:
            return "block";
        case WhenFull::drop_oldest:
            return "drop-oldest";
    }
    return "unknown";
}

Result<uint64_t> parse_size(const std::string& text) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const std::string_view unit(stop, static_cast<size_t>(end - stop));
    unsigned shift = 0;
    if (unit == "k" || unit == "K") shift = 10;
    if (unit == "M") shift = 20;
    if (unit == "G") shift = 30;
    if (error != std::errc{} || (!unit.empty() && shift == 0) ||
        (shift != 0 && number > (UINT64_MAX >> shift))) {
        return Error{Errc::invalid, 0, "\"" + text + "\" is not a size: give 4096, 64k, 2M …"};
    }
    return number << shift;
}

Status LinkOptions::set(const std::string& key, const std::string& value) {
    std::string known;
    for (const Key& entry : kKeys) {
        if (key == entry.name) return entry.parse(*this, value);
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    return Error{Errc::invalid, 0, "there is no option \"" + key + "\": use one of " + known};
}

std::string LinkOptions::text() const {
    std::string text;
    for (const Key& key : kKeys) {
        const std::string value = key.print(*this);
        if (!value.empty())
            text += (text.empty() ? "" : " ") + std::string(key.name) + "=" + escape(value);
    }
    return text;
}

Result<LinkOptions> LinkOptions::parse(const std::string& text) {
    LinkOptions options;
    std::set<std::string> seen;
    for (size_t start = 0; start < text.size();) {
        const size_t end = std::min(text.find(' ', start), text.size());
        const std::string word = text.substr(start, end - start);
        start = end + 1;
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return Error{Errc::malformed, 0, "\"" + word + "\" is not of the form KEY=VALUE"};
        const std::string key = word.substr(0, equals);
        if (!seen.insert(key).second)
            return Error{Errc::malformed, 0, "option " + key + " stands twice"};
        OD_TRY(options.set(key, OD_TRY(unescape(word.substr(equals + 1)))));
    }
    return options;
}

}  // namespace opendext::serial_tcp
