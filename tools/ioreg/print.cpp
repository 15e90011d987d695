// SPDX-License-Identifier: Apache-2.0
#include "tools/ioreg/print.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace opendext::ioreg {

using namespace protocol::client;

namespace {

/// Zero-terminated texts, as device trees have them, are shown as such.
bool is_text(const Data& data) {
    if (data.size() < 2 || data.back() != 0 || data.front() == 0) return false;
    uint8_t before = 1;
    for (const uint8_t byte : data) {
        if (byte == 0 ? before == 0 : byte < 0x20 || byte > 0x7e) return false;
        before = byte;
    }
    return true;
}

std::string data_text(const Data& data) {
    std::string text = "<";
    if (is_text(data)) {
        size_t begin = 0;
        while (begin < data.size()) {
            const std::string piece(reinterpret_cast<const char*>(data.data()) + begin);
            text += (begin > 0 ? ",\"" : "\"") + piece + "\"";
            begin += piece.size() + 1;
        }
        return text + ">";
    }
    for (const uint8_t byte : data) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    return text + ">";
}

/// A text cannot move the terminal's cursor or make a line that looks like another entry.
std::string printable(const std::string& text) {
    std::string clean;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            clean += c;
        } else {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\x%02x", byte);
            clean += escape;
        }
    }
    return clean;
}

std::string list_text(const Array& members, bool hexadecimal) {
    std::string text;
    for (const Value& member : members)
        text += (text.empty() ? "" : ",") + to_text(member, hexadecimal);
    return text;
}

std::string full_name(const Entry& entry) {
    return printable(entry.location.empty() ? entry.name : entry.name + "@" + entry.location);
}

std::string description(const Entry& entry, const Style& style) {
    std::string text = "<class " + printable(entry.class_name);
    if (style.inheritance) {
        for (size_t i = 1; i < entry.classes.size(); ++i) text += ":" + printable(entry.classes[i]);
    }
    char buffer[128];
    std::snprintf(buffer, sizeof buffer, ", id 0x%" PRIx64, entry.id);
    text += buffer;
    if ((entry.flags & kEntryService) != 0) {
        const auto flag = [&](uint32_t bit, const char* word) {
            text += std::string(", ") + ((entry.flags & bit) != 0 ? "" : "!") + word;
        };
        flag(kEntryRegistered, "registered");
        flag(kEntryMatched, "matched");
        flag(kEntryActive, "active");
        std::snprintf(buffer, sizeof buffer, ", busy %u (%" PRIu64 " ms)", entry.busy,
                      entry.busy_ns / 1'000'000);
        text += buffer;
    }
    return text + ", retain " + std::to_string(entry.retain_count) + ">";
}

class TextPrinter {
  public:
    explicit TextPrinter(const Style& style) : style_(style) {}

    /// `bars` says for each level whether there are more siblings below, so that their line is
    /// drawn on.
    void print(const Node& node, std::vector<bool>& bars, bool more_siblings, bool has_children) {
        std::string line;
        for (const bool bar : bars) line += bar ? "| " : "  ";
        put(line + "+-o " + full_name(node.entry) + "  " + description(node.entry, style_));
        if (!style_.all_properties && !style_.criteria.match(node.entry)) return;
        line += more_siblings ? "| " : "  ";
        line += has_children ? "| " : "  ";
        put(line + "{");
        for (const auto& [key, value] : node.entry.properties) {
            put(line + "  \"" + printable(key) + "\" = " + to_text(value, style_.hexadecimal));
        }
        put(line + "}");
        put(line);
    }
    void print_below(const Node& node, std::vector<bool>& bars, bool more_siblings, int depth) {
        const bool cut = style_.depth > 0 && depth >= style_.depth;
        print(node, bars, more_siblings, !cut && !node.children.empty());
        if (cut) return;
        bars.push_back(more_siblings);
        for (const auto& child : node.children) {
            print_below(*child, bars, child != node.children.back(), depth + 1);
        }
        bars.pop_back();
    }
    std::string text;

  private:
    void put(const std::string& line) {
        text.append(line, 0, style_.width > 0 ? std::min(style_.width, line.size()) : line.size());
        text += '\n';
    }
    const Style& style_;
};

bool with_properties(const Node& node, const Style& style) {
    return style.all_properties || style.criteria.match(node.entry);
}

bool cut(const Style& style, int depth) {
    return style.depth > 0 && depth >= style.depth;
}

