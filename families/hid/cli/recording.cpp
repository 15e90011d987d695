// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/recording.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {
namespace {

constexpr size_t kMaxFile = 64 * 1024 * 1024;

/// One line, word by word.
class Words {
  public:
    explicit Words(std::string_view text) : rest_(text) {}
    std::string_view next() {
        const size_t begin = std::min(rest_.find_first_not_of(" \t"), rest_.size());
        rest_.remove_prefix(begin);
        const size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return word;
    }
    std::string_view rest() {
        const size_t begin = std::min(rest_.find_first_not_of(" \t"), rest_.size());
        return rest_.substr(begin);
    }

  private:
    std::string_view rest_;
};

std::optional<uint64_t> number(std::string_view text, int base) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

class Parser {
  public:
    Parser(const std::string& file, uint32_t wanted) : file_(file), wanted_(wanted) {}

    Result<Recording> run(std::string_view text) {
        while (!text.empty()) {
            ++line_;
            const size_t end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            if (line.ends_with('\r')) line.remove_suffix(1);
            OD_TRY(take(line));
        }
        if (!seen_) {
            return Error{Errc::invalid, 0, file_ + ": it has no device " + std::to_string(wanted_)};
        }
        if (recording_.descriptor.empty()) {
            return Error{Errc::invalid, 0,
                         file_ +
                             ": there is no R: line (the report descriptor: its length in "
                             "bytes, then the bytes in hexadecimal)"};
        }
        return std::move(recording_);
    }

  private:
    Error wrong(const std::string& what) const {
        return Error{Errc::invalid, 0, file_ + ":" + std::to_string(line_) + ": " + what};
    }

    Status take(std::string_view line) {
        Words words(line);
        std::string_view key = words.next();
        if (key.empty() || key.starts_with('#')) return success();
        // "D:0" and "D: 0" are the same.
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || line.substr(0, colon).find_last_not_of(" \t") != 0)
            return wrong("\"" + std::string(key) +
                         "\" is none of the keys N:, P:, I:, R:, E:, D: and #");
        const char letter = line.front();
        Words values(line.substr(colon + 1));
        if (letter == 'D') {
            const auto device = number(values.next(), 10);
            if (!device) return wrong("key D: wants the number of a device");
            current_ = static_cast<uint32_t>(*device);
            return success();
        }
        if (current_ != wanted_) return success();
        seen_ = true;
        switch (letter) {
            case 'N':
                recording_.name = values.rest();
                return success();
            case 'P':
                recording_.place = values.rest();
                return success();
            case 'I':
                return identity(values);
            case 'R':
                recording_.descriptor = OD_TRY(bytes(values, "R:"));
                if (auto parsed = parse_descriptor(recording_.descriptor); !parsed.ok())
                    return wrong("key R: " + parsed.error().text());
                return success();
            case 'E':
                return report(values);
            default:
                return wrong("key " + std::string(1, letter) +
                             ": is none of N:, P:, I:, R:, E:, D: and #");
        }
    }

    Status identity(Words values) {
        uint32_t* const places[] = {&recording_.bus, &recording_.vendor, &recording_.product};
        for (uint32_t* place : places) {
            const std::string_view word = values.next();
            const auto value = number(word, 16);
            if (!value || *value > 0xffffffff) {
                return wrong(
                    "key I: wants bus, vendor and product as three hexadecimal numbers, "
                    "not \"" +
                    std::string(word) + "\"");
            }
            *place = static_cast<uint32_t>(*value);
        }
        return success();
    }

    Result<std::vector<uint8_t>> bytes(Words& values, const std::string& key) const {
        const std::string_view word = values.next();
        const auto length = number(word, 10);
        if (!length || *length == 0 || *length > 65535) {
            return wrong("key " + key + " wants a length of 1 to 65535 bytes first, not \"" +
                         std::string(word) + "\"");
        }
        std::vector<uint8_t> found;
        for (std::string_view byte = values.next(); !byte.empty(); byte = values.next()) {
            const auto value = number(byte, 16);
            if (!value || *value > 0xff) {
                return wrong("key " + key + " \"" + std::string(byte) +
                             "\" is no byte: two hexadecimal digits");
            }
            found.push_back(static_cast<uint8_t>(*value));
        }
        if (found.size() != *length) {
            return wrong("key " + key + " says " + std::to_string(*length) + " bytes, " +
                         std::to_string(found.size()) + " follow");
        }
        return found;
    }

