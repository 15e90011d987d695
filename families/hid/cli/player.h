// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "families/hid/cli/recording.h"
#include "families/hid/link/device_side.h"
#include "rpc/fd.h"
#include "rpc/realm.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::hid {

/// How a simulated device meets requests.
enum class Manner : uint8_t {
    answer,  ///< keeps what is set and gives it back; zeros before that
    refuse,  ///< kIOReturnUnsupported
    ignore,  ///< never answers, like a device that stalls
};

/// A simulated device that this process plays. Other processes of the same user have it send
/// reports through a socket with an abstract name (PlayerClient).
class SimulatedDevice {
  public:
    struct What {
        Realm realm;
        Recording device;
        std::string name;  ///< wished; another is taken if there is one of this name
        Dictionary properties;
        Manner manner = Manner::answer;
        bool tell = false;  ///< prints requests and users
    };
    static Result<std::unique_ptr<SimulatedDevice>> plug(What what);
    ~SimulatedDevice();

    [[nodiscard]] uint64_t entry() const;
    [[nodiscard]] const std::string& name() const;
    /// To every user. The device's id for a report is its first byte, if it has ids.
    [[nodiscard]] Status send(std::span<const uint8_t> report);
    [[nodiscard]] size_t users() const;
    /// Serves until the device is unplugged, a signal (SIGINT, SIGTERM) comes or `until` says so.
    /// Errc::peer_gone: opendextd ended the device.
    [[nodiscard]] Status serve(const std::function<bool()>& until = {},
                               std::chrono::milliseconds limit = std::chrono::milliseconds::max());

  private:
    struct State;
    explicit SimulatedDevice(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Has another process's device send reports.
class PlayerClient {
  public:
    /// Errc::not_found: the program that plays it is not `opendext hid plug`, or another user's.
    static Result<PlayerClient> connect(const Realm& realm, uint64_t entry);
    /// Returns once it was sent; how many users there were.
    [[nodiscard]] Result<uint32_t> send(std::span<const uint8_t> report);

  private:
    explicit PlayerClient(UniqueFd socket) : socket_(std::move(socket)) {}
    UniqueFd socket_;
};

}  // namespace opendext::hid
