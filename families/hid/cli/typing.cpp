// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/typing.h"

#include <optional>
#include <string>

#include "families/hid/parse/report_fields.h"

namespace opendext::hid {
namespace {

constexpr uint32_t kKeyboardPage = 7;
constexpr uint32_t kLeftShift = 0xe1;

struct Key {
    uint32_t usage;
    bool shift;
};

/// HID usage tables, Keyboard page, US layout.
std::optional<Key> key_of(char c) {
    if (c >= 'a' && c <= 'z') return Key{static_cast<uint32_t>(4 + c - 'a'), false};
    if (c >= 'A' && c <= 'Z') return Key{static_cast<uint32_t>(4 + c - 'A'), true};
    if (c >= '1' && c <= '9') return Key{static_cast<uint32_t>(30 + c - '1'), false};
    struct Pair {
        char plain, shifted;
        uint32_t usage;
    };
    constexpr Pair kPairs[] = {
        {'0', ')', 39},  {'\n', 0, 40},  {'\x1b', 0, 41}, {'\b', 0, 42},  {'\t', 0, 43},
        {' ', 0, 44},    {'-', '_', 45}, {'=', '+', 46},  {'[', '{', 47}, {']', '}', 48},
        {'\\', '|', 49}, {';', ':', 51}, {'\'', '"', 52}, {'`', '~', 53}, {',', '<', 54},
        {'.', '>', 55},  {'/', '?', 56}, {0, '!', 30},    {0, '@', 31},   {0, '#', 32},
        {0, '$', 33},    {0, '%', 34},   {0, '^', 35},    {0, '&', 36},   {0, '*', 37},
        {0, '(', 38},
    };
    for (const Pair& pair : kPairs) {
        if (c != 0 && pair.plain == c) return Key{pair.usage, false};
        if (c != 0 && pair.shifted == c) return Key{pair.usage, true};
    }
    return std::nullopt;
}

const Element* find_key(const ReportDescriptor& keyboard, uint32_t usage) {
    for (const Element& element : keyboard.elements) {
        const bool single = element.kind == ElementKind::array_item ||
                            (element.kind == ElementKind::field && element.count == 1);
        if (single && element.report_type == ReportType::input &&
            element.usage_page == kKeyboardPage && element.usage == usage)
            return &element;
    }
    return nullptr;
}

KeyReport empty_report(const ReportDescriptor& keyboard, uint8_t id) {
    KeyReport report;
    report.id = id;
    report.bytes.resize(keyboard.report_bytes(ReportType::input, id));
    if (keyboard.uses_report_ids && !report.bytes.empty()) report.bytes[0] = id;
    return report;
}

}  // namespace

Result<std::vector<KeyReport>> type_text(const ReportDescriptor& keyboard, std::string_view text) {
    std::vector<KeyReport> reports;
    for (size_t i = 0; i < text.size(); i++) {
        const auto where = [&] { return " (byte " + std::to_string(i + 1) + " of the text)"; };
        const auto key = key_of(text[i]);
        if (!key) {
            const bool printable = text[i] > 0x20 && text[i] < 0x7f;
            return Error{
                Errc::invalid, 0,
                (printable ? "'" + std::string(1, text[i]) + "'"
                           : "character " + std::to_string(static_cast<uint8_t>(text[i]))) +
                    where() +
                    " is on no key of the US layout; letters, digits, ASCII punctuation, "
                    "space, tab and line feed are"};
        }
        const Element* element = find_key(keyboard, key->usage);
        const Element* shift = key->shift ? find_key(keyboard, kLeftShift) : nullptr;
        if (element == nullptr || (key->shift && shift == nullptr)) {
            return Error{Errc::invalid, 0,
                         "the device has no key for '" + std::string(1, text[i]) + "'" + where() +
                             ": its report descriptor lacks usage " +
                             std::to_string(element == nullptr ? key->usage : kLeftShift) +
                             " of the Keyboard page"};
        }
        KeyReport down = empty_report(keyboard, element->report_id);
        bool written = write_value(keyboard, *element, down.bytes, 1);
        if (shift != nullptr && shift->report_id == element->report_id)
            written = write_value(keyboard, *shift, down.bytes, 1) && written;
        if (!written) return Error{Errc::invalid, 0, "the device's report has no room for a key"};
        const KeyReport up = empty_report(keyboard, element->report_id);
        if (shift != nullptr && shift->report_id != element->report_id) {
            KeyReport held = empty_report(keyboard, shift->report_id);
            (void)write_value(keyboard, *shift, held.bytes, 1);
            reports.push_back(std::move(held));
            reports.push_back(std::move(down));
            reports.push_back(up);
            reports.push_back(empty_report(keyboard, shift->report_id));
            continue;
        }
        reports.push_back(std::move(down));
        reports.push_back(up);
    }
    return reports;
}

}  // namespace opendext::hid
