// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "families/hid/report_type.h"
#include "rpc/result.h"

/// What travels over a report link and over the control socket of a device
/// (docs/design/hid-links.md). Little endian, one packet of a SOCK_SEQPACKET socket each.
namespace opendext::hid {

enum class PacketKind : uint32_t {
    input = 1,   ///< device to user: a report came
    get = 2,     ///< user to device: answer with this report; `length` is the room for it
    set = 3,     ///< user to device: take this report
    answer = 4,  ///< device to user: to the get or set with this serial
    opened = 5,  ///< opendextd to who plays a device, on its control socket: see UserOpened
};
[[nodiscard]] std::string_view to_string(PacketKind kind);

/// The largest report, with its id.
inline constexpr size_t kMaxReport = 65535;
inline constexpr size_t kPacketHeader = 32;
inline constexpr size_t kMaxPacket = kPacketHeader + kMaxReport;

/// One packet. `bytes` of a received one lie in the receiver's buffer.
struct Packet {
    PacketKind kind = PacketKind::input;
    ReportType type = ReportType::input;
    uint32_t report_id = 0;  ///< 0 if the device has no ids
    uint32_t serial = 0;     ///< of a request, repeated in its answer; 0 for input
    uint64_t timestamp = 0;  ///< CLOCK_MONOTONIC, ns; of an input report
    int32_t status = 0;      ///< IOReturn of an answer
    uint32_t length = 0;     ///< of `bytes`; of a get the room wanted
    /// A report as hidraw has it: its id is the first byte iff the device uses ids.
    std::span<const uint8_t> bytes;
};

/// `bytes` is one datagram. Errc::malformed, with what is wrong: a length that does not fit, a kind
/// or type that does not exist, bytes in a get.
[[nodiscard]] Result<Packet> decode_packet(std::span<const uint8_t> bytes);
/// The header of the packet; `packet.bytes` follow it. `packet.length` counts for a get only.
[[nodiscard]] std::array<uint8_t, kPacketHeader> encode_header(const Packet& packet);
/// Header and bytes.
[[nodiscard]] std::vector<uint8_t> encode_packet(const Packet& packet);

/// A user of a device: what an `opened` packet on the control socket says. The device's
/// end of that user's link comes with the packet (SCM_RIGHTS).
struct UserOpened {
    uint32_t user = 0;       ///< its number, never used twice for one device (`serial`)
    int32_t pid = 0;         ///< 0: not known (`report_id`)
    bool exclusive = false;  ///< no other user gets input while its link is there (`status` 1)
    std::string_view name;   ///< of the program or driver (`bytes`), UTF-8, at most 255 bytes
};
[[nodiscard]] std::vector<uint8_t> encode_opened(const UserOpened& opened);
/// Of a packet of kind `opened`.
[[nodiscard]] Result<UserOpened> opened_of(const Packet& packet);

// IOReturn values that links answer with (docs/facts/ioreturn.csv).
inline constexpr int32_t kSuccess = 0;
inline constexpr int32_t kNoResources = static_cast<int32_t>(0xe00002be);
inline constexpr int32_t kNoDevice = static_cast<int32_t>(0xe00002c0);
inline constexpr int32_t kBadArgument = static_cast<int32_t>(0xe00002c2);
inline constexpr int32_t kUnsupported = static_cast<int32_t>(0xe00002c7);
inline constexpr int32_t kIoError = static_cast<int32_t>(0xe00002ca);
inline constexpr int32_t kTimeout = static_cast<int32_t>(0xe00002d6);
inline constexpr int32_t kAborted = static_cast<int32_t>(0xe00002eb);
inline constexpr int32_t kNotResponding = static_cast<int32_t>(0xe00002ed);

}  // namespace opendext::hid
