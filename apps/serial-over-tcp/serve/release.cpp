// SPDX-License-Identifier: Apache-2.0
// opendext serial release: takes an adopted port out of the registry.
#include "apps/serial-over-tcp/serve/family_request.h"
#include "tools/common/command_line.h"
#include "tools/common/realm_control.h"

using namespace opendext;

int main(int argc, char** argv) {
    tools::CommandLine line(
        "opendext serial release", "NAME|DEVICE",
        "Takes an adopted port out of the registry; its device stays as it is.");
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    const std::string& given = line.operands().front();
    const std::string wanted =
        given.find('/') == std::string::npos ? given : serial_tcp::real_path(given);
    const Realm realm = line.realm();
    if (!tools::realm_is_up(realm))
        return line.failure(
            Error{Errc::not_found, 0,
                  "no adopted device has the name or path " + given + ": the realm is not up"});
    const Status released = serial_tcp::ask_family(realm, "SerialRelease", wanted);
    return released.ok() ? tools::kExitSuccess : line.failure(released.error());
}
