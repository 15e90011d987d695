// SPDX-License-Identifier: Apache-2.0
// opendext serial set: the line of a port, of whatever driver, as far as an application cannot set
// it through the terminal.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <opendext/client.h>

#include <cstdio>

#include "apps/serial-over-tcp/agent/saved_ports.h"
#include "apps/serial-over-tcp/cli/commands.h"
#include "apps/serial-over-tcp/cli/set_tty.h"
#include "families/serial/driver/line_control.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp::cli {
namespace {

using serial::LineControl;

/// What a dictionary property of the line holds: texts, numbers and flags.
Dictionary read_dictionary(io_registry_entry_t entry, const char* key) {
    CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
    CFTypeRef property = IORegistryEntryCreateCFProperty(entry, name, nullptr, 0);
    CFRelease(name);
    Dictionary result;
    if (property == nullptr) return result;
    if (CFGetTypeID(property) == CFDictionaryGetTypeID()) {
        CFDictionaryApplyFunction(
            static_cast<CFDictionaryRef>(property),
            [](const void* field, const void* value, void* to) {
                char word[64];
                char text[128];
                int64_t number = 0;
                if (!CFStringGetCString(static_cast<CFStringRef>(field), word, sizeof word,
                                        kCFStringEncodingUTF8))
                    return;
                Value& target = (*static_cast<Dictionary*>(to))[word];
                if (CFGetTypeID(value) == CFBooleanGetTypeID()) {
                    target = Value(CFBooleanGetValue(static_cast<CFBooleanRef>(value)) != 0);
                } else if (CFGetTypeID(value) == CFNumberGetTypeID() &&
                           CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type,
                                            &number)) {
                    target = Value(static_cast<uint64_t>(number));
                } else if (CFGetTypeID(value) == CFStringGetTypeID() &&
                           CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof text,
                                              kCFStringEncodingUTF8)) {
                    target = Value(text);
                }
            },
            &result);
    }
    CFRelease(property);
    return result;
}

std::string text_of(const Dictionary& line, const char* key) {
    const Value* value = find(line, key);
    if (value == nullptr) return "?";
    if (value->string() != nullptr) return *value->string();
    if (value->boolean() != nullptr) return *value->boolean() ? "1" : "0";
    return value->number() != nullptr ? std::to_string(value->number()->raw) : "?";
}

/// "115200 7E2, flow rtscts, DTR 1, RTS 0"; a tty without modem lines has the first two.
std::string in_words(const Dictionary& line) {
    if (line.empty()) return "-";
    std::string parity = text_of(line, "Parity");
    if (!parity.empty()) parity[0] = static_cast<char>(std::toupper(parity[0]));
    std::string words = text_of(line, "BaudRate") + " " + text_of(line, "DataBits") +
                        parity.substr(0, 1) + text_of(line, "StopBits") + ", flow " +
                        text_of(line, "FlowControl");
    for (const char* key : {"DTR", "RTS"}) {
        if (line.contains(key)) words += std::string(", ") + key + " " + text_of(line, key);
    }
    return words;
}

std::string list_of(const Dictionary& values) {
    std::string text;
    for (const auto& [key, value] : values)
        text += (text.empty() ? "" : ", ") + key + " " + text_of(values, key.c_str());
    return text.empty() ? "-" : text;
}

void show(const std::string& name, io_registry_entry_t client, bool json) {
    IOHandle driver;
    (void)IORegistryEntryGetParentEntry(client, kIOServicePlane, driver.out());
    const std::string control = string_property(client, kLineControlKey).value_or("");
    const Dictionary line = read_dictionary(driver.get(), "SerialLine");
    const Dictionary peer = read_dictionary(driver.get(), "SerialOverTCPRemoteLine");
    const Dictionary modem = read_dictionary(driver.get(), "SerialModem");
    const Dictionary errors = read_dictionary(driver.get(), "SerialErrors");
    const std::string signature =
        string_property(driver.get(), "SerialOverTCPRemoteSignature").value_or("");
    if (json) {
        const Dictionary row{{"name", name},          {"set", control}, {"line", line},
                             {"peer", peer},          {"modem", modem}, {"errors", errors},
                             {"peer_name", signature}};
        std::printf("%s\n", tools::to_json(row, 2).c_str());
        return;
    }
    const bool open = text_of(line, "Open") == "1";
    std::printf(
        "%s\n  set here     %s\n  line         %s%s%s\n  peer says    %s%s%s\n"
        "  modem lines  %s\n  errors       %s\n",
        name.c_str(), control.empty() ? "-" : control.c_str(), in_words(line).c_str(),
        text_of(line, "Break") == "1" ? ", break" : "", open ? "" : " (no program has it open)",
        in_words(peer).c_str(), signature.empty() ? "" : " by ", signature.c_str(),
        list_of(modem).c_str(), list_of(errors).c_str());
}

