// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/registry.h"

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <mach/mach_error.h>
#include <opendext/client.h>

#include <algorithm>
#include <cstdio>

namespace opendext::serial_tcp {
namespace {

CFTypeRef copy_property(io_registry_entry_t entry, const char* key, bool parents) {
    CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
    CFTypeRef value = parents ? IORegistryEntrySearchCFProperty(
                                    entry, kIOServicePlane, name, nullptr,
                                    kIORegistryIterateRecursively | kIORegistryIterateParents)
                              : IORegistryEntryCreateCFProperty(entry, name, nullptr, 0);
    CFRelease(name);
    return value;
}

std::optional<std::string> to_text(CFTypeRef value) {
    char text[4096];
    if (value == nullptr || CFGetTypeID(value) != CFStringGetTypeID() ||
        !CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof text,
                            kCFStringEncodingUTF8)) {
        return std::nullopt;
    }
    return text;
}

std::optional<int64_t> to_number(CFTypeRef value) {
    int64_t number = 0;
    if (value == nullptr || CFGetTypeID(value) != CFNumberGetTypeID() ||
        !CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &number)) {
        return std::nullopt;
    }
    return number;
}

}  // namespace

std::optional<std::string> string_property(io_registry_entry_t entry, const char* key,
                                           bool parents) {
    CFTypeRef value = copy_property(entry, key, parents);
    auto text = to_text(value);
    if (value != nullptr) CFRelease(value);
    return text;
}

namespace {

CFMutableDictionaryRef make_table() {
    return CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                     &kCFTypeDictionaryValueCallBacks);
}

void set(CFMutableDictionaryRef table, const char* key, CFTypeRef value) {
    CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
    CFDictionarySetValue(table, name, value);
    CFRelease(name);
    CFRelease(value);
}

/// Adds "has this property" to a matching dictionary.
void set_property_match(CFMutableDictionaryRef matching, const char* key,
                        const std::string& value) {
    CFMutableDictionaryRef wanted = make_table();
    set(wanted, key, CFStringCreateWithCString(nullptr, value.c_str(), kCFStringEncodingUTF8));
    set(matching, kIOPropertyMatchKey, wanted);
}

std::vector<IOHandle> services(CFDictionaryRef matching) {
    std::vector<IOHandle> result;
    IOHandle iterator;
    if (IOServiceGetMatchingServices(kIOMainPortDefault, matching, iterator.out()) !=
        KERN_SUCCESS) {
        return result;
    }
    while (const io_object_t service = IOIteratorNext(iterator.get())) result.emplace_back(service);
    return result;
}

}  // namespace

std::vector<IOHandle> services(const char* class_name) {
    return services(static_cast<CFDictionaryRef>(IOServiceMatching(class_name)));
}

CFMutableDictionaryRef matching(const char* class_name, const char* key, const std::string& value) {
    CFMutableDictionaryRef result = IOServiceMatching(class_name);
    set_property_match(result, key, value);
    return result;
}

CFMutableDictionaryRef matching_parent(const char* class_name, const char* key,
                                       const std::string& value) {
    CFMutableDictionaryRef result = IOServiceMatching(class_name);
    CFMutableDictionaryRef parent = make_table();
    set_property_match(parent, key, value);
    set(result, kIOParentMatchKey, parent);
    return result;
}

namespace {

/// All properties of one entry, asked for at once.
class Properties {
  public:
    explicit Properties(io_registry_entry_t entry) {
        if (entry != IO_OBJECT_NULL)
            (void)IORegistryEntryCreateCFProperties(entry, &table_, nullptr, 0);
    }
    Properties(const Properties&) = delete;
    Properties& operator=(const Properties&) = delete;
    ~Properties() {
        if (table_ != nullptr) CFRelease(table_);
    }
    [[nodiscard]] std::string text(const char* key) const {
        return to_text(find(key)).value_or("");
    }
    [[nodiscard]] uint64_t number(const char* key) const {
        return static_cast<uint64_t>(to_number(find(key)).value_or(0));
    }

