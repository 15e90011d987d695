// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "families/hid/link/device_side.h"
#include "families/hid/parse/report_descriptor.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::hid_client {

/// A device that this program plays. Any thread.
class SimulatedDevice {
  public:
    /// Checks the properties, ReportDescriptor among them; nobody sees the device before plug().
    static Result<std::unique_ptr<SimulatedDevice>> make(opendext::Dictionary properties);
    /// Users come from now on; the functions of side() are set before.
    Status plug();
    Status send(uint64_t timestamp, std::span<const uint8_t> report);

    [[nodiscard]] hid::DeviceSide& side() { return *side_; }
    [[nodiscard]] uint64_t entry() const { return entry_.load(); }
    [[nodiscard]] const opendext::Dictionary& properties() const { return properties_; }

  private:
    SimulatedDevice(opendext::Dictionary properties, bool numbered,
                    std::unique_ptr<hid::DeviceSide> side)
        : properties_(std::move(properties)), numbered_(numbered), side_(std::move(side)) {}

    const opendext::Dictionary properties_;
    const bool numbered_;
    const std::unique_ptr<hid::DeviceSide> side_;
    std::atomic<uint64_t> entry_ = 0;
};

}  // namespace opendext::hid_client