    Status report(Words values) {
        const std::string_view time = values.next();
        const size_t dot = time.find('.');
        const auto seconds = number(time.substr(0, dot), 10);
        const auto parts =
            dot == std::string_view::npos ? std::nullopt : number(time.substr(dot + 1), 10);
        if (!seconds || !parts || time.size() - dot - 1 != 6 || *seconds > 1'000'000'000) {
            return wrong("key E: wants a time such as 000001.250000 first, not \"" +
                         std::string(time) + "\"");
        }
        RecordedReport report;
        report.microseconds = *seconds * 1'000'000 + *parts;
        if (!recording_.reports.empty() &&
            report.microseconds < recording_.reports.back().microseconds)
            return wrong("key E: the time goes back from the report before");
        report.bytes = OD_TRY(bytes(values, "E:"));
        recording_.reports.push_back(std::move(report));
        return success();
    }

    const std::string& file_;
    const uint32_t wanted_;
    size_t line_ = 0;
    uint32_t current_ = 0;
    bool seen_ = false;
    Recording recording_;
};

bool is_text(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
    });
}

}  // namespace

Result<Recording> parse_recording(std::string_view text, const std::string& file, uint32_t number) {
    return Parser(file, number).run(text);
}

std::string recording_head(const Recording& recording) {
    char identity[64];
    std::snprintf(identity, sizeof identity, "I: %x %04x %04x\n", recording.bus, recording.vendor,
                  recording.product);
    std::string head = "D: 0\nR: " + std::to_string(recording.descriptor.size());
    for (const uint8_t byte : recording.descriptor) {
        char text[4];
        std::snprintf(text, sizeof text, " %02x", byte);
        head += text;
    }
    return head + "\nN: " + recording.name + "\n" +
           (recording.place.empty() ? "" : "P: " + recording.place + "\n") + identity;
}

std::string recording_line(uint64_t microseconds, const uint8_t* bytes, size_t size) {
    char time[64];
    std::snprintf(time, sizeof time, "E: %06llu.%06llu %zu",
                  static_cast<unsigned long long>(microseconds / 1'000'000),
                  static_cast<unsigned long long>(microseconds % 1'000'000), size);
    std::string line = time;
    for (size_t i = 0; i < size; i++) {
        char text[4];
        std::snprintf(text, sizeof text, " %02x", bytes[i]);
        line += text;
    }
    return line + "\n";
}

Result<Recording> read_device_file(const std::string& path, uint32_t number) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error::system("cannot read " + path);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) return Error::system("cannot read " + path);
    if (bytes.size() > kMaxFile) return Error{Errc::invalid, 0, path + " is larger than 64 MiB"};
    if (bytes.empty()) return Error{Errc::invalid, 0, path + " is empty"};
    if (is_text(bytes)) return parse_recording(bytes, path, number);
    Recording recording;
    recording.descriptor.assign(bytes.begin(), bytes.end());
    if (auto parsed = parse_descriptor(recording.descriptor); !parsed.ok()) {
        return Error{Errc::invalid, 0,
                     path + " is neither a recording of hid-tools nor a report descriptor: " +
                         parsed.error().text()};
    }
    const size_t slash = path.rfind('/');
    recording.name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    return recording;
}

Result<std::vector<uint8_t>> parse_hex(std::string_view text, const std::string& what) {
    std::vector<uint8_t> bytes;
    Words words(text);
    std::string spaced;
    for (const char c : text) spaced += c == ',' || c == ':' ? ' ' : c;
    words = Words(spaced);
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
        const std::string_view whole = word;
        if (word.starts_with("0x") || word.starts_with("0X")) word.remove_prefix(2);
        if (word.size() == 1) {
            const auto value = number(word, 16);
            if (!value) word = {};
            if (value) bytes.push_back(static_cast<uint8_t>(*value));
            if (value) continue;
        }
        if (word.empty() || word.size() % 2 != 0) {
            return Error{Errc::invalid, 0,
                         what + ": \"" + std::string(whole) +
                             "\" is no byte: two hexadecimal digits each, such as 01 ff or 01ff"};
        }
        for (size_t i = 0; i < word.size(); i += 2) {
            const auto value = number(word.substr(i, 2), 16);
            if (!value) {
                return Error{Errc::invalid, 0,
                             what + ": \"" + std::string(whole) +
                                 "\" is no byte: two hexadecimal digits each, such as 01 ff or "
                                 "01ff"};
            }
            bytes.push_back(static_cast<uint8_t>(*value));
        }
    }
    if (bytes.empty()) return Error{Errc::invalid, 0, what + ": there are no bytes"};
    return bytes;
}

}  // namespace opendext::hid
