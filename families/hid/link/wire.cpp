// SPDX-License-Identifier: Apache-2.0
#include "families/hid/link/wire.h"

#include <algorithm>
#include <string>

namespace opendext::hid {
namespace {

constexpr size_t kMaxName = 255;

uint32_t get32(const uint8_t* at) {
    return at[0] | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}
void put32(uint8_t* at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

Error malformed(std::string what) {
    return Error{Errc::malformed, 0, "packet of a report link: " + std::move(what)};
}

}  // namespace

std::string_view to_string(PacketKind kind) {
    switch (kind) {
        case PacketKind::input:
            return "input";
        case PacketKind::get:
            return "get";
        case PacketKind::set:
            return "set";
        case PacketKind::answer:
            return "answer";
        case PacketKind::opened:
            return "opened";
    }
    return "unknown";
}

Result<Packet> decode_packet(std::span<const uint8_t> bytes) {
    if (bytes.size() < kPacketHeader) {
        return malformed("it has " + std::to_string(bytes.size()) + " bytes, its header has " +
                         std::to_string(kPacketHeader));
    }
    const uint8_t* at = bytes.data();
    Packet packet;
    const uint32_t kind = get32(at);
    const uint32_t type = get32(at + 4);
    if (kind < static_cast<uint32_t>(PacketKind::input) ||
        kind > static_cast<uint32_t>(PacketKind::opened)) {
        return malformed("kind " + std::to_string(kind) + " is none of 1 to 5");
    }
    packet.kind = static_cast<PacketKind>(kind);
    if (type > static_cast<uint32_t>(ReportType::feature)) {
        return malformed("report type " + std::to_string(type) + " is none of 0 to 2");
    }
    packet.type = static_cast<ReportType>(type);
    packet.report_id = get32(at + 8);
    packet.serial = get32(at + 12);
    packet.timestamp = get32(at + 16) | uint64_t{get32(at + 20)} << 32;
    packet.status = static_cast<int32_t>(get32(at + 24));
    packet.length = get32(at + 28);
    if (packet.length > kMaxReport) {
        return malformed("length " + std::to_string(packet.length) + " is above " +
                         std::to_string(kMaxReport));
    }
    packet.bytes = bytes.subspan(kPacketHeader);
    const size_t wanted = packet.kind == PacketKind::get ? 0 : packet.length;
    if (packet.bytes.size() != wanted) {
        return malformed(std::to_string(packet.bytes.size()) + " bytes follow its header, not " +
                         std::to_string(wanted));
    }
    if (packet.kind != PacketKind::opened && packet.report_id > 0xff) {
        return malformed("report id " + std::to_string(packet.report_id) + " is above 255");
    }
    return packet;
}

std::array<uint8_t, kPacketHeader> encode_header(const Packet& packet) {
    std::array<uint8_t, kPacketHeader> header{};
    put32(&header[0], static_cast<uint32_t>(packet.kind));
    put32(&header[4], static_cast<uint32_t>(packet.type));
    put32(&header[8], packet.report_id);
    put32(&header[12], packet.serial);
    put32(&header[16], static_cast<uint32_t>(packet.timestamp));
    put32(&header[20], static_cast<uint32_t>(packet.timestamp >> 32));
    put32(&header[24], static_cast<uint32_t>(packet.status));
    put32(&header[28], packet.kind == PacketKind::get ? packet.length
                                                      : static_cast<uint32_t>(packet.bytes.size()));
    return header;
}

std::vector<uint8_t> encode_packet(const Packet& packet) {
    const auto header = encode_header(packet);
    std::vector<uint8_t> bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), packet.bytes.begin(), packet.bytes.end());
    return bytes;
}

std::vector<uint8_t> encode_opened(const UserOpened& opened) {
    const std::string_view name = opened.name.substr(0, kMaxName);
    Packet packet;
    packet.kind = PacketKind::opened;
    packet.serial = opened.user;
    packet.report_id = static_cast<uint32_t>(opened.pid);
    packet.status = opened.exclusive ? 1 : 0;
    packet.bytes = {reinterpret_cast<const uint8_t*>(name.data()), name.size()};
    return encode_packet(packet);
}

Result<UserOpened> opened_of(const Packet& packet) {
    if (packet.kind != PacketKind::opened) {
        return malformed("kind " + std::string(to_string(packet.kind)) + ", not opened");
    }
    UserOpened opened;
    opened.user = packet.serial;
    opened.pid = static_cast<int32_t>(packet.report_id);
    opened.exclusive = packet.status != 0;
    opened.name = {reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()};
    if (opened.name.size() > kMaxName) {
        return malformed("a name of " + std::to_string(opened.name.size()) +
                         " bytes, at most 255 are allowed");
    }
    return opened;
}

}  // namespace opendext::hid
