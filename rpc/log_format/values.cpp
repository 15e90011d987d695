// SPDX-License-Identifier: Apache-2.0
// What the words in braces make of a value, in the forms of os_log(3).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "rpc/log_format/conversion.h"
#include "rpc/log_format/return_name.h"

namespace opendext {
namespace {

void append_time(std::string& out, time_t seconds, const char* fraction) {
    tm parts{};
    char buffer[64];
    if (gmtime_r(&seconds, &parts) == nullptr) {
        out += std::to_string(seconds);  // a year that tm has no room for
        return;
    }
    out.append(buffer, strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S", &parts));
    out += fraction;
    out += "+0000";
}

void append_error(std::string& out, int number) {
    char buffer[128];
    out += "[" + std::to_string(number) + ": " + strerror_r(number, buffer, sizeof buffer) + "]";
}

/// [0xe00002c2: kIOReturnBadArgument]
void append_result(std::string& out, int32_t code) {
    char number[16];
    snprintf(number, sizeof number, "[0x%x", static_cast<unsigned>(code));
    out += number;
    const char* name = return_name(code);
    out += name != nullptr ? std::string(": ") + name + "]" : "]";
}

void append_signal(std::string& out, int number) {
    const char* name = sigabbrev_np(number);
    const char* text = sigdescr_np(number);
    if (name == nullptr || text == nullptr) {
        out += "[" + std::to_string(number) + "]";
        return;
    }
    out += "[sig";
    for (; *name != '\0'; ++name) out += static_cast<char>(tolower(*name));
    out += std::string(": ") + text + "]";
}

/// As ls -l shows it.
void append_mode(std::string& out, uint64_t mode) {
    static constexpr std::pair<unsigned, char> kTypes[] = {
        {S_IFDIR, 'd'}, {S_IFCHR, 'c'},  {S_IFBLK, 'b'}, {S_IFREG, '-'},
        {S_IFIFO, 'p'}, {S_IFSOCK, 's'}, {S_IFLNK, 'l'}};
    char text[] = "-rwxrwxrwx";
    for (const auto& [type, letter] : kTypes) {
        if ((mode & S_IFMT) == type) text[0] = letter;
    }
    for (int bit = 0; bit < 9; ++bit) {
        if ((mode & (0400u >> bit)) == 0) text[1 + bit] = '-';
    }
    if (mode & S_ISUID) text[3] = text[3] == 'x' ? 's' : 'S';
    if (mode & S_ISGID) text[6] = text[6] == 'x' ? 's' : 'S';
    if (mode & S_ISVTX) text[9] = text[9] == 'x' ? 't' : 'T';
    out += text;
}

/// Three digits and a unit: 4.72 kB, 118 Kibps.
void append_scaled(std::string& out, uint64_t value, double step,
                   const std::array<const char*, 7>& units, const char* what) {
    auto scaled = static_cast<double>(value);
    size_t unit = 0;
    while (scaled >= step - 0.5 && unit + 1 < units.size()) {
        scaled /= step;
        ++unit;
    }
    int digits = 0;
    if (unit > 0 && scaled < 99.95) digits = scaled < 9.995 ? 2 : 1;
    char number[32];
    snprintf(number, sizeof number, "%.*f ", digits, scaled);
    out += number;
    out += units[unit];
    out += what;
}

constexpr std::array<const char*, 7> kDecimal = {"", "k", "M", "G", "T", "P", "E"};
constexpr std::array<const char*, 7> kBinary = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

void append_address(std::string& out, int family, const void* address) {
    char buffer[INET6_ADDRSTRLEN];
    out += inet_ntop(family, address, buffer, sizeof buffer);
}

/// False if the address is of another family or cut off.
bool append_socket_address(std::string& out, const uint8_t* bytes, size_t size) {
    sa_family_t family = 0;
    if (size < sizeof family) return false;
    memcpy(&family, bytes, sizeof family);
    if (family == AF_INET && size >= sizeof(sockaddr_in)) {
        append_address(out, AF_INET, bytes + offsetof(sockaddr_in, sin_addr));
    } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        append_address(out, AF_INET6, bytes + offsetof(sockaddr_in6, sin6_addr));
    } else {
        return false;
    }
    return true;
}

template <typename Time>
bool append_time_struct(std::string& out, const uint8_t* bytes, size_t size) {
    Time time{};
    if (size != sizeof time) return false;
    memcpy(&time, bytes, size);
    char fraction[32];
    if constexpr (std::is_same_v<Time, timespec>) {
        snprintf(fraction, sizeof fraction, ".%09ld", time.tv_nsec);
    } else {
        snprintf(fraction, sizeof fraction, ".%06ld", static_cast<long>(time.tv_usec));
    }
    append_time(out, time.tv_sec, fraction);
    return true;
}

void append_hexadecimal(std::string& out, const uint8_t* bytes, size_t size, const char* between) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; ++i) {
        if (i > 0) out += between;
        out += kDigits[bytes[i] >> 4];
        out += kDigits[bytes[i] & 15];
    }
}

}  // namespace

