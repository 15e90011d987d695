// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"

namespace opendext::hid {

/// A report of a recording.
struct RecordedReport {
    uint64_t microseconds = 0;  ///< since the recording began
    std::vector<uint8_t> bytes;
};

/// A device and what it reported, in the format of hid-tools (hid-recorder): lines N: name, P:
/// physical place, I: bus vendor product (hexadecimal), R: length and bytes of the report
/// descriptor, E: seconds.microseconds, length, bytes; D: number of the device that the following
/// lines are of; # comments.
struct Recording {
    std::string name;
    std::string place;
    uint32_t bus = 3;
    uint32_t vendor = 0;
    uint32_t product = 0;
    std::vector<uint8_t> descriptor;
    std::vector<RecordedReport> reports;
};

/// `file` stands in errors, which name the line and what is wrong with it. Of several devices the
/// one with `number`.
[[nodiscard]] Result<Recording> parse_recording(std::string_view text, const std::string& file,
                                                uint32_t number = 0);
/// The lines before the first report.
[[nodiscard]] std::string recording_head(const Recording& recording);
/// "E: 000001.000250 8 00 00 …" with its end of line.
[[nodiscard]] std::string recording_line(uint64_t microseconds, const uint8_t* bytes, size_t size);

/// A device by a file: a recording, or the bytes of a report descriptor (as sysfs has them).
[[nodiscard]] Result<Recording> read_device_file(const std::string& path, uint32_t number = 0);

/// Bytes in hexadecimal: "05 01", "0501", "0x05,0x01". `what` stands in errors.
[[nodiscard]] Result<std::vector<uint8_t>> parse_hex(std::string_view text,
                                                     const std::string& what);

}  // namespace opendext::hid
