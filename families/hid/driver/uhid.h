// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "families/hid/report_type.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid {

/// As what a device appears to the kernel.
struct UhidIdentity {
    std::string name;
    std::string unique;  ///< serial number
    uint16_t bus = 0;
    uint32_t vendor = 0, product = 0, version = 0, country = 0;
};

/// A device of ours as the kernel's own HID has it (linux/uhid.h): its drivers make input devices
/// and hidraw nodes of it. Sending is for any thread, next() for the one that polls fd().
class UhidNode {
  public:
    explicit UhidNode(UniqueFd fd) : fd_(std::move(fd)) {}

    /// Does nothing if the descriptor has a device already.
    [[nodiscard]] Status create(const UhidIdentity& identity,
                                std::span<const uint8_t> report_descriptor) const;

    void send_input(std::span<const uint8_t> report) const;

    struct Request {
        enum class Kind : uint8_t { get, set, output };  ///< an output wants no answer
        Kind kind = Kind::get;
        uint32_t id = 0;  ///< the kernel's number of it
        ReportType type = ReportType::input;
        uint8_t report_id = 0;
        /// Of a set or output, as the kernel has them: before a report without an id there may be a
        /// byte 0 (of hidraw), or none (of lights).
        std::vector<uint8_t> bytes;
    };
    /// The next request that waits; nullopt: none. Never blocks.
    [[nodiscard]] std::optional<Request> next() const;
    void answer_get(uint32_t id, bool ok, std::span<const uint8_t> report) const;
    void answer_set(uint32_t id, bool ok) const;

    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
};

/// The bytes of a set as links have them: without the byte 0 that hidraw puts before a report
/// without id. `expected`: the report's length as the descriptor has it.
[[nodiscard]] std::span<const uint8_t> without_hidraw_byte(std::span<const uint8_t> bytes,
                                                           bool numbered, size_t expected);

}  // namespace opendext::hid