bool Conversion::has(std::string_view word) const {
    std::string_view rest = options;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        std::string_view one = rest.substr(0, comma);
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
        if (one == word) return true;
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return false;
}

bool append_meaning(std::string& out, const Conversion& conversion, uint64_t value) {
    if (conversion.options.empty()) return false;
    if (conversion.has("BOOL")) {
        out += value ? "YES" : "NO";
    } else if (conversion.has("bool")) {
        out += value ? "true" : "false";
    } else if (conversion.has("errno") || conversion.has("darwin.errno")) {
        append_error(out, static_cast<int>(value));
    } else if (conversion.has("mach.errno") || conversion.has("kern_return")) {
        append_result(out, static_cast<int32_t>(value));
    } else if (conversion.has("signal") || conversion.has("darwin.signal")) {
        append_signal(out, static_cast<int>(value));
    } else if (conversion.has("mode") || conversion.has("darwin.mode")) {
        append_mode(out, value);
    } else if (conversion.has("time_t")) {
        append_time(out, static_cast<time_t>(value), "");
    } else if (conversion.has("bytes")) {
        append_scaled(out, value, 1000, kDecimal, "B");
    } else if (conversion.has("iec-bytes")) {
        append_scaled(out, value, 1024, kBinary, "B");
    } else if (conversion.has("bitrate")) {
        append_scaled(out, value, 1000, kDecimal, "bps");
    } else if (conversion.has("iec-bitrate")) {
        append_scaled(out, value, 1024, kBinary, "bps");
    } else if (conversion.has("network:in_addr")) {
        const auto address = static_cast<uint32_t>(value);  // in network order already
        append_address(out, AF_INET, &address);
    } else {
        return false;
    }
    return true;
}

void append_bytes(std::string& out, const Conversion& conversion, const uint8_t* bytes,
                  size_t size) {
    if (conversion.has("uuid_t") && size == 16) {
        size_t start = 0;
        for (const size_t end : {4, 6, 8, 10, 16}) {
            if (start > 0) out += '-';
            append_hexadecimal(out, bytes + start, end - start, "");
            start = end;
        }
        return;
    }
    if (conversion.has("timespec") && append_time_struct<timespec>(out, bytes, size)) return;
    if (conversion.has("timeval") && append_time_struct<timeval>(out, bytes, size)) return;
    if (conversion.has("network:sockaddr") && append_socket_address(out, bytes, size)) return;
    if (conversion.has("network:in_addr") && size == 4) return append_address(out, AF_INET, bytes);
    if (conversion.has("network:in6_addr") && size == 16)
        return append_address(out, AF_INET6, bytes);
    append_hexadecimal(out, bytes, size, conversion.has("network:mac_addr") ? ":" : " ");
}

}  // namespace opendext
