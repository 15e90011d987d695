// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/port_name.h"

#include <algorithm>

namespace opendext::serial {
namespace {
constexpr size_t kLongest = 64;

bool allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-+@:").find(c) != std::string_view::npos;
}
}  // namespace

Result<std::string> make_port_name(const std::string& base_name, const std::string& suffix) {
    const std::string name = base_name + suffix;
    const auto refuse = [&](const std::string& rule) {
        return Error{Errc::invalid, 0,
                     "port name \"" + name + "\" (IOTTYBaseName \"" + base_name +
                         "\", IOTTYSuffix \"" + suffix + "\") is not allowed: " + rule};
    };
    if (name.empty()) {
        return Error{
            Errc::invalid, 0,
            "a serial port needs a name: set IOTTYBaseName in the personality or on the provider"};
    }
    if (name.size() > kLongest) return refuse("use at most 64 bytes");
    if (name.front() == '.' || name.front() == '-')
        return refuse("it must not begin with a dot or dash");
    if (!std::all_of(name.begin(), name.end(), allowed)) {
        return refuse("use letters, digits and ._-+@: only");
    }
    return name;
}

}  // namespace opendext::serial