/// The bits of IOServiceState that IOKit clients test for.
uint32_t state_bits(const Entry& entry) {
    uint32_t bits = 0;
    if ((entry.flags & kEntryActive) == 0) bits |= 1;
    if ((entry.flags & kEntryRegistered) != 0) bits |= 2;
    if ((entry.flags & kEntryMatched) != 0) bits |= 4;
    return bits;
}

}  // namespace

std::string to_text(const Value& value, bool hexadecimal) {
    switch (value.kind()) {
        case Value::Kind::null:
            return "null";
        case Value::Kind::boolean:
            return *value.boolean() ? "Yes" : "No";
        case Value::Kind::number: {
            char text[32];
            std::snprintf(text, sizeof text, hexadecimal ? "0x%" PRIx64 : "%" PRIu64,
                          value.number()->raw);
            return text;
        }
        case Value::Kind::string:
            return "\"" + printable(*value.string()) + "\"";
        case Value::Kind::data:
            return data_text(*value.data());
        case Value::Kind::array:
            return "(" + list_text(*value.array(), hexadecimal) + ")";
        case Value::Kind::set:
            return "[" + list_text(value.set()->members, hexadecimal) + "]";
        case Value::Kind::dictionary: {
            std::string text;
            for (const auto& [key, member] : *value.dictionary()) {
                text += (text.empty() ? "\"" : ",\"") + printable(key) +
                        "\"=" + to_text(member, hexadecimal);
            }
            return "{" + text + "}";
        }
    }
    return "";
}

std::string to_text(const Way& way, const Style& style) {
    TextPrinter printer(style);
    std::vector<bool> bars;
    for (size_t i = 0; i + 1 < way.size(); ++i) {
        printer.print(*way[i], bars, false, true);
        bars.push_back(false);
    }
    printer.print_below(*way.back(), bars, false, 1);
    return std::move(printer.text);
}

Value to_archive(const Node& node, const Style& style, int depth) {
    const Entry& entry = node.entry;
    Dictionary archive;
    if (with_properties(node, style)) {
        for (const auto& [key, value] : entry.properties) {
            if (!value.is_null()) archive.emplace(key, value);  // property lists have no null
        }
    }
    archive["IORegistryEntryName"] = entry.name;
    if (!entry.location.empty()) archive["IORegistryEntryLocation"] = entry.location;
    archive["IORegistryEntryID"] = entry.id;
    archive["IOObjectClass"] = entry.class_name;
    archive["IOObjectRetainCount"] = entry.retain_count;
    if (style.inheritance) {
        Array classes;
        for (const std::string& name : entry.classes) classes.emplace_back(name);
        archive["IOObjectInheritance"] = std::move(classes);
    }
    if ((entry.flags & kEntryService) != 0) {
        archive["IOServiceBusyState"] = entry.busy;
        archive["IOServiceBusyTime"] = entry.busy_ns;
        archive["IOServiceState"] = state_bits(entry);
    }
    if (!cut(style, depth) && !node.children.empty()) {
        Array children;
        for (const auto& child : node.children)
            children.push_back(to_archive(*child, style, depth + 1));
        archive["IORegistryEntryChildren"] = std::move(children);
    }
    return archive;
}

Value to_json_value(const Node& node, const Style& style, int depth) {
    const Entry& entry = node.entry;
    Array classes;
    for (const std::string& name : entry.classes) classes.emplace_back(name);
    Dictionary object{
        {"name", entry.name},
        {"location", entry.location},
        {"id", entry.id},
        {"class", entry.class_name},
        {"classes", std::move(classes)},
        {"service", (entry.flags & kEntryService) != 0},
        {"registered", (entry.flags & kEntryRegistered) != 0},
        {"matched", (entry.flags & kEntryMatched) != 0},
        {"active", (entry.flags & kEntryActive) != 0},
        {"busy", entry.busy},
        {"busy_ms", entry.busy_ns / 1'000'000},
        {"retain", entry.retain_count},
        {"state", entry.state},
        {"pid", uint64_t{static_cast<uint32_t>(std::max(entry.server_pid, 0))}},
    };
    if (with_properties(node, style)) object["properties"] = entry.properties;
    Array children;
    if (!cut(style, depth)) {
        for (const auto& child : node.children)
            children.push_back(to_json_value(*child, style, depth + 1));
    }
    object["children"] = std::move(children);
    return object;
}

}  // namespace opendext::ioreg