  private:
    [[nodiscard]] CFTypeRef find(const char* key) const {
        if (table_ == nullptr) return nullptr;
        CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
        CFTypeRef value = CFDictionaryGetValue(table_, name);
        CFRelease(name);
        return value;
    }
    CFMutableDictionaryRef table_ = nullptr;
};

IOHandle parent_of(io_registry_entry_t entry) {
    IOHandle parent;
    if (entry == IO_OBJECT_NULL ||
        IORegistryEntryGetParentEntry(entry, kIOServicePlane, parent.out()) != KERN_SUCCESS) {
        parent.reset();
    }
    return parent;
}

PortInfo read_port(io_registry_entry_t client) {
    const IOHandle driver = parent_of(client);
    const IOHandle nub = parent_of(driver.get());
    const Properties node(client);
    const Properties link(driver.get());
    const Properties settings(nub.get());
    PortInfo port;
    port.name = node.text(kIOTTYDeviceKey);
    port.device = node.text(kIOCalloutDeviceKey);
    port.dialin = node.text(kIODialinDeviceKey);
    port.backend = node.text("SerialBackend");
    port.remote = settings.text("SerialOverTCPRemote");
    port.options = settings.text("SerialOverTCPOptions");
    port.state = link.text("SerialOverTCPState");
    port.peer = link.text("SerialOverTCPPeer");
    port.last_error = link.text("SerialOverTCPLastError");
    port.protocol = link.text("SerialOverTCPProtocol");
    port.bundle_id = link.text("CFBundleIdentifier");
    port.clients = link.number("SerialOverTCPClients");
    port.connections = link.number("SerialOverTCPConnections");
    port.refused = link.number("SerialOverTCPRefused");
    port.bytes_sent = link.number("SerialOverTCPBytesSent");
    port.bytes_received = link.number("SerialOverTCPBytesReceived");
    port.bytes_dropped = link.number("SerialOverTCPBytesDropped");
    port.bytes_queued = link.number("SerialOverTCPBytesQueued");
    if (driver) port.pid = opendext_service_process(driver.get());
    return port;
}

}  // namespace

std::vector<PortInfo> list_ports() {
    std::vector<PortInfo> ports;
    for (const IOHandle& client : services(kIOSerialBSDServiceValue)) {
        PortInfo port = read_port(client.get());
        if (!port.name.empty()) ports.push_back(std::move(port));  // else it went meanwhile
    }
    std::sort(ports.begin(), ports.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return ports;
}

std::optional<PortInfo> find_port(const std::string& name) {
    const IOHandle client = find_client(name);
    if (!client) return std::nullopt;
    PortInfo port = read_port(client.get());
    if (port.name != name) return std::nullopt;  // it went meanwhile
    return port;
}

IOHandle find_client(const std::string& name) {
    auto clients = services(matching(kIOSerialBSDServiceValue, kIOTTYDeviceKey, name));
    return clients.empty() ? IOHandle() : std::move(clients.front());
}

Status set_line(io_registry_entry_t client, const std::string& words) {
    CFStringRef key = CFStringCreateWithCString(nullptr, kLineControlKey, kCFStringEncodingUTF8);
    CFStringRef value = CFStringCreateWithCString(nullptr, words.c_str(), kCFStringEncodingUTF8);
    const kern_return_t code = IORegistryEntrySetCFProperty(client, key, value);
    CFRelease(value);
    CFRelease(key);
    if (code == KERN_SUCCESS) return success();
    return Error{Errc::kern, 0, io_error("setting the line", code)};
}

void for_each_driver(const std::function<void(io_service_t, uint64_t)>& visit) {
    for (const IOHandle& client : services(kIOSerialBSDServiceValue)) {
        const IOHandle driver = parent_of(client.get());
        uint64_t id = 0;
        if (driver && IORegistryEntryGetRegistryEntryID(driver.get(), &id) == KERN_SUCCESS)
            visit(driver.get(), id);
    }
}

std::string io_error(const char* what, kern_return_t code) {
    const char* reason = opendext_last_error_reason();
    char number[16];
    std::snprintf(number, sizeof number, "0x%08x", static_cast<unsigned>(code));
    return std::string(what) + ": " +
           (reason != nullptr && *reason != 0 ? reason : mach_error_string(code)) + " (" + number +
           ")";
}

}  // namespace opendext::serial_tcp
