// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/family_request.h"

#include <filesystem>

#include "tools/common/daemon_client.h"

namespace opendext::serial_tcp {

namespace wire = opendext::protocol::client;

Status ask_family(const Realm& realm, const std::string& key, Value value) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext serial"));
    const auto found = OD_TRY(daemon.request<wire::Entries>(
        wire::Match{{{"IOProviderClass", "OpenDextSerialPorts"}}, 1}));
    if (found.ids.empty())
        return Error{Errc::unsupported, 0,
                     "opendextd of this realm has no serial family; is it of another version?"};
    OD_TRY(daemon.request<wire::PropertiesSet>(
        wire::SetProperties{found.ids.front(), Dictionary{{key, std::move(value)}}}));
    return success();
}

std::string real_path(const std::string& text) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(text, error);
    return error ? std::filesystem::absolute(text, error).string() : real.string();
}

}  // namespace opendext::serial_tcp
