// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "families/serial/driver/line.h"
#include "rpc/result.h"

namespace opendext::serial {

/// What the user says of a port's line (`opendext serial set`, or property SerialLineControl of its
/// IOSerialBSDClient entry), where the application cannot: a pseudo-terminal carries no data size,
/// parity, modem lines or break. Nothing: as the application, open and close have it.
struct LineControl {
    enum class Flow : uint8_t { none, hardware, software };

    std::optional<uint8_t> data_bits;  ///< 5 to 8
    std::optional<uint8_t> parity;     ///< PD_RS232_PARITY_NONE to _SPACE
    std::optional<uint8_t> half_stop_bits;
    std::optional<Flow> flow;
    std::optional<bool> dtr;
    std::optional<bool> rts;

    bool operator==(const LineControl&) const = default;

    /// Takes words such as "bits=7 parity=even dtr=0"; "auto" gives a setting back. A wrong word
    /// changes nothing, and the error names key, value and what is possible. `break_ms` gets the
    /// length of a break that is asked for, 0 if none is.
    Status apply(const std::string& words, uint32_t& break_ms);
    /// The words that make this; empty if nothing is set.
    [[nodiscard]] std::string text() const;

    /// How the line has to be where the application wants `line`.
    [[nodiscard]] LineSettings over(LineSettings line) const;

    /// One byte a setting, 0xff = nothing: how it travels to the driver's process.
    struct Packed {
        uint8_t data_bits = 0xff;
        uint8_t parity = 0xff;
        uint8_t half_stop_bits = 0xff;
        uint8_t flow = 0xff;
        uint8_t dtr = 0xff;
        uint8_t rts = 0xff;
    };
    [[nodiscard]] Packed packed() const;
    static LineControl unpacked(const Packed& packed);
};

/// The words of PD_RS232_PARITY_*, half stop bits and flow control: "even", "1.5", "rtscts".
[[nodiscard]] std::string parity_word(uint8_t parity);
[[nodiscard]] std::string stop_bits_word(uint8_t half_stop_bits);
[[nodiscard]] std::string flow_word(const LineSettings& line);

inline constexpr uint32_t kLongestBreak = 10'000;  ///< milliseconds

}  // namespace opendext::serial