/// A saved port comes back with what is set now. Who may set a line need not be who may save.
void save(const Realm& realm, const std::string& name, io_registry_entry_t client) {
    const std::string line = string_property(client, kLineControlKey).value_or("");
    if (const Status saved = SavedPorts(realm).set_line(name, line); !saved.ok())
        tools::print_error(
            "opendext serial set",
            "it is set, and not saved for the next start of the realm: " + saved.error().text());
}

}  // namespace

int set(const Words& arguments) {
    bool json = false;
    tools::CommandLine line("opendext serial set", "NAME [KEY=VALUE]…",
                            "Sets the line of a serial port, or shows how it is set.");
    line.flag("--json", json, "show it as an object")
        .footer(
            "What is set holds until it is set to auto: then the application, open and close say\n"
            "it again; for a port added with --save also over restarts of the realm. Programs\n"
            "cannot set these through the port's terminal.\n"
            "  bits=5|6|7|8|auto         data bits\n"
            "  parity=none|odd|even|mark|space|auto\n"
            "  stop=1|1.5|2|auto         stop bits\n"
            "  flow=none|rtscts|xonxoff|auto\n"
            "  dtr=0|1|auto  rts=0|1|auto\n"
            "  break=250ms               a break of that length, 1ms to 10s; the port has to be "
            "open\n"
            "Without KEY=VALUE it shows what is set, what the other end of a link with RFC 2217\n"
            "has confirmed, its modem lines, and line errors.");
    if (const auto status = line.parse(arguments, 1, 100)) return *status;
    const std::string& name = line.operands().front();
    std::string words;
    for (size_t i = 1; i < line.operands().size(); ++i)
        words += (words.empty() ? "" : " ") + line.operands()[i];
    LineControl control;
    uint32_t break_ms = 0;
    if (const Status parsed = control.apply(words, break_ms); !parsed.ok())
        return line.usage_error(parsed.error().message);

    const Realm realm = line.realm();
    const Error missing{Errc::not_found, 0, "there is no port " + name};
    if (!tools::realm_is_up(realm)) return line.failure(missing);
    opendext_set_realm(realm.root().c_str());
    const IOHandle client = find_client(name);
    if (!client) return line.failure(missing);
    const std::string device = string_property(client.get(), kIOCalloutDeviceKey).value_or("");
    const bool has_driver = string_property(client.get(), "SerialBackend") == "pty";
    if (!words.empty()) {
        const Status done =
            has_driver ? set_line(client.get(), words) : set_tty(device, control, break_ms);
        if (!done.ok()) return line.failure(done.error());
        if (has_driver) save(realm, name, client.get());
    } else if (has_driver) {
        show(name, client.get(), json);
    } else {
        const auto shown = describe_tty(device);
        if (!shown.ok()) return line.failure(shown.error());
        if (json) {
            std::printf("%s\n", tools::to_json(Dictionary{{"name", name},
                                                          {"set", ""},
                                                          {"line", *shown},
                                                          {"peer", Dictionary{}},
                                                          {"modem", Dictionary{}},
                                                          {"errors", Dictionary{}},
                                                          {"peer_name", ""}},
                                               2)
                                    .c_str());
        } else {
            std::printf("%s\n  line         %s\n", name.c_str(), in_words(*shown).c_str());
        }
    }
    return tools::kExitSuccess;
}

}  // namespace opendext::serial_tcp::cli
