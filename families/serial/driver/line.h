// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "rpc/result.h"

namespace opendext::serial {

/// What an application asked of the line, as far as a pseudo-terminal lets it through. 7 data bits
/// and parity are not there: the kernel forces 8N on a pseudo-terminal and tells the application
/// (EINVAL).
struct LineSettings {
    uint32_t baud = 9600;  ///< bits per second; 0 = hang up (B0)
    uint8_t data_bits = 8;
    uint8_t half_stop_bits = 2;      ///< 2 = one stop bit, 4 = two
    uint8_t parity = 1;              ///< PD_RS232_PARITY_NONE
    bool hardware_flow = false;      ///< CRTSCTS
    bool software_flow_out = false;  ///< IXON
    bool software_flow_in = false;   ///< IXOFF
    uint8_t xon = 0x11;
    uint8_t xoff = 0x13;
    bool cooked = false;  ///< line editing, echo, signals, XON/XOFF or other characters instead of
                          ///< those that came: the kernel has to do it

    friend bool operator==(const LineSettings&, const LineSettings&) = default;
    [[nodiscard]] bool same_uart(const LineSettings& other) const {
        return baud == other.baud && half_stop_bits == other.half_stop_bits &&
               data_bits == other.data_bits && parity == other.parity;
    }
    [[nodiscard]] bool same_flow(const LineSettings& other) const {
        return hardware_flow == other.hardware_flow &&
               software_flow_out == other.software_flow_out &&
               software_flow_in == other.software_flow_in && xon == other.xon && xoff == other.xoff;
    }
    /// The PD_RS232_S_* bits of HwProgramFlowControl.
    [[nodiscard]] uint32_t flow_bits() const;
};

/// Reads the settings of the terminal behind `master`.
Result<LineSettings> read_line(int master);
/// Puts a new terminal into raw mode with notices of changes (packet mode, EXTPROC).
Status prepare_line(int master);
/// Whether the kernel reports changes of settings (EXTPROC).
Result<bool> has_notices(int master);
/// EXTPROC makes the kernel report every change of settings and switches its line discipline off;
/// without it line editing works and nothing is reported. `on` is right whenever the application
/// wants a raw line.
Status set_notices(int master, bool on);

}  // namespace opendext::serial
