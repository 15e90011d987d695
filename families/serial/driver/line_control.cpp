// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/line_control.h"

#include <charconv>
#include <sstream>
#include <utility>
#include <vector>

#include "families/serial/sdk/SerialConstants.h"

namespace opendext::serial {
namespace {

template <typename T>
using Words = std::vector<std::pair<const char*, T>>;

const Words<uint8_t> kDataBits{{"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}};
const Words<uint8_t> kParity{{"none", PD_RS232_PARITY_NONE},
                             {"odd", PD_RS232_PARITY_ODD},
                             {"even", PD_RS232_PARITY_EVEN},
                             {"mark", PD_RS232_PARITY_MARK},
                             {"space", PD_RS232_PARITY_SPACE}};
const Words<uint8_t> kStopBits{{"1", 2}, {"1.5", 3}, {"2", 4}};
const Words<LineControl::Flow> kFlow{{"none", LineControl::Flow::none},
                                     {"rtscts", LineControl::Flow::hardware},
                                     {"xonxoff", LineControl::Flow::software}};
const Words<bool> kLevel{{"0", false}, {"1", true}};

template <typename T>
std::string word_of(const Words<T>& words, T value) {
    for (const auto& [word, known] : words) {
        if (known == value) return word;
    }
    return "?";
}

template <typename T>
Status take(const std::string& key, const std::string& value, const Words<T>& words,
            std::optional<T>& setting) {
    if (value == "auto") {
        setting.reset();
        return success();
    }
    std::string possible;
    for (const auto& [word, known] : words) {
        if (value == word) {
            setting = known;
            return success();
        }
        possible += std::string(word) + ", ";
    }
    return Error{Errc::invalid, 0,
                 key + "=" + value + " is not possible: give " + possible + "or auto"};
}

/// "250ms", "0.25s", "250".
std::optional<uint32_t> milliseconds_of(const std::string& value) {
    double number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number, std::chars_format::fixed);
    const std::string unit(stop, end);
    if (error != std::errc{} || !(unit.empty() || unit == "ms" || unit == "s")) return std::nullopt;
    if (unit == "s") number *= 1000;
    if (!(number >= 1 && number <= kLongestBreak)) return std::nullopt;
    return static_cast<uint32_t>(number);
}

template <typename T>
void print(std::string& text, const char* key, const Words<T>& words,
           const std::optional<T>& setting) {
    if (setting)
        text += (text.empty() ? "" : " ") + std::string(key) + "=" + word_of(words, *setting);
}

template <typename T>
uint8_t pack(const std::optional<T>& setting) {
    return setting ? static_cast<uint8_t>(*setting) : uint8_t{0xff};
}

/// Only values that have a word: the other process may be anybody.
template <typename T>
std::optional<T> unpack(uint8_t byte, const Words<T>& words) {
    for (const auto& [word, known] : words) {
        if (static_cast<uint8_t>(known) == byte) return known;
    }
    return std::nullopt;
}

}  // namespace

Status LineControl::apply(const std::string& words, uint32_t& break_ms) {
    LineControl wanted = *this;
    uint32_t wanted_break = 0;
    std::istringstream input(words);
    for (std::string word; input >> word;) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return Error{Errc::invalid, 0, "\"" + word + "\" is not of the form KEY=VALUE"};
        const std::string key = word.substr(0, equals);
        const std::string value = word.substr(equals + 1);
        if (key == "bits") {
            OD_TRY(take(key, value, kDataBits, wanted.data_bits));
        } else if (key == "parity") {
            OD_TRY(take(key, value, kParity, wanted.parity));
        } else if (key == "stop") {
            OD_TRY(take(key, value, kStopBits, wanted.half_stop_bits));
        } else if (key == "flow") {
            OD_TRY(take(key, value, kFlow, wanted.flow));
        } else if (key == "dtr") {
            OD_TRY(take(key, value, kLevel, wanted.dtr));
        } else if (key == "rts") {
            OD_TRY(take(key, value, kLevel, wanted.rts));
        } else if (key == "break") {
            const auto length = milliseconds_of(value);
            if (!length)
                return Error{Errc::invalid, 0,
                             "break=" + value + " is not possible: give 1ms to 10s"};
            wanted_break = *length;
        } else {
            return Error{Errc::invalid, 0,
                         "there is no setting \"" + key +
                             "\": use bits, parity, stop, flow, dtr, rts or break"};
        }
    }
    *this = wanted;
    break_ms = wanted_break;
    return success();
}

std::string LineControl::text() const {
    std::string text;
    print(text, "bits", kDataBits, data_bits);
    print(text, "parity", kParity, parity);
    print(text, "stop", kStopBits, half_stop_bits);
    print(text, "flow", kFlow, flow);
    print(text, "dtr", kLevel, dtr);
    print(text, "rts", kLevel, rts);
    return text;
}

LineSettings LineControl::over(LineSettings line) const {
    line.data_bits = data_bits.value_or(line.data_bits);
    line.parity = parity.value_or(line.parity);
    line.half_stop_bits = half_stop_bits.value_or(line.half_stop_bits);
    if (flow) {
        line.hardware_flow = *flow == Flow::hardware;
        line.software_flow_out = line.software_flow_in = *flow == Flow::software;
    }
    return line;
}

LineControl::Packed LineControl::packed() const {
    return {pack(data_bits), pack(parity), pack(half_stop_bits), pack(flow), pack(dtr), pack(rts)};
}

LineControl LineControl::unpacked(const Packed& packed) {
    return {unpack(packed.data_bits, kDataBits),
            unpack(packed.parity, kParity),
            unpack(packed.half_stop_bits, kStopBits),
            unpack(packed.flow, kFlow),
            unpack(packed.dtr, kLevel),
            unpack(packed.rts, kLevel)};
}

std::string parity_word(uint8_t parity) {
    return word_of(kParity, parity);
}

std::string stop_bits_word(uint8_t half_stop_bits) {
    return word_of(kStopBits, half_stop_bits);
}

std::string flow_word(const LineSettings& line) {
    if (line.hardware_flow) return "rtscts";
    return line.software_flow_in || line.software_flow_out ? "xonxoff" : "none";
}

}  // namespace opendext::serial
