// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/allow_list.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace opendext::serial_tcp {
namespace {

Error malformed(const std::string& part) {
    return Error{Errc::invalid, 0,
                 "\"" + part +
                     "\" is not an address: give ADDRESS or ADDRESS/PREFIX, several with commas "
                     "between, for example 192.0.2.0/24,2001:db8::1"};
}

bool same_prefix(const uint8_t* one, const uint8_t* other, unsigned bits) {
    const unsigned whole = bits / 8;
    if (std::memcmp(one, other, whole) != 0) return false;
    const auto mask = static_cast<uint8_t>(0xff00U >> (bits % 8));
    return bits % 8 == 0 || (one[whole] & mask) == (other[whole] & mask);
}

}  // namespace

Result<AllowList::Range> AllowList::parse_range(const std::string& text) {
    Range range;
    const size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    unsigned most = 32;
    if (::inet_pton(AF_INET, address.c_str(), range.bytes.data()) != 1) {
        if (::inet_pton(AF_INET6, address.c_str(), range.bytes.data()) != 1) return malformed(text);
        range.family = AF_INET6;
        most = 128;
    }
    range.prefix = most;
    if (slash == std::string::npos) return range;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, range.prefix);
    if (error != std::errc{} || stop != end || range.prefix > most) {
        return Error{Errc::invalid, 0,
                     "\"" + text.substr(slash + 1) + "\" in \"" + text +
                         "\" is not a prefix: give a number of bits from 0 to " +
                         std::to_string(most)};
    }
    return range;
}

Result<AllowList> AllowList::parse(const std::string& text) {
    AllowList list;
    for (size_t start = 0;;) {
        const size_t comma = text.find(',', start);
        list.ranges_.push_back(OD_TRY(parse_range(text.substr(start, comma - start))));
        if (comma == std::string::npos) return list;
        start = comma + 1;
    }
}

std::string AllowList::text() const {
    std::string text;
    for (const Range& range : ranges_) {
        char address[INET6_ADDRSTRLEN];
        ::inet_ntop(range.family, range.bytes.data(), address, sizeof address);
        text += (text.empty() ? "" : ",") + std::string(address);
        if (range.prefix != (range.family == AF_INET ? 32 : 128))
            text += "/" + std::to_string(range.prefix);
    }
    return text;
}

bool AllowList::allows(const sockaddr* address) const {
    if (ranges_.empty() || address->sa_family == AF_UNIX) return true;
    int family = address->sa_family;
    const uint8_t* bytes = nullptr;
    if (family == AF_INET) {
        bytes = reinterpret_cast<const uint8_t*>(
            &reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
    } else if (family == AF_INET6) {
        const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
        bytes = six.s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&six)) {
            family = AF_INET;
            bytes += 12;
        }
    } else {
        return false;
    }
    for (const Range& range : ranges_) {
        if (range.family == family && same_prefix(range.bytes.data(), bytes, range.prefix))
            return true;
    }
    return false;
}

}  // namespace opendext::serial_tcp
