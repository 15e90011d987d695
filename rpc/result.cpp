// SPDX-License-Identifier: Apache-2.0
#include "rpc/result.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace opendext {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::unknown:
            return "unknown";
        case Errc::system:
            return "system";
        case Errc::invalid:
            return "invalid";
        case Errc::malformed:
            return "malformed";
        case Errc::not_found:
            return "not found";
        case Errc::exists:
            return "exists";
        case Errc::not_permitted:
            return "not permitted";
        case Errc::not_ready:
            return "not ready";
        case Errc::timed_out:
            return "timed out";
        case Errc::peer_gone:
            return "peer gone";
        case Errc::no_space:
            return "no space";
        case Errc::unsupported:
            return "unsupported";
        case Errc::kern:
            return "kern";
    }
    return "unknown";
}

Error Error::system(std::string what) {
    return system(std::move(what), errno);
}

Error Error::system(std::string what, int error_number) {
    return Error{Errc::system, error_number, std::move(what)};
}

Error Error::kern(int64_t io_return, std::string what) {
    return Error{Errc::kern, io_return, std::move(what)};
}

std::string Error::text() const {
    if (code == Errc::system) {
        return message + ": " + std::strerror(static_cast<int>(number));
    }
    if (code == Errc::kern) {
        char hex[24];
        std::snprintf(hex, sizeof hex, " (0x%08x)", static_cast<unsigned>(number));
        return message + hex;
    }
    return message;
}

Error Error::in(std::string_view context) && {
    message = std::string(context) + ": " + message;
    return std::move(*this);
}

}  // namespace opendext
