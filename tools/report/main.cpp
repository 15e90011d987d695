// SPDX-License-Identifier: Apache-2.0
// opendext report: asks a driver for the values of its reports (IOReporter).

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "tools/common/command_line.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::report {
namespace {

namespace client = protocol::client;

// IOReportConfigureAction and IOReportUpdateAction: docs/facts/driverkit-api.csv.
constexpr uint32_t kEnable = 1;
constexpr uint32_t kDisable = 0;
constexpr uint32_t kCopyChannelData = 1;

struct Channel {
    uint64_t id = 0;
    uint64_t type = 0;  ///< IOReportChannelType, 8 bytes
    std::string name;
    uint64_t elements = 1;
};

/// One IOReportElement as it lies in the data.
struct Element {
    uint64_t provider;
    uint64_t channel;
    uint64_t type;
    uint64_t timestamp;
    int64_t values[4];
};

/// The channels that the legend of an entry names: arrays of id, type, name.
std::vector<Channel> channels_of(const Dictionary& properties) {
    std::vector<Channel> channels;
    const Value* legend = find(properties, "IOReportLegend");
    if (legend == nullptr || legend->array() == nullptr) return channels;
    for (const Value& group : *legend->array()) {
        const Value* list =
            group.dictionary() == nullptr ? nullptr : find(*group.dictionary(), "IOReportChannels");
        if (list == nullptr || list->array() == nullptr) continue;
        for (const Value& each : *list->array()) {
            const Array* parts = each.array();
            if (parts == nullptr || parts->size() < 2 || (*parts)[0].number() == nullptr ||
                (*parts)[1].number() == nullptr) {
                continue;
            }
            Channel channel;
            channel.id = (*parts)[0].number()->raw;
            channel.type = (*parts)[1].number()->raw;
            if (parts->size() > 2 && (*parts)[2].string() != nullptr)
                channel.name = *(*parts)[2].string();
            // IOReportChannelType: report_format, reserved, categories, nelements, element_idx.
            channel.elements = std::max<uint64_t>(1, (channel.type >> 32) & 0xffff);
            channels.push_back(std::move(channel));
        }
    }
    return channels;
}

/// An IOReportChannelList: a count, and id and type of each channel.
std::vector<uint8_t> channel_list(const std::vector<Channel>& channels) {
    std::vector<uint8_t> bytes(8 + channels.size() * 16);
    const auto count = static_cast<uint32_t>(channels.size());
    std::memcpy(bytes.data(), &count, sizeof count);
    for (size_t i = 0; i < channels.size(); ++i) {
        std::memcpy(bytes.data() + 8 + i * 16, &channels[i].id, 8);
        std::memcpy(bytes.data() + 16 + i * 16, &channels[i].type, 8);
    }
    return bytes;
}

std::string name_of(const std::vector<Channel>& channels, uint64_t id) {
    for (const Channel& channel : channels) {
        if (channel.id == id) return channel.name;
    }
    return {};
}

Result<Array> read(const Realm& realm, uint64_t entry) {
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext-report"));
    const auto found = OD_TRY(daemon.request<client::Entry>(client::GetEntry{entry, true}));
    const std::vector<Channel> channels = channels_of(found.properties);
    if (channels.empty())
        return Error{Errc::not_found, 0, found.name + " has no reports (IOReportLegend)"};
    const std::vector<uint8_t> list = channel_list(channels);
    uint64_t elements = 0;
    for (const Channel& channel : channels) elements += channel.elements;
    OD_TRY(daemon.request<client::Reported>(client::Report{entry, false, list, kEnable, 0}));
    const auto reported = daemon.request<client::Reported>(
        client::Report{entry, true, list, kCopyChannelData, elements * sizeof(Element)});
    OD_TRY(daemon.request<client::Reported>(client::Report{entry, false, list, kDisable, 0}));
    if (!reported.ok()) return reported.error();
    Array values;
    for (size_t at = 0; at + sizeof(Element) <= reported->data.size(); at += sizeof(Element)) {
        Element element;
        std::memcpy(&element, reported->data.data() + at, sizeof element);
        Array numbers;
        for (const int64_t each : element.values) numbers.emplace_back(each);
        values.push_back(Dictionary{{"channel", element.channel},
                                    {"name", name_of(channels, element.channel)},
                                    {"timestamp", element.timestamp},
                                    {"values", std::move(numbers)}});
    }
    return values;
}

std::string to_text(const Array& values) {
    std::string text;
    for (const Value& value : values) {
        const Dictionary& element = *value.dictionary();
        char id[24];
        std::snprintf(id, sizeof id, "0x%" PRIx64, find_number(element, "channel")->raw);
        text += std::string(id) + "  " + *find_string(element, "name") + " ";
        for (const Value& each : *find(element, "values")->array())
            text += " " + std::to_string(each.number()->as_signed());
        text += "\n";
    }
    return text;
}

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line(
        "opendext report", "ID [--json]",
        "Shows the values of all channels that a driver's object reports. ID is its registry entry "
        "id, as `ioreg` shows it.");
    line.flag("--json", json, "print JSON (docs/schemas/opendext-report.json)");
    if (const auto status = line.parse(argc, argv, 1, 1)) return *status;
    std::string_view text = line.operands()[0];
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    uint64_t id = 0;
    const auto parsed = std::from_chars(text.begin(), text.end(), id, hexadecimal ? 16 : 10);
    if (parsed.ptr != text.end() || text.empty())
        return line.usage_error("'" + line.operands()[0] + "' is no registry entry id");
    const auto values = read(line.realm(), id);
    if (!values.ok()) return line.failure(values.error());
    std::fputs((json ? tools::to_json(*values, 2) + "\n" : to_text(*values)).c_str(), stdout);
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::report

int main(int argc, char** argv) {
    return opendext::report::main(argc, argv);
}
